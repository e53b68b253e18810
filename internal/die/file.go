package die

import (
	"fmt"
	"sync"

	"github.com/probels/probels/internal/wire"
)

// Sections hands out the sections of a file by name, such as ".debug_info": nil
// without an error if the file lacks one.
type Sections interface {
	Section(name string) (Section, error)
}

// Config is what a File needs to know besides its sections.
type Config struct {
	Big bool // the most significant byte comes first

	// DWO: the sections' names end in ".dwo", as in .dwo and .dwp files.
	DWO bool

	// Sup opens the supplementary file that dwz made (DWARF 5, 7.3.6;
	// .gnu_debugaltlink). It is called once, when something in there is first
	// asked for. Nil: there is none.
	Sup func() (*File, error)

	// Split opens the .dwo or .dwp file that a skeleton unit names (Info's DWOName,
	// CompDir and DWOID). It should give the same File for the same .dwp. Nil, or
	// a nil File: there is none.
	Split func(skeleton *Unit) (*File, error)

	// MaxUnit is the largest unit, in bytes, that is read into memory. 0 means
	// 1 GiB.
	MaxUnit uint64

	// Cache is how many bytes of units are kept once they were read. 0 means 16
	// MiB; one unit is always kept.
	Cache uint64
}

// A File is the DWARF of one file: of a program or its debug file, of a .dwo or
// .dwp, or a supplementary file. It is safe for concurrent use.
type File struct {
	wire.Layout // Big alone is set
	secs        Sections
	c           Config

	info, types *unitList
	abbrev      Section

	str, lineStr                                      *pages[string]
	strOffsets, addr, ranges, rnglists, loc, loclists *pages[[]byte]
	sup                                               func() (*File, error)
	sigs                                              func() (map[uint64]*Unit, error)
	pkg                                               func() (*dwpIndexes, error) // of a .dwp

	byAddr      unitIndexes
	lineStrings func() ([]byte, error)

	rootsOnce sync.Once
	rootsLeft *Budget

	mu      sync.Mutex // protects what follows
	abbrevs lru[abbrevKey, *abbrevTable]
	bodies  lru[*Unit, *body]
}

// Open prepares a file; nothing is read but what Sections itself reads.
func Open(s Sections, c Config) (*File, error) {
	if c.MaxUnit == 0 {
		c.MaxUnit = 1 << 30
	}
	if c.Cache == 0 {
		c.Cache = 16 << 20
	}
	f := &File{secs: s, c: c}
	f.Big = c.Big
	info, err := f.Section(".debug_info")
	if err != nil {
		return nil, err
	}
	types, err := f.Section(".debug_types")
	if err != nil {
		types = failed{err}
	}
	if f.abbrev, err = f.Section(".debug_abbrev"); err != nil {
		return nil, err
	}
	f.info = newUnitList(f, info, false)
	f.types = newUnitList(f, types, true)
	f.str, f.lineStr = openPages[string](f, ".debug_str"), openPages[string](f, ".debug_line_str")
	f.strOffsets, f.addr = openPages[[]byte](f, ".debug_str_offsets"), openPages[[]byte](f, ".debug_addr")
	f.ranges, f.rnglists = openPages[[]byte](f, ".debug_ranges"), openPages[[]byte](f, ".debug_rnglists")
	f.loc, f.loclists = openPages[[]byte](f, ".debug_loc"), openPages[[]byte](f, ".debug_loclists")
	f.sup = sync.OnceValues(func() (*File, error) {
		if c.Sup == nil {
			return nil, fmt.Errorf("the supplementary file: %w", ErrMissing)
		}
		sup, err := c.Sup()
		if err == nil && sup == nil {
			err = fmt.Errorf("the supplementary file: %w", ErrMissing)
		}
		return sup, err
	})
	f.sigs = sync.OnceValues(f.signatures)
	f.pkg = sync.OnceValues(f.readIndexes)
	f.byAddr = f.indexes()
	f.lineStrings = sync.OnceValues(func() ([]byte, error) {
		name := ".debug_line_str"
		if c.DWO {
			name += ".dwo"
		}
		return f.ReadWhole(name)
	})
	f.abbrevs.max, f.bodies.max = 4<<20, int64(min(c.Cache, 1<<40))
	return f, nil
}

// Section is a section of the file, ".dwo" added to its name where the file's
// names have that; nil if there is none.
func (f *File) Section(name string) (Section, error) {
	if f.c.DWO {
		name += ".dwo"
	}
	return f.secs.Section(name)
}

// RawSection is a section by its whole name.
func (f *File) RawSection(name string) (Section, error) { return f.secs.Section(name) }

// failed is a section that could not be opened.
type failed struct{ err error }

func (s failed) Size() int64                       { return 1 }
func (s failed) ReadAt([]byte, int64) (int, error) { return 0, s.err }

// openPages opens a section of which pieces are wanted. One that fails to open
// fails when it is asked for something.
func openPages[T string | []byte](f *File, name string) *pages[T] {
	s, err := f.Section(name)
	if err == nil && s != nil && s.Size() > maxPaged {
		s, err = nil, &Error{name, 0, "more than 64 GiB", ErrLimit}
	}
	p := newPages[T](s, name)
	p.err = err
	return p
}

// Sup is the supplementary file.
func (f *File) Sup() (*File, error) { return f.sup() }

// Empty reports whether the file has no units at all.
func (f *File) Empty() bool { return f.info.size == 0 && f.types.size == 0 }

// InfoSize is the size of .debug_info in bytes.
func (f *File) InfoSize() uint64 { return f.info.size }

// An lru keeps what was used last, up to a sum of sizes.
type lru[K comparable, V any] struct {
	max, sum int64
	all      map[K]*lruItem[K, V]
	head     lruItem[K, V] // ring: head.next was used last
}

type lruItem[K comparable, V any] struct {
	prev, next *lruItem[K, V]
	key        K
	val        V
	size       int64
}

func (l *lru[K, V]) get(k K) (v V, ok bool) {
	it := l.all[k]
	if it == nil {
		return v, false
	}
	it.unlink()
	l.push(it)
	return it.val, true
}

func (l *lru[K, V]) put(k K, v V, size int64) {
	if l.all == nil {
		l.all = make(map[K]*lruItem[K, V])
		l.head.prev, l.head.next = &l.head, &l.head
	}
	if old := l.all[k]; old != nil {
		old.unlink()
		l.sum -= old.size
	}
	it := &lruItem[K, V]{key: k, val: v, size: size}
	l.all[k] = it
	l.push(it)
	for l.sum += size; l.sum > l.max && l.head.prev != it; {
		last := l.head.prev
		last.unlink()
		l.sum -= last.size
		delete(l.all, last.key)
	}
}

func (l *lru[K, V]) push(it *lruItem[K, V]) {
	it.prev, it.next = &l.head, l.head.next
	it.prev.next, it.next.prev = it, it
}

func (it *lruItem[K, V]) unlink() {
	it.prev.next, it.next.prev = it.next, it.prev
}

// Sequential reports whether .debug_info is best read from its start on, because
// it has to be inflated.
func (f *File) Sequential() bool {
	s, ok := f.info.s.(interface{ Sequential() bool })
	return ok && s.Sequential()
}
