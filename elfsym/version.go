package elfsym

import "sync"

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
	f     *File
	index tablePlace // .gnu.version, 2 bytes a symbol
	names map[uint16]versionName
	bytes int   // in them
	err   error // why some of them are missing

	// Records are small and one behind the other: they are read by the page.
	buf, window []byte
	windowOff   uint64
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

// versionsOnce defers reading the version tables.
func (f *File) versionsOnce(p versionPlaces) func() *versionTable {
	return sync.OnceValue(func() *versionTable {
		v := &versionTable{f: f, index: p.versym, names: map[uint16]versionName{}}
		if p.versym.size == 0 {
			return v
		}
		v.index.size = min(v.index.size, 2*p.n)
		v.buf = make([]byte, 2048)
		defer func() { v.buf, v.window = nil, nil }()
		if v.err = v.readDefs(p); v.err == nil {
			v.err = v.readNeeds(p)
		}
		return v
	})
}

// readDefs walks the Verdef records. A link leads forward or ends the chain, so
// it comes to an end; the count is bounded because records may overlap.
func (v *versionTable) readDefs(p versionPlaces) error {
	const part = ".gnu.version_d"
	var b [20]byte
	for pos, left := uint64(0), limitVersions(p.defs); p.verdef.size > 0 && left > 0; left-- {
		if err := v.read(b[:], p.verdef, pos, part); err != nil {
			return err
		}
		flags, ndx, count := v.f.U16(b[2:]), v.f.U16(b[4:])&^verHidden, v.f.U16(b[6:])
		aux, next := uint64(v.f.U32(b[12:])), uint64(v.f.U32(b[16:]))
		// The first Verdaux names the version, further ones its parents.
		if flags&verFlagBase == 0 && count > 0 {
			if err := v.read(b[:8], p.verdef, pos+aux, part); err != nil {
				return err
			}
			if err := v.name(p, ndx, v.f.U32(b[:]), true); err != nil {
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

// readNeeds walks the Verneed records, one for each library, and in each the
// Vernaux records, one for each version.
func (v *versionTable) readNeeds(p versionPlaces) error {
	const part = ".gnu.version_r"
	var b [16]byte
	names := maxVersions
	for pos, left := uint64(0), limitVersions(p.needs); p.verneed.size > 0 && left > 0; left-- {
		if err := v.read(b[:], p.verneed, pos, part); err != nil {
			return err
		}
		count, aux, next := v.f.U16(b[2:]), uint64(v.f.U32(b[8:])), uint64(v.f.U32(b[12:]))
		for at := pos + aux; count > 0 && names > 0; count, names = count-1, names-1 {
			if err := v.read(b[:], p.verneed, at, part); err != nil {
				return err
			}
			if err := v.name(p, v.f.U16(b[6:])&^verHidden, v.f.U32(b[8:]), false); err != nil {
				return err
			}
			more := uint64(v.f.U32(b[12:]))
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

func (v *versionTable) read(b []byte, t tablePlace, pos uint64, part string) error {
	if n := uint64(len(b)); pos > t.size || n > t.size-pos {
		return damaged(part, pos, "a record beyond its end at 0x%x", t.size)
	}
	off := t.off + pos
	// The table's place is a claim, up to 2^64: no sum of it is compared.
	if have := uint64(len(v.window)); off < v.windowOff || off-v.windowOff > have || uint64(len(b)) > have-(off-v.windowOff) {
		v.window = v.buf[:min(uint64(len(v.buf)), t.size-pos)]
		v.windowOff = off
		if err := v.f.readAt(v.window, off, part); err != nil {
			v.window = nil
			return err
		}
	}
	copy(b, v.window[off-v.windowOff:])
	return nil
}

func (v *versionTable) name(p versionPlaces, ndx uint16, at uint32, defined bool) error {
	text, err := p.strs.at(uint64(at), maxVersion)
	if err != nil {
		return err
	}
	if v.bytes += len(text); v.bytes > maxVersionBytes {
		return &FormatError{p.strs.part, Offset(p.strs.off), "names of versions without an end", ErrLimit}
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

// decode is the version that an entry of .gnu.version means, and whether it is
// the default one of its name.
func (v *versionTable) decode(entry uint16) (string, bool) {
	name := v.names[entry&^verHidden] // 0 (local) and 1 (global) have none
	return name.text, name.defined && entry&verHidden == 0 && name.text != ""
}
