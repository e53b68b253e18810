package elfsym

import (
	"sync"
	"sync/atomic"
)

// versionPlaces is where the three tables of GNU symbol versioning are.
type versionPlaces struct {
	versym, verdef, verneed tablePlace
	defs, needs             uint32 // records in verdef and verneed; 0 if unknown
	n                       uint64 // symbols
	strs                    *stringTable
}

// versionTable tells the version of a dynamic symbol. .gnu.version has an index
// for each symbol; .gnu.version_d names the indexes of versions that this file
// defines, .gnu.version_r of those that it wants of others (LSB Core, "Symbol
// Versioning").
type versionTable struct {
	f      *File
	places versionPlaces
	index  tablePlace // .gnu.version, 2 bytes a symbol

	once   sync.Once
	loaded atomic.Bool // what follows is there
	names  map[uint16]versionName
	bytes  int   // in them
	err    error // why some of them are missing
}

type versionName struct {
	text    string
	defined bool // by this file
}

const (
	verHidden   = 0x8000 // in the index: not what a linker takes for the bare name
	verFlagBase = 1      // in vd_flags: names the file itself
	maxVersions = 0x8000 // an index has 15 bits

	// Records may overlap, and share their names. libc's have 1 KB.
	maxVersionBytes = 1 << 20
)

// init says where the tables are; none is read.
func (v *versionTable) init(f *File, p versionPlaces) {
	v.f, v.places, v.index = f, p, p.versym
	v.index.size = min(v.index.size, 2*p.n)
}

// load reads the names of all versions.
func (v *versionTable) load() {
	v.once.Do(func() {
		v.names = make(map[uint16]versionName)
		if v.index.size > 0 {
			r := versionReader{f: v.f, buf: make([]byte, 2048)}
			if v.err = r.defs(v.places, v.name); v.err == nil {
				v.err = r.needs(v.places, v.name)
			}
		}
		v.loaded.Store(true)
	})
}

// find reads records up to the one with the name of an index. One symbol needs one
// name of what may be hundreds.
func (v *versionTable) find(read *peeker, entry uint16) (found versionName, err error) {
	want := entry &^ verHidden
	if want <= 1 { // local and global have none
		return found, nil
	}
	if v.loaded.Load() {
		return v.names[want], v.err
	}
	r := versionReader{f: v.f, buf: read.buf[:]}
	at, ok := uint32(0), false
	is := func(ndx uint16, text uint32, defined bool) error {
		if ndx != want {
			return nil
		}
		at, ok, found.defined = text, true, defined
		return errStop
	}
	if err = r.defs(v.places, is); err == nil {
		err = r.needs(v.places, is)
	}
	if ok {
		found.text, err = v.places.strs.short(read, uint64(at), maxVersion)
	}
	return found, err
}

// A versionReader walks over records. They are small and one behind the other: they
// are read by as much as buf takes.
type versionReader struct {
	f           *File
	buf, window []byte
	windowOff   uint64
}

// versionFunc is called with the index and the place of the name of a version.
type versionFunc func(ndx uint16, text uint32, defined bool) error

// defs walks the Verdef records. A link leads forward or ends the chain, so
// it comes to an end; the count is bounded because records may overlap.
func (r *versionReader) defs(p versionPlaces, each versionFunc) error {
	const part = ".gnu.version_d"
	for pos, left := uint64(0), limitVersions(p.defs); p.verdef.size > 0 && left > 0; left-- {
		b, err := r.read(20, p.verdef, pos, part)
		if err != nil {
			return err
		}
		flags, ndx, count := r.f.U16(b[2:]), r.f.U16(b[4:])&^verHidden, r.f.U16(b[6:])
		aux, next := uint64(r.f.U32(b[12:])), uint64(r.f.U32(b[16:]))
		// The first Verdaux names the version, further ones its parents.
		if flags&verFlagBase == 0 && count > 0 {
			if b, err = r.read(8, p.verdef, pos+aux, part); err != nil {
				return err
			}
			if err := each(ndx, r.f.U32(b), true); err != nil {
				return err
			}
		}
		if next == 0 {
			break
		}
		pos += next
	}
	return nil
}

// needs walks the Verneed records, one for each library, and in each the
// Vernaux records, one for each version.
func (r *versionReader) needs(p versionPlaces, each versionFunc) error {
	const part = ".gnu.version_r"
	names := maxVersions
	for pos, left := uint64(0), limitVersions(p.needs); p.verneed.size > 0 && left > 0; left-- {
		b, err := r.read(16, p.verneed, pos, part)
		if err != nil {
			return err
		}
		count, aux, next := r.f.U16(b[2:]), uint64(r.f.U32(b[8:])), uint64(r.f.U32(b[12:]))
		for at := pos + aux; count > 0 && names > 0; count, names = count-1, names-1 {
			if b, err = r.read(16, p.verneed, at, part); err != nil {
				return err
			}
			more := uint64(r.f.U32(b[12:]))
			if err := each(r.f.U16(b[6:])&^verHidden, r.f.U32(b[8:]), false); err != nil {
				return err
			}
			if more == 0 {
				break
			}
			at += more
		}
		if next == 0 {
			break
		}
		pos += next
	}
	return nil
}

func limitVersions(claimed uint32) int {
	if claimed == 0 || claimed > maxVersions {
		return maxVersions
	}
	return int(claimed)
}

// read is n bytes of a record, valid until the next call.
func (r *versionReader) read(n uint64, t tablePlace, pos uint64, part string) ([]byte, error) {
	if pos > t.size || n > t.size-pos {
		return nil, damaged(part, pos, "a record beyond its end at 0x%x", t.size)
	}
	off := t.off + pos
	// The table's place is a claim, up to 2^64: no sum of it is compared.
	if have := uint64(len(r.window)); off < r.windowOff || off-r.windowOff > have || n > have-(off-r.windowOff) {
		r.window = r.buf[:min(uint64(len(r.buf)), t.size-pos)]
		r.windowOff = off
		if err := r.f.readAt(r.window, off, part); err != nil {
			r.window = nil
			return nil, err
		}
	}
	return r.window[off-r.windowOff:][:n], nil
}

func (v *versionTable) name(ndx uint16, at uint32, defined bool) error {
	strs := v.places.strs
	text, err := strs.at(uint64(at), maxVersion)
	if err != nil {
		return err
	}
	if v.bytes += len(text); v.bytes > maxVersionBytes {
		return &FormatError{strs.part, Offset(strs.off), "names of versions without an end", ErrLimit}
	}
	v.names[ndx] = versionName{text, defined}
	return nil
}

// all is .gnu.version whole, for a walk over all symbols.
func (v *versionTable) all() ([]byte, error) {
	return v.f.bytes(v.index.off, v.index.size, ".gnu.version")
}

// at is the entry of one symbol.
func (v *versionTable) at(read *peeker, i uint32) (uint16, error) {
	pos := 2 * uint64(i)
	if pos+2 > v.index.size {
		return 0, nil
	}
	b, err := read.peek(v.index.off+pos, 2, ".gnu.version")
	if err != nil {
		return 0, err
	}
	return v.f.U16(b), nil
}

// isDefault reports whether an entry of .gnu.version of that name means the default
// version.
func (n versionName) isDefault(entry uint16) bool {
	return n.defined && entry&verHidden == 0 && n.text != ""
}
