package dwline

import (
	"bytes"
	"math"
	"strings"

	"github.com/probels/probels/internal/leb128"
)

// A File is an entry of a table of files.
type File struct {
	Name    string
	Dir     uint64   // number of its directory
	ModTime uint64   // seconds, 0 if not written
	Size    uint64   // bytes, 0 if not written
	MD5     [16]byte // of the source, if HasMD5
	HasMD5  bool
	Source  string // the source itself, an extension of LLVM's that GPU compilers use
}

// Files are a table's directories and files. They are immutable.
type Files struct {
	t          *Table
	dirs       []uint32 // where each entry begins, from t.tables
	files      []uint32
	dirFields  []field // version 5
	fileFields []field
}

// Files decodes where the entries of the header are; strings are read when they are asked for. Each call
// does it again. Files that the program itself defines (define_file of versions 2 to 4, which
// nobody writes any more) are not among them: see Define.
func (t *Table) Files() (*Files, error) {
	f := &Files{t: t}
	b := t.s.bytes(t.tables, t.program)
	if len(b) > math.MaxInt32 {
		return nil, damaged(t.tables, "tables of %d bytes", len(b))
	}
	pos, err := 0, error(nil)
	if t.Version >= 5 {
		if f.dirFields, f.dirs, pos, err = t.entries(b, pos); err == nil {
			f.fileFields, f.files, _, err = t.entries(b, pos)
		}
		if err != nil {
			return nil, err
		}
		return f, nil
	}
	for {
		n := bytes.IndexByte(b[pos:], 0)
		if n < 0 {
			return nil, damaged(t.tables+uint64(pos), "the directories have no end")
		}
		if n == 0 {
			pos++
			break
		}
		f.dirs = append(f.dirs, uint32(pos))
		pos += n + 1
	}
	for {
		if pos >= len(b) {
			return nil, damaged(t.tables+uint64(pos), "the files have no end")
		}
		if b[pos] == 0 {
			return f, nil
		}
		_, n, ok := oldFile(b[pos:])
		if !ok {
			return nil, damaged(t.tables+uint64(pos), "a file's entry has no end")
		}
		f.files = append(f.files, uint32(pos))
		pos += n
	}
}

// oldFile reads an entry as versions 2 to 4 have it.
func oldFile(b []byte) (f File, size int, ok bool) {
	n := bytes.IndexByte(b, 0)
	if n < 0 {
		return f, 0, false
	}
	f.Name = string(b[:n])
	pos := n + 1
	for _, v := range [...]*uint64{&f.Dir, &f.ModTime, &f.Size} {
		x, n := leb128.Uint(b[pos:])
		if n == 0 {
			return f, 0, false
		}
		*v = x
		pos += n
	}
	return f, pos, true
}

// entries reads a table of version 5: its fields, and where each entry is.
func (t *Table) entries(b []byte, pos int) (fields []field, offs []uint32, end int, err error) {
	at := t.tables + uint64(pos)
	if pos >= len(b) {
		return nil, nil, 0, damaged(at, "no room for an entry format")
	}
	n := int(b[pos])
	pos++
	fields = make([]field, n)
	for i := range fields {
		for _, v := range [...]*uint64{&fields[i].content, &fields[i].form} {
			x, n := leb128.Uint(b[pos:])
			if n == 0 {
				return nil, nil, 0, damaged(at, "no room for an entry format")
			}
			*v = x
			pos += n
		}
	}
	count, k := leb128.Uint(b[pos:])
	pos += k
	if k == 0 || count > 0 && n == 0 || count > uint64(len(b)-pos) {
		return nil, nil, 0, damaged(at, "no room for %d entries", count)
	}
	offs = make([]uint32, count)
	l := t.s.layout(t.Is64)
	for i := range offs {
		offs[i] = uint32(pos)
		for _, f := range fields {
			size, ok := f.size(b[pos:], l)
			if !ok {
				return nil, nil, 0, damaged(t.tables+uint64(pos), "an entry of form 0x%x", f.form)
			}
			pos += size
		}
	}
	return fields, offs, pos, nil
}

// First is the lowest file number: 0 from version 5 on, where it is the unit's own file, else 1.
func (f *Files) First() uint32 {
	if f.t.Version >= 5 {
		return 0
	}
	return 1
}

// End is behind the highest file number.
func (f *Files) End() uint32 { return f.First() + uint32(len(f.files)) }

// Dirs is behind the highest directory number; the lowest is 0.
func (f *Files) Dirs() uint64 {
	if f.t.Version >= 5 {
		return uint64(len(f.dirs))
	}
	return uint64(len(f.dirs)) + 1
}

