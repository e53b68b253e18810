package gotab

// A Frame is one call that an instruction is in: that of the function itself,
// or one that was inlined into it.
type Frame struct {
	Func      string
	File      string // "" if the table does not know
	Line      int    // of the instruction, and in the callers of the call
	StartLine int32  // of the function; 0 if unknown
	Inlined   bool   // Func was inlined into the next frame's
}

const (
	pcdataInlTree   = 2
	funcdataInlTree = 3
	maxDepth        = 256
	maxPCData       = 64 // there are five

	noFuncdata = 1<<32 - 1
)

// An inlinedCall is one entry of an inline tree.
type inlinedCall struct {
	name     uint32
	parentPC uint32
	line     int32
}

// An inlineTree is a function's inline tree; its size is nowhere to be found.
type inlineTree struct {
	addr    uint64
	indexes uint32 // the pc-value table of indexes in it
}

func (t *Table) inlinedCallSize() uint64 {
	if t.version == Go120 {
		return 16
	}
	return 20
}

// Frames are the calls that the instruction at an address is in, the innermost
// first; the last is the function's own. None if no function is there. Tables
// of before Go 1.16 yield only the last.
func (t *Table) Frames(addr uint64) ([]Frame, error) {
	f, rec, ok, err := t.at(addr)
	if err != nil || !ok {
		return nil, err
	}
	tree, inlines, err := t.inlineTree(&rec, t.gofunc)
	if err != nil {
		return nil, err
	}
	var out []Frame
	for distance := addr - f.Addr; ; {
		frame := Frame{Func: f.Name, StartLine: f.Line}
		if frame.File, frame.Line, err = t.line(&rec, distance); err != nil {
			return out, err
		}
		i := int32(-1)
		if inlines {
			if i, err = t.pcValue(tree.indexes, distance); err != nil {
				return out, err
			}
		}
		if i < 0 {
			return append(out, frame), nil
		}
		call, err := t.inlinedCall(tree.addr, uint64(i))
		if err != nil {
			return out, err
		}
		if frame.Func, err = t.name(call.name); err != nil {
			return out, err
		}
		frame.StartLine, frame.Inlined = call.line, true
		out = append(out, frame)
		if len(out) > maxDepth || f.Size > 0 && uint64(call.parentPC) >= f.Size {
			return out, damaged(tree.addr, "call %d of the inline tree of %s has no caller", i, f.Name)
		}
		distance = uint64(call.parentPC)
	}
}

// inlineTree is where a function's inline tree is; false if it has none. base is
// asked for gofunc only if that is needed.
func (t *Table) inlineTree(rec *record, base func() (uint64, error)) (inlineTree, bool, error) {
	var tree inlineTree
	if t.version == Go12 || rec.npcdata <= pcdataInlTree || rec.nfuncdata <= funcdataInlTree {
		return tree, false, nil
	}
	if rec.npcdata > maxPCData {
		return tree, false, damaged(rec.addr, "%d pc-value tables", rec.npcdata)
	}
	var b [8]byte
	at := rec.addr + t.recordSize()
	if err := t.mem.Read(b[:4], at+4*pcdataInlTree); err != nil {
		return tree, false, err
	}
	if tree.indexes = t.U32(b[:]); tree.indexes == 0 {
		return tree, false, nil
	}
	at += 4 * uint64(rec.npcdata)
	if t.version == Go116 {
		w := uint64(t.WordSize())
		at += -at % w // funcdata are pointers, and aligned
		var err error
		tree.addr, err = t.pointer(at + funcdataInlTree*w)
		return tree, tree.addr != 0, err
	}
	if err := t.mem.Read(b[:4], at+4*funcdataInlTree); err != nil {
		return tree, false, err
	}
	off := t.U32(b[:])
	if off == noFuncdata {
		return tree, false, nil
	}
	gofunc, err := base()
	tree.addr = gofunc + uint64(off)
	return tree, err == nil, err
}

func (t *Table) inlinedCall(tree, i uint64) (inlinedCall, error) {
	var b [20]byte
	size := t.inlinedCallSize()
	if err := t.mem.Read(b[:size], tree+i*size); err != nil {
		return inlinedCall{}, err
	}
	if t.version == Go120 {
		return inlinedCall{name: t.U32(b[4:]), parentPC: t.U32(b[8:]), line: max(0, int32(t.U32(b[12:])))}, nil
	}
	return inlinedCall{name: t.U32(b[12:]), parentPC: t.U32(b[16:])}, nil
}

const (
	gofuncSamples = 8       // inline trees that must make sense
	gofuncTries   = 1 << 16 // functions among which they are sought
)

// findGofunc is moduledata's gofunc: at its index in the versions known, else
// among the words about there, and in both cases it must make the inline trees
// of some functions readable.
func (t *Table) findGofunc() (uint64, error) {
	if t.module == nil {
		return 0, &Error{t.header.addr, "no moduledata, which inline trees are relative to", ErrUnsupported}
	}
	samples, err := t.inlineSamples()
	if err != nil {
		return 0, err
	}
	known := gofunc120
	if t.version == Go118 {
		known = gofunc118
	}
	words := t.module.words
	if known < len(words) && t.plausibleGofunc(words[known], samples) {
		return words[known], nil
	}
	for i := t.module.textAt + 2; i < len(words); i++ {
		if t.plausibleGofunc(words[i], samples) {
			return words[i], nil
		}
	}
	return 0, damaged(t.module.Addr, "moduledata has no gofunc that inline trees could be relative to")
}

// A sample is an inline tree, relative to gofunc, and its function.
type sample struct{ off, size uint64 }

func (t *Table) inlineSamples() ([]sample, error) {
	r, err := t.newReader(true)
	if err != nil {
		return nil, err
	}
	var out []sample
	for i := uint64(0); i < min(t.n, gofuncTries) && len(out) < gofuncSamples; i++ {
		p, err := r.place(i)
		if err != nil {
			return nil, err
		}
		if p.record == hole {
			continue
		}
		b, at, err := r.record(p)
		if err != nil {
			continue
		}
		rec := t.decodeRecord(b, at)
		tree, ok, err := t.inlineTree(&rec, func() (uint64, error) { return 0, nil })
		if err == nil && ok && p.next > p.entry {
			out = append(out, sample{tree.addr, p.next - p.entry})
		}
	}
	return out, nil
}

// plausibleGofunc reports whether the first calls of the trees have a name that
// begins where one does and are called from within their function.
func (t *Table) plausibleGofunc(gofunc uint64, samples []sample) bool {
	for _, s := range samples {
		call, err := t.inlinedCall(gofunc+s.off, 0)
		if err != nil || uint64(call.parentPC) >= s.size {
			return false
		}
		name := uint64(call.name)
		var b [1]byte
		if name == 0 || name >= t.names.size || t.mem.Read(b[:], t.names.addr+name-1) != nil || b[0] != 0 {
			return false
		}
	}
	return len(samples) > 0
}
