package elfsym

import (
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/probels/probels/internal/wire"
)

// Addr is a link-time address: what symbols, notes and program headers hold. A
// running process adds its load bias.
type Addr uint64

// Offset is a place in a file, in bytes from its start: what the kernel wants
// for a uprobe. It is a type of its own so that an address is never taken for
// one; Segments turns one into the other.
type Offset uint64

// A File is an ELF file that was opened. It is immutable, but for parts that
// are read when first asked for and then kept, errors included, so it is safe
// for concurrent use. Everything that it hands out stays valid after Close.
type File struct {
	name string // for messages; "" if it came without one
	r    io.ReaderAt
	size uint64
	base uint64 // where in r the ELF header is
	lim  Limits
	code *File // see Options.Code
	wire.Layout

	hdr  header
	segs Segments
	head []byte // the first bytes of the file, read at Open

	stat   stater // nil if the reader can't tell
	opened fs.FileInfo
	closer io.Closer

	parts parts
}

// Limits bound what one file may cost. The zero value of a field means its
// default.
type Limits struct {
	// Table is the largest table (section headers, symbol strings, notes) read
	// into memory at once, in bytes. Symbol tables themselves are read in
	// windows and don't count. Default 1 GiB; a table is never larger than its
	// file, so this matters for huge and for sparse files.
	Table uint64

	// Inflate is the largest size, in bytes, that one compressed section may
	// inflate to. Default 1 GiB.
	Inflate uint64

	// Sections is the largest number of section headers. Default 1<<20; a
	// kernel built with -ffunction-sections has some 100,000.
	Sections uint64

	// Symbols is the largest number of entries of one symbol table. A sparse
	// file of a few kilobytes on disk can have 2^32 of them, which would take
	// minutes to walk. Default 1<<26, 1.6 GB of them; the largest programs have
	// some millions.
	Symbols uint64
}

func (l Limits) withDefaults() Limits {
	if l.Table == 0 {
		l.Table = 1 << 30
	}
	if l.Inflate == 0 {
		l.Inflate = 1 << 30
	}
	if l.Sections == 0 {
		l.Sections = 1 << 20
	}
	if l.Symbols == 0 {
		l.Symbols = 1 << 26
	}
	return l
}

// Options for Open and NewFile; nil means the defaults.
type Options struct {
	Limits Limits

	// Code is the executable or library that a separate debug file was made of:
	// what the debug file's symbols need of its bytes (the function descriptors
	// of 64-bit PowerPC) is read there. It must stay open as long.
	Code *File

	// Base is where in the file the ELF header is: not 0 for a library that is
	// stored in an archive and executed from there, as in an APK. All offsets
	// that the File hands out count from the start of the archive, which is what
	// the kernel wants.
	Base Offset
}

// Open opens the named file and reads its ELF header and program headers: one
// read of a kilobyte for most files. The File owns the descriptor; Close closes
// it. A FIFO, a device or a directory is refused with ErrNotRegular without
// waiting for it.
func Open(name string) (*File, error) { return OpenWith(name, nil) }

// OpenWith is Open with options.
func OpenWith(name string, o *Options) (*File, error) {
	osf, info, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	f, err := newFile(osf, info.Size(), info, o)
	if err != nil {
		osf.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.name, f.closer = name, osf
	return f, nil
}

// openRegular opens a file that is one. Stat first, because opening a device
// can have effects; O_NONBLOCK and a second look, because the name may have
// become a FIFO since, and opening that would wait for a writer.
func openRegular(name string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, notRegular(name, info)
	}
	osf, err := os.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err = osf.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = notRegular(name, info)
	}
	if err != nil {
		osf.Close()
		return nil, nil, err
	}
	return osf, info, nil
}