// File is the entry with a row's file number, or a DW_AT_decl_file's.
func (f *Files) File(i uint32) (File, error) {
	if i < f.First() || i >= f.End() {
		return File{}, missing(f.t.Off, "no file %d", i)
	}
	at := uint64(f.files[i-f.First()])
	b := f.t.s.bytes(f.t.tables+at, f.t.End)
	if f.t.Version >= 5 {
		return f.t.entry(f.fileFields, b, f.t.tables+at)
	}
	e, _, _ := oldFile(b)
	return e, nil
}

// entry reads an entry that entries has measured.
func (t *Table) entry(fields []field, b []byte, off uint64) (e File, err error) {
	l := t.s.layout(t.Is64)
	named := false
	for _, f := range fields {
		n, ok := f.size(b, l)
		if !ok {
			return e, damaged(off, "an entry of form 0x%x", f.form)
		}
		v, isNumber := f.number(b, l)
		switch f.content {
		case lnctPath:
			if e.Name, err = t.text(f, b[:n], off); err != nil {
				return e, err
			}
			named = true
		case lnctDirectoryIndex:
			if !isNumber {
				return e, damaged(off, "a directory's number of form 0x%x", f.form)
			}
			e.Dir = v
		case lnctTimestamp:
			e.ModTime = v
		case lnctSize:
			e.Size = v
		case lnctMD5:
			if f.form == formData16 {
				e.HasMD5 = true
				copy(e.MD5[:], b)
			}
		case lnctLLVMSource:
			if e.Source, err = t.text(f, b[:n], off); err != nil {
				return e, err
			}
		}
		b, off = b[n:], off+uint64(n)
	}
	if !named {
		return e, damaged(off, "an entry without a name")
	}
	return e, nil
}

// Dir is a directory, not joined with any other; directory 0 up to version 4 is "", for only
// .debug_info knows it.
func (f *Files) Dir(i uint64) (string, error) {
	if i >= f.Dirs() {
		return "", missing(f.t.Off, "no directory %d", i)
	}
	if f.t.Version >= 5 {
		at := f.t.tables + uint64(f.dirs[i])
		e, err := f.t.entry(f.dirFields, f.t.s.bytes(at, f.t.program), at)
		return e.Name, err
	}
	if i == 0 {
		return "", nil
	}
	b := f.t.s.bytes(f.t.tables+uint64(f.dirs[i-1]), f.t.program)
	return string(b[:bytes.IndexByte(b, 0)]), nil
}

// Path joins the file's name, its directory and the compilation's, as far as each is relative to the
// next. compDir is the unit's DW_AT_comp_dir, which is used up to version 4 only: version 5 has it as
// directory 0. Either may be relative itself ("./csu", where a build hides its place). Nothing is
// cleaned: "a/../b" may not be "b".
func (f *Files) Path(i uint32, compDir string) (string, error) {
	e, err := f.File(i)
	if err != nil {
		return "", err
	}
	return f.join(e, compDir)
}

func (f *Files) join(e File, compDir string) (string, error) {
	if isAbs(e.Name) {
		return e.Name, nil
	}
	dir, err := f.Dir(e.Dir)
	if err != nil {
		return "", err
	}
	path := join(dir, e.Name)
	if f.t.Version < 5 {
		return join(compDir, path), nil
	}
	if e.Dir != 0 && !isAbs(path) {
		if dir, err = f.Dir(0); err != nil {
			return "", err
		}
		path = join(dir, path)
	}
	return path, nil
}

// Define runs the program for the files that it defines itself, and returns Files with them.
func (f *Files) Define() (*Files, error) {
	if f.t.Version >= 5 {
		return f, nil
	}
	g := *f
	g.files = append([]uint32(nil), f.files...)
	var m machine
	m.init(f.t, f.t.program, f.t.End)
	for len(m.b) > 0 {
		if m.b[0] == 0 {
			if size, n := leb128.Uint(m.b[1:]); n > 0 && size > 1 && size <= uint64(len(m.b)-1-n) && m.b[1+n] == lneDefineFile {
				if _, used, ok := oldFile(m.b[2+n:][:size-1]); !ok || used != int(size-1) {
					return nil, damaged(m.off(), "a file's entry has no end")
				}
				g.files = append(g.files, uint32(m.off()+2+uint64(n)-f.t.tables))
			}
		}
		if op := m.b[0]; op >= f.t.OpcodeBase {
			m.b = m.b[1:]
		} else if op == 0 {
			m.extended()
		} else {
			m.standard(op)
		}
	}
	if m.err != nil {
		return nil, m.err
	}
	return &g, nil
}

// isAbs: paths are the build machine's, and that may have been Windows.
func isAbs(p string) bool {
	return strings.HasPrefix(p, "/") || strings.HasPrefix(p, `\`) ||
		len(p) > 2 && p[1] == ':' && (p[2] == '\\' || p[2] == '/')
}

func join(dir, p string) string {
	if dir == "" || isAbs(p) {
		return p
	}
	if strings.HasSuffix(dir, "/") || strings.HasSuffix(dir, `\`) {
		return dir + p
	}
	return dir + "/" + p
}
