package elfsym

import (
	"debug/elf"
	"errors"
	"fmt"

	"github.com/probels/probels/internal/cfi"
)

// A Frame is a range of code that call frame information describes: mostly a
// function, or the part of one that the compiler moved away (".cold").
type Frame struct {
	Addr Addr
	Size uint64
	LSDA Addr // of its exception table; 0 if it has none

	// Signal marks the trampoline to which a signal handler returns.
	Signal bool

	// Part marks code that no call comes to; see Start. Only FrameAt sets it.
	Part bool
}

// A CFA says how the canonical frame address is computed at an instruction: the
// register, a DWARF number of the file's machine, plus Offset or, if Expr is not
// nil, by that DWARF expression.
type CFA struct {
	Reg    uint64
	Offset int64
	Expr   []byte
}

// frameTables are the tables of call frame information that a file has.
type frameTables struct {
	eh, debug *cfi.Table // nil if it lacks one
	err       error      // why one is missing that is there
}

func (t *frameTables) each() []*cfi.Table {
	var out []*cfi.Table
	for _, c := range []*cfi.Table{t.eh, t.debug} {
		if c != nil {
			out = append(out, c)
		}
	}
	return out
}

// readFrames finds the tables: .eh_frame and .debug_frame by their sections, or
// .eh_frame by way of PT_GNU_EH_FRAME.
func (f *File) readFrames() *frameTables {
	t := &frameTables{}
	hdr, err := f.frameHeader()
	if err != nil {
		t.err = fmt.Errorf(".eh_frame_hdr: %w", frameError(err))
	}
	c := cfi.Config{Layout: f.Layout, Header: hdr}
	if s := f.Section(".text"); s != nil {
		c.Text = uint64(s.Addr)
	}
	s := f.Section(".eh_frame")
	switch {
	case s != nil && s.Type != elf.SHT_NOBITS && s.Size > 0:
		if c.Frames, err = f.frameSection(s); err != nil {
			t.err = errors.Join(t.err, err)
			break
		}
		t.eh = cfi.New(c)
	case s == nil && hdr != nil:
		mem := &goMemory{f: f}
		room := mem.Room(hdr.Frames)
		off, err := f.segs.Offset(Addr(hdr.Frames))
		if err != nil {
			t.err = errors.Join(t.err, fmt.Errorf(".eh_frame: %w", err))
			break
		}
		c.Frames = f.frameBytes(hdr.Frames, uint64(off), room, ".eh_frame")
		c.SizeUnknown = true
		t.eh = cfi.New(c)
	}
	if s := f.Section(".debug_frame"); s != nil && s.Type != elf.SHT_NOBITS && s.Size > 0 {
		sec, err := f.frameSection(s)
		if err != nil {
			t.err = errors.Join(t.err, err)
		} else {
			t.debug = cfi.New(cfi.Config{Layout: f.Layout, Frames: sec, Debug: true})
		}
	}
	return t
}

// frameHeader reads the head of .eh_frame_hdr; nil if there is none.
func (f *File) frameHeader() (*cfi.Header, error) {
	for _, s := range f.segs.all {
		if s.Type == elf.PT_GNU_EH_FRAME && s.FileSize > 0 && !f.DebugOnly() {
			return cfi.ReadHeader(f.frameBytes(uint64(s.Addr), uint64(s.Offset), s.FileSize, ".eh_frame_hdr"), f.Layout)
		}
	}
	return nil, nil
}

// frameSection is a section's bytes; a compressed one is inflated when it is
// first read.
func (f *File) frameSection(s *Section) (cfi.Section, error) {
	addr := uint64(s.Addr)
	if s.Flags&elf.SHF_COMPRESSED == 0 {
		if err := f.checkTable(uint64(s.Offset), s.Size, s.Name); err != nil {
			return cfi.Section{}, err
		}
		return f.frameBytes(addr, uint64(s.Offset), s.Size, s.Name), nil
	}
	b, err := f.Data(s)
	return cfi.Section{Addr: addr, Size: uint64(len(b)), Read: func(p []byte, off uint64) error {
		copy(p, b[off:])
		return nil
	}}, err
}

func (f *File) frameBytes(addr, off, size uint64, part string) cfi.Section {
	size = min(size, f.size-min(off, f.size))
	return cfi.Section{Addr: addr, Size: size, Read: func(p []byte, at uint64) error {
		if at > size || uint64(len(p)) > size-at {
			return damaged(part, off+min(at, size), "%d bytes wanted, it has %d", len(p), size)
		}
		if uint64(len(p)) > f.lim.Table {
			return &FormatError{part, Offset(off), fmt.Sprintf("%d bytes, %d allowed", len(p), f.lim.Table), ErrLimit}
		}
		return f.readAt(p, off+at, part)
	}}
}

// frameError puts an error of package cfi into this one's words.
func frameError(err error) error {
	var e *cfi.Error
	if !errors.As(err, &e) {
		return err
	}
	is := ErrDamaged
	if errors.Is(e.Err, cfi.ErrUnsupported) {
		is = ErrUnsupported
	}
	return &FormatError{"call frame information", Offset(e.Off), e.Reason, is}
}

func frame(d *cfi.FDE) Frame {
	return Frame{Addr: Addr(d.Start), Size: d.Size, LSDA: Addr(d.LSDA), Signal: d.Signal}
}

// FrameAt is the range of call frame information that an address is in; false if
// none is. .eh_frame is asked first, by its header's table in a few small reads if
// it has one, then .debug_frame. An error says why one of them could not be asked.
func (f *File) FrameAt(a Addr) (Frame, bool, error) {
	t, d, ok, err := f.fdeAt(a)
	fr := frame(&d)
	if ok {
		fr.Part = t.Part(&d)
	}
	return fr, ok, err
}

func (f *File) fdeAt(a Addr) (*cfi.Table, cfi.FDE, bool, error) {
	tables := f.frames()
	err := tables.err
	for _, t := range tables.each() {
		d, ok, e := t.At(uint64(a))
		if ok {
			return t, d, true, nil
		}
		err = errors.Join(err, frameError(e))
	}
	return nil, cfi.FDE{}, false, err
}

// CFAAt is how the canonical frame address is computed at an instruction; false
// if the file does not tell. DWARF's DW_OP_call_frame_cfa asks for it.
func (f *File) CFAAt(pc Addr) (CFA, bool, error) {
	t, d, ok, err := f.fdeAt(pc)
	if !ok {
		return CFA{}, false, err
	}
	r, ok, err := t.RowAt(&d, uint64(pc))
	if !ok || !r.CFA.Known {
		return CFA{}, false, frameError(err)
	}
	return CFA{r.CFA.Reg, r.CFA.Offset, r.CFA.Expr}, true, nil
}