func notRegular(name string, info fs.FileInfo) error {
	what := "a special file"
	switch mode := info.Mode(); {
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a FIFO"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return &fs.PathError{Op: "open", Path: name, Err: fmt.Errorf("%s, %w", what, ErrNotRegular)}
}

// NewFile reads an ELF file from r, which holds size bytes and stays the
// caller's: Close does not close it. r must be safe for concurrent ReadAt calls
// if the File is used concurrently.
func NewFile(r io.ReaderAt, size int64, o *Options) (*File, error) {
	if size < 0 {
		return nil, fmt.Errorf("size %d: %w", size, ErrNotELF)
	}
	var info fs.FileInfo
	if s, ok := r.(stater); ok {
		info, _ = s.Stat() // without it a change of the file is not noticed
	}
	return newFile(r, size, info, o)
}

type stater interface{ Stat() (fs.FileInfo, error) }

// newFile is NewFile for who has what the file system says of r, if it can.
func newFile(r io.ReaderAt, size int64, info fs.FileInfo, o *Options) (*File, error) {
	f := &File{r: r, size: uint64(size)}
	if o != nil {
		f.lim, f.code, f.base = o.Limits, o.Code, uint64(o.Base)
	}
	f.lim = f.lim.withDefaults()
	if f.base > f.size {
		return nil, fmt.Errorf("it has %d bytes, and begins at 0x%x: %w", size, f.base, ErrNotELF)
	}
	if s, ok := r.(stater); ok && info != nil {
		f.stat, f.opened = s, info
	}
	if err := f.readHeader(); err != nil {
		return nil, err
	}
	if err := f.readSegments(); err != nil {
		return nil, err
	}
	return f, nil
}

// Close closes the descriptor that Open opened; after NewFile it does nothing.
// What the File has handed out stays valid; iterators that still run end with
// an error.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Name is the path given to Open, or "".
func (f *File) Name() string { return f.name }

// Size is the file's size in bytes when it was opened.
func (f *File) Size() int64 { return int64(f.size) }

// Class tells 32 from 64 bit.
func (f *File) Class() elf.Class { return f.hdr.class }

// ByteOrder is the file's, elf.ELFDATA2LSB or elf.ELFDATA2MSB.
func (f *File) ByteOrder() elf.Data {
	if f.Big {
		return elf.ELFDATA2MSB
	}
	return elf.ELFDATA2LSB
}

// Machine is the architecture that the file's code is for.
func (f *File) Machine() elf.Machine { return f.hdr.machine }

// Type tells executables, shared objects (PIEs are such), objects and core
// dumps apart.
func (f *File) Type() elf.Type { return f.hdr.typ }

// Base is where in the file the ELF header is: see Options.Base.
func (f *File) Base() Offset { return Offset(f.base) }

// Flags are the header's, whose meaning the machine defines.
func (f *File) Flags() uint32 { return f.hdr.flags }

// Entry is the address where the program starts; 0 if it has none.
func (f *File) Entry() Addr { return f.hdr.entry }

// Segments are the file's program headers.
func (f *File) Segments() *Segments { return &f.segs }

// Truncated is an error if a loadable segment reaches beyond the file's end: then
// the file was cut short, and what lay there is missing. It wraps ErrTruncated.
func (f *File) Truncated() error {
	for _, s := range f.segs.all {
		if s.Type == elf.PT_LOAD && s.FileSize > 0 && (s.FileSize > f.size || uint64(s.Offset) > f.size-s.FileSize) {
			return &FormatError{"segment", s.Offset,
				fmt.Sprintf("it has %d bytes, the file ends at 0x%x", s.FileSize, f.size), ErrTruncated}
		}
	}
	return nil
}

// CheckUnchanged asks the file system whether the file still has the size and
// time of modification that it had when it was opened; ErrChanged if not. Call
// it after the last read to know that no answer mixes two states. Where the
// reader has no Stat method it cannot tell, and returns nil.
func (f *File) CheckUnchanged() error {
	if f.stat == nil {
		return nil
	}
	now, err := f.stat.Stat()
	if err != nil {
		return err
	}
	if now.Size() != f.opened.Size() || !now.ModTime().Equal(f.opened.ModTime()) {
		return fmt.Errorf("%w: %d bytes of %v, now %d of %v", ErrChanged,
			f.opened.Size(), f.opened.ModTime(), now.Size(), now.ModTime())
	}
	return nil
}
