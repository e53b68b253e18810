package offset

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/glob"
)

// ObjectKind says what a process has mapped.
type ObjectKind uint8

const (
	ObjectFile    ObjectKind = iota // a file with a name
	ObjectDeleted                   // a file whose name is gone, or is another file's now
	ObjectMemfd                     // a file that only ever was in memory (memfd_create), as libstapsdt makes
	ObjectVDSO                      // code of the kernel's, in no file
	ObjectOther                     // shared memory, a device: nothing that a uprobe can be put on
)

// String is the kind's name in JSON.
func (k ObjectKind) String() string {
	return [...]string{"file", "deleted", "memfd", "vdso", "other"}[min(k, ObjectOther)]
}

// vdso is the name of the kernel's code in a process.
const vdso = "[vdso]"

// An Object is one file that a process has mapped executable or, of an archive
// that libraries are executed from, one library in it. All its mappings are in
// it, those of a second copy (dlmopen) too. It is immutable and safe for
// concurrent use, until its Process is closed.
type Object struct {
	Kind ObjectKind

	// Target lists and resolves what is in the file, with run-time addresses;
	// nil if Err says that the file could not be opened, or is none.
	Target *Target
	Err    error

	// Path is where the file can be opened and attached to from here. It was
	// the same file when the process was opened. Where no path leads to the file, it is
	// a link below /proc/PID, good as long as the mapping is.
	Path string

	// MappedPath is what the process calls the file, as seen from its own root
	// directory; of a library in an archive "ARCHIVE!/MEMBER", or "!0xOFFSET" if it is no
	// member of a zip file.
	MappedPath string

	// Base is where in the file the ELF header is; 0 but in an archive. Offsets
	// of locations include it.
	Base elfsym.Offset

	// Mappings are in the order of their addresses.
	Mappings []Mapping

	p      *Process
	file   *os.File
	ident  identity // of the file
	biases []uint64
}

// A Mapping is a piece of a file in a process.
type Mapping struct {
	Start, End uint64        // run-time addresses; End is exclusive
	Offset     elfsym.Offset // of Start in the file
	Flags      elf.ProgFlag  // PF_R, PF_W, PF_X
}

// Process is the process that the object is of.
func (o *Object) Process() *Process { return o.p }

func (o *Object) close() error {
	var errs []error
	if o.Target != nil {
		errs = append(errs, o.Target.Close())
	}
	if o.file != nil {
		errs = append(errs, o.file.Close())
	}
	return errors.Join(errs...)
}

// Matches reports whether a pattern means the object: a whole path, by either of
// its names, or the last part of one ("libssl.so*").
func (o *Object) Matches(pattern string) bool {
	g := glob.New(pattern)
	for _, name := range []string{o.MappedPath, o.Path} {
		if name != "" && (name == pattern || g.Match(name) || g.Match(path.Base(name))) {
			return true
		}
	}
	return false
}

// Addresses are the run-time addresses of the byte at a place in the file, in
// mappings that have all of the flags: one, but for a file that is mapped
// several times, and none where that part is not mapped. This is what the kernel
// does to find where a uprobe hits (offset_to_vaddr in kernel/events/uprobes.c).
func (o *Object) Addresses(off elfsym.Offset, flags elf.ProgFlag) []uint64 {
	var out []uint64
	for _, m := range o.Mappings {
		if m.Flags&flags == flags && off >= m.Offset && uint64(off-m.Offset) < m.End-m.Start {
			out = append(out, m.Start+uint64(off-m.Offset))
		}
	}
	return out
}

// only is the one run-time address of code at a place in the file.
func (o *Object) only(off elfsym.Offset) (uint64, bool) {
	if o == nil {
		return 0, false
	}
	at := o.Addresses(off, elf.PF_X)
	if len(at) != 1 {
		return 0, false
	}
	return at[0], true
}

// FileOffset is the place in the file of the byte at a run-time address; false
// if the object is not mapped there.
func (o *Object) FileOffset(addr uint64) (elfsym.Offset, bool) {
	for _, m := range o.Mappings {
		if m.Start <= addr && addr < m.End && uint64(m.Offset) <= math.MaxUint64-(addr-m.Start) {
			return m.Offset + elfsym.Offset(addr-m.Start), true
		}
	}
	return 0, false
}

// Biases are the differences between run-time and link-time addresses: one,
// which is 0 for a program that is not position independent; several for a file
// that is loaded more than once; none if the mappings are not as its program
// headers say. They are modulo 2^64, or 2^32 for 32-bit files.
func (o *Object) Biases() []uint64 { return slices.Clone(o.biases) }

