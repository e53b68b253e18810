package dwarfinfo

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/dwline"
)

// lineTables reads the units' line-number programs, one at a time and only those
// asked for, and keeps the last ones.
type lineTables struct {
	d *Data

	mu   sync.Mutex // protects what follows
	kept map[*die.Unit]*lineTable
	sum  uint64 // bytes of programs kept
}

// A lineTable is a unit's table and its files.
type lineTable struct {
	*dwline.Table
	files   *dwline.Files
	compDir string
	size    uint64
}

func (t *lineTable) path(i uint64) (string, error) {
	if i > math.MaxUint32 {
		return "", fmt.Errorf("file %d of a unit: %w", i, ErrDamaged)
	}
	return t.files.Path(uint32(i), t.compDir)
}

// keptLines is how many bytes of line-number programs are kept.
const keptLines = 4 << 20

func newLineTables(d *Data) *lineTables {
	return &lineTables{d: d, kept: make(map[*die.Unit]*lineTable)}
}

// of is the table of a unit; nil if it has none.
func (l *lineTables) of(u *die.Unit) (*lineTable, error) {
	// Type units of a .dwo have a table there; a split compilation unit counts in
	// its skeleton's (DWARF 5, 3.1.2).
	if !u.Info().HasLine && u.Skeleton() != nil {
		u = u.Skeleton()
	}
	if r := u.Info(); !r.HasLine {
		return nil, r.Err()
	}
	l.mu.Lock()
	t := l.kept[u]
	l.mu.Unlock()
	if t != nil {
		return t, nil
	}
	t, err := l.read(u)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sum+t.size > keptLines {
		clear(l.kept)
		l.sum = 0
	}
	if l.kept[u] == nil {
		l.kept[u] = t
		l.sum += t.size
	}
	return t, nil
}

// read reads the program of one unit and no other.
func (l *lineTables) read(u *die.Unit) (*lineTable, error) {
	r := u.Info()
	prog, err := u.File.LineProgram(r.Line)
	if err != nil {
		return nil, err
	}
	s := &dwline.Sections{Line: prog, Base: r.Line, Big: u.File.Big, AddrSize: u.AddrSize, Zero: l.d.inCode(0)}
	if s.LineStr, err = u.File.LineStrings(); err != nil {
		return nil, err
	}
	t, err := s.Table(r.Line)
	if err == nil {
		var files *dwline.Files
		if files, err = t.Files(); err == nil {
			return &lineTable{t, files, r.CompDir, uint64(len(prog))}, nil
		}
	}
	return nil, lineError(err)
}

// lineError gives an error of the line table's this package's kind too.
func lineError(err error) error {
	if errors.Is(err, dwline.ErrFormat) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// DeclFile is the source file that declares the function, joined with the
// directories that DWARF gives; "" if that is unknown. Line is the line in it.
func (f *Func) DeclFile() (string, error) {
	if f.declUnit == nil || f.declFile == 0 && f.declUnit.Version < 5 {
		return "", nil
	}
	t, err := f.d.lines.of(f.declUnit)
	if t == nil {
		return "", err
	}
	return t.path(f.declFile)
}

// lineAt is the source line of an address in a unit's code; "" and 0 if the
// table does not say.
func (d *Data) lineAt(u *die.Unit, a elfsym.Addr) (file string, line, column int, err error) {
	t, err := d.lines.of(u)
	if t == nil {
		return "", 0, 0, err
	}
	row, _, ok, err := t.At(uint64(a))
	if !ok {
		return "", 0, 0, lineError(err)
	}
	file, err = t.path(uint64(row.File))
	return file, int(row.Line), int(row.Column), err
}
