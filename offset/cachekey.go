package offset

import (
	"encoding/binary"
	"os"
	"syscall"
	"time"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
)

// A fileState is what the kernel tells a file by, and a state of it. Whoever may
// write to a file can set its size and time of modification as they like, but not
// the time of change.
//
// A device number is used again when its file system has gone, and a file system such as
// FUSE says of its files what its owner likes. The number of the mount is not used
// again, where the kernel knows such numbers (Linux 6.8).
type fileState struct {
	mount                uint64 // 0 if not known
	dev                  uint64 // major<<32 | minor
	inode, size          uint64
	modified, changed    int64 // seconds
	modifiedNs, changeNs uint32
}

// lasts reports whether no other file will ever be told by the same numbers. A
// major number of 0 is that of file systems without a device, which a container can
// mount.
func (s *fileState) lasts() bool { return s.mount != 0 || s.dev>>32 != 0 }

func (s *fileState) append(b []byte) []byte {
	for _, n := range [...]uint64{s.mount, s.dev, s.inode, s.size, uint64(s.modified), uint64(s.changed)} {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	b = binary.LittleEndian.AppendUint32(b, s.modifiedNs)
	return binary.LittleEndian.AppendUint32(b, s.changeNs)
}

// racy is how old a state must be when a file is opened, so that any change after
// that gives it another time: the coarsest clock, FAT's, ticks every two seconds.
const racy = 2 * time.Second

// An identity is what answers about an open file are kept by; the zero value if
// nothing is kept.
type identity struct {
	conn  syscall.RawConn // of the file; nil if nothing is kept
	state fileState
}

// identify is asked before the file is read.
func (c *Cache) identify(f *os.File) identity {
	if c == nil {
		return identity{}
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return identity{}
	}
	since := c.now() // before it is looked at
	state, ok := stateOf(conn)
	if !ok {
		return identity{}
	}
	for _, t := range []time.Time{time.Unix(state.modified, int64(state.modifiedNs)), time.Unix(state.changed, int64(state.changeNs))} {
		if since.Sub(t) < racy { // in the future too
			return identity{}
		}
	}
	return identity{conn, state}
}

// same reports whether the file is as it was when it was opened.
func (i *identity) same() bool {
	if i.conn == nil {
		return false
	}
	now, ok := stateOf(i.conn)
	return ok && now == i.state
}

// maxBuildID is the longest build-id that is part of a key, in digits; real ones
// have 16 to 128.
const maxBuildID = 512

// appendFile writes what identifies the target's file.
func (t *Target) appendFile(b []byte) []byte {
	b = t.ident.state.append(b)
	b = binary.AppendUvarint(b, uint64(t.f.Base()))
	return appendText(b, t.buildID)
}

// appendOptions writes those that any answer can depend on.
func (o *Options) appendOptions(b []byte) []byte {
	b = appendLimits(b, o.Limits)
	b = append(b, flag(o.OwnTables), byte(o.Least))
	return b
}

// appendSearch writes those that count where more than the file's own bytes does,
// but for the root and the Fetcher.
func (o *Options) appendSearch(b []byte) []byte {
	b = appendDWARF(b, o.DWARF)
	d := o.search()
	b = append(b, flag(d.Dirs == nil), flag(d.CheckCRC))
	for _, list := range [][]string{d.Dirs, d.HostDirs} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, text := range list {
			b = appendText(b, text)
		}
	}
	b = appendLimits(b, d.Limits.ELF)
	b = binary.AppendVarint(b, d.Limits.CRC)
	b = binary.AppendUvarint(b, d.Limits.MiniDebug)
	return binary.AppendUvarint(b, d.Limits.MiniDebugDict)
}

func appendLimits(b []byte, l elfsym.Limits) []byte {
	b = binary.AppendUvarint(b, l.Table)
	b = binary.AppendUvarint(b, l.Inflate)
	b = binary.AppendUvarint(b, l.Sections)
	return binary.AppendUvarint(b, l.Symbols)
}

func appendDWARF(b []byte, l dwarfinfo.Limits) []byte {
	b = binary.AppendUvarint(b, l.Unit)
	return binary.AppendUvarint(b, l.Cache)
}

func appendText(b []byte, text string) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

// appendRoot writes what tells the directory that debug files are searched in from
// others; false if nothing does for good.
//
// Of another process's root the path says nothing: numbers of processes are used
// again. Where the kernel does not tell mounts apart for good, the process itself is
// what does.
func appendRoot(b []byte, dir string) ([]byte, bool) {
	if dir == "" {
		return append(b, 0), true
	}
	state, ok := stateAt(dir)
	if !ok {
		return b, false
	}
	// What happens in the directory changes these, and is what Age is for.
	state.size, state.modified, state.changed, state.modifiedNs, state.changeNs = 0, 0, 0, 0, 0
	b = state.append(append(b, 1))
	if state.mount != 0 {
		return b, true
	}
	b = appendText(b, dir)
	if process, pid, ok := processRoot(dir); ok {
		now, err := readState(process, pid)
		if err != nil {
			return b, false
		}
		b = binary.AppendUvarint(b, now.start)
	}
	return b, true
}

// appendKey writes what a spec asks; not which objects of a process it is about.
func (s *Spec) appendKey(b []byte) []byte {
	for _, text := range [...]string{s.fn.name, s.plus.name, s.static.file, s.static.name, s.usdt, s.pattern, s.buildID} {
		b = appendText(b, text)
	}
	for _, n := range [...]uint64{s.fn.addend, s.plus.addend, s.static.addend, uint64(s.line)} {
		b = binary.AppendUvarint(b, n)
	}
	b = append(b, flag(s.addr != nil), flag(s.off != nil))
	if s.addr != nil {
		b = binary.AppendUvarint(b, uint64(*s.addr))
	}
	if s.off != nil {
		b = binary.AppendUvarint(b, uint64(*s.off))
	}
	return b
}