// Addr is the link-time address of a run-time one.
func (o *Object) Addr(addr uint64) (elfsym.Addr, error) {
	off, ok := o.FileOffset(addr)
	if !ok || o.Target == nil {
		return 0, fmt.Errorf("0x%x: not in %s", addr, o.MappedPath)
	}
	segs := o.Target.f.Segments()
	// The bias whose address is at this very place in the file.
	for _, bias := range o.biases {
		a := o.wrap(addr - bias)
		if at, err := segs.Offset(elfsym.Addr(a)); err == nil && at == off {
			return elfsym.Addr(a), nil
		}
	}
	return 0, &elfsym.AddrError{Addr: elfsym.Addr(addr), Reason: "mapped from a part of " + o.MappedPath + " that no segment loads there"}
}

// findBiases compares the mappings of code with the program headers.
func (o *Object) findBiases() {
	var segments []elfsym.Segment
	for _, s := range o.Target.f.Segments().All() {
		if s.Type == elf.PT_LOAD && s.Flags&elf.PF_X != 0 && s.FileSize > 0 {
			segments = append(segments, s)
		}
	}
	for _, m := range o.Mappings {
		if m.Flags&elf.PF_X == 0 {
			continue
		}
		for _, s := range segments {
			// The part of the segment's bytes that this mapping shows.
			from := max(s.Offset, m.Offset)
			end := m.Offset + elfsym.Offset(min(m.End-m.Start, math.MaxUint64-uint64(m.Offset)))
			if from >= end || uint64(from-s.Offset) >= s.FileSize {
				continue
			}
			bias := o.wrap(m.Start + uint64(from-m.Offset) - uint64(s.Addr) - uint64(from-s.Offset))
			if !slices.Contains(o.biases, bias) {
				o.biases = append(o.biases, bias)
			}
		}
	}
	if len(segments) < 2 {
		return
	}
	// Two segments that share a page of the file are both mapped with all of it, so
	// that a mapping shows bytes of the other one, where nobody runs them. At the true
	// bias every segment is.
	var whole []uint64
	for _, bias := range o.biases {
		if !slices.ContainsFunc(segments, func(s elfsym.Segment) bool {
			return !slices.Contains(o.Addresses(s.Offset, 0), o.wrap(uint64(s.Addr)+bias))
		}) {
			whole = append(whole, bias)
		}
	}
	if len(whole) > 0 {
		o.biases = whole // else a part is unmapped by now: all are told
	}
}

func (o *Object) wrap(a uint64) uint64 {
	if o.Target.f.Class() == elf.ELFCLASS32 {
		return a & math.MaxUint32
	}
	return a
}

// Semaphore is the present value of a USDT probe's counter, given its place in
// the file (Location.RefCtrOffset, usdt.Site.RefCtrOffset): not 0 if
// somebody listens, and no count of listeners, as the kernel adds 1 for all uprobes at
// one place. It takes the right to trace the process; the error wraps
// fs.ErrPermission where that is lacking.
func (o *Object) Semaphore(refCtr elfsym.Offset) (uint16, error) {
	at := o.Addresses(refCtr, elf.PF_W)
	if len(at) != 1 || o.Target == nil {
		return 0, fmt.Errorf("semaphore at 0x%x of %s: mapped writable %d times", uint64(refCtr), o.MappedPath, len(at))
	}
	mem, err := o.p.mem()
	if err != nil {
		return 0, o.p.denied("its memory", err)
	}
	if at[0] > math.MaxInt64 {
		return 0, fmt.Errorf("semaphore at address 0x%x: out of reach", at[0])
	}
	var b [2]byte
	if _, err := mem.ReadAt(b[:], int64(at[0])); err != nil {
		return 0, o.p.denied("its memory", err)
	}
	if o.Target.f.ByteOrder() == elf.ELFDATA2MSB {
		return binary.BigEndian.Uint16(b[:]), nil
	}
	return binary.LittleEndian.Uint16(b[:]), nil
}

// At is the object that has a run-time address; nil if none has.
func (p *Process) At(addr uint64) *Object {
	for _, o := range p.objects {
		for _, m := range o.Mappings {
			if m.Start <= addr && addr < m.End {
				return o
			}
		}
	}
	return nil
}

// describe is the object in a message.
func (o *Object) describe() string {
	if o.MappedPath == "" || strings.HasPrefix(o.Path, o.MappedPath) {
		return o.Path
	}
	return o.MappedPath
}
