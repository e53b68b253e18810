package elfsym

import (
	"cmp"
	"debug/elf"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/probels/probels/internal/cfi"
)

// StartSource is what says that a function begins somewhere; a set of them.
type StartSource uint16

const (
	StartEHFrame    StartSource = 1 << iota // .eh_frame
	StartDebugFrame                         // .debug_frame
	StartExidx                              // .ARM.exidx
	StartEntry                              // the entry point
	StartInit                               // DT_INIT
	StartFini                               // DT_FINI
	StartInitArray                          // DT_INIT_ARRAY, DT_PREINIT_ARRAY
	StartFiniArray                          // DT_FINI_ARRAY
)

var startNames = [...]string{"eh_frame", "debug_frame", "exidx", "entry", "init", "fini", "init_array", "fini_array"}

// Strings are the names of the sources in the set.
func (s StartSource) Strings() []string {
	var out []string
	for i, name := range startNames {
		if s&(1<<i) != 0 {
			out = append(out, name)
		}
	}
	return out
}

func (s StartSource) String() string { return strings.Join(s.Strings(), "+") }

// A Start is where a function begins, as far as the file tells without naming it.
type Start struct {
	Addr Addr

	// Size is the length of the range that call frame information gives. 0 if
	// nothing tells; with SizeInferred, as in .ARM.exidx, the distance to the
	// next range.
	Size         uint64
	SizeInferred bool

	Evidence StartSource

	// Part marks a range at whose first instruction a frame is set up already:
	// no call comes in there. It is a part of a function that was moved away
	// (".cold"), or the linker's .plt.
	Part bool

	Signal bool // a signal handler returns to it
}

// Starts yields where functions begin, by address, each once with all that says
// so; names are not looked at. An error says what could not be read, and comes
// first. Addresses outside of executable segments are left out.
func (f *File) Starts() iter.Seq2[Start, error] {
	return func(yield func(Start, error) bool) {
		g := &startGatherer{f: f}
		g.frames()
		g.exidx()
		g.entryPoints()
		for _, err := range g.errs {
			if !yield(Start{}, err) {
				return
			}
		}
		for _, s := range g.united() {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// maxStartErrors is how many damaged records are told one by one.
const maxStartErrors = 20

type startGatherer struct {
	f    *File
	all  []Start
	errs []error
}

func (g *startGatherer) fail(err error) {
	if err != nil && len(g.errs) < maxStartErrors {
		g.errs = append(g.errs, err)
	}
}

func (g *startGatherer) add(s Start) {
	if g.f.hdr.machine == elf.EM_ARM || g.f.hdr.machine == elf.EM_MIPS {
		s.Addr &^= 1
	}
	if s.Addr != 0 && g.f.segs.IsCode(s.Addr) {
		g.all = append(g.all, s)
	}
}

func (g *startGatherer) frames() {
	tables := g.f.frames()
	g.fail(tables.err)
	for _, t := range tables.each() {
		evidence := StartEHFrame
		if t.Debug {
			evidence = StartDebugFrame
		}
		for d, err := range t.FDEs() {
			switch {
			case err != nil:
				g.fail(frameError(err))
			case d.Size > 0:
				g.add(Start{Addr: Addr(d.Start), Size: d.Size, Evidence: evidence, Signal: d.Signal, Part: t.Part(&d)})
			}
		}
	}
}

func (g *startGatherer) exidx() {
	const ptARMExidx = elf.ProgType(0x70000001) // PT_ARM_EXIDX
	f := g.f
	if f.hdr.machine != elf.EM_ARM {
		return
	}
	for _, s := range f.segs.all {
		if s.Type != ptARMExidx || f.DebugOnly() {
			continue
		}
		sec := f.frameBytes(uint64(s.Addr), uint64(s.Offset), s.FileSize, ".ARM.exidx")
		first := len(g.all)
		for e, err := range cfi.ExidxEntries(sec, f.Layout) {
			if err != nil {
				g.fail(frameError(err))
				continue
			}
			g.add(Start{Addr: Addr(e.Start), Evidence: StartExidx})
		}
		for i := first; i+1 < len(g.all); i++ {
			g.all[i].Size, g.all[i].SizeInferred = uint64(g.all[i+1].Addr-g.all[i].Addr), true
		}
		return
	}
}

// entryPoints are what the loader calls.
func (g *startGatherer) entryPoints() {
	f := g.f
	g.code(f.hdr.entry, StartEntry)
	d, err := f.dynamic()
	if err != nil {
		g.fail(err)
		return
	}
	g.code(Addr(d.tags[elf.DT_INIT]), StartInit)
	g.code(Addr(d.tags[elf.DT_FINI]), StartFini)
	g.array(d.tags[elf.DT_PREINIT_ARRAY], d.tags[elf.DT_PREINIT_ARRAYSZ], StartInitArray)
	g.array(d.tags[elf.DT_INIT_ARRAY], d.tags[elf.DT_INIT_ARRAYSZ], StartInitArray)
	g.array(d.tags[elf.DT_FINI_ARRAY], d.tags[elf.DT_FINI_ARRAYSZ], StartFiniArray)
	if len(d.tags) > 0 {
		return
	}
	secs, err := f.sections() // a static program
	if err != nil {
		return // whoever asks for sections is told
	}
	for i := range secs.all {
		s := &secs.all[i]
		switch s.Type {
		case elf.SHT_PREINIT_ARRAY, elf.SHT_INIT_ARRAY:
			g.array(uint64(s.Addr), s.Size, StartInitArray)
		case elf.SHT_FINI_ARRAY:
			g.array(uint64(s.Addr), s.Size, StartFiniArray)
		}
	}
}

// code adds a pointer to code, which on 64-bit PowerPC ELFv1 is one to a function
// descriptor.
func (g *startGatherer) code(a Addr, evidence StartSource) {
	f := g.f
	if a == 0 {
		return
	}
	if f.hdr.machine == elf.EM_PPC64 && !f.segs.IsCode(a) {
		var b [8]byte
		if err := (&goMemory{f: f}).Read(b[:], uint64(a)); err != nil {
			g.fail(err)
			return
		}
		a = Addr(f.U64(b[:]))
	}
	g.add(Start{Addr: a, Evidence: evidence})
}

// maxArray is how many functions one of the arrays may have.
const maxArray = 1 << 20

// array adds the functions of an array of pointers, as the loader relocates it.
func (g *startGatherer) array(addr, size uint64, evidence StartSource) {
	f := g.f
	w := uint64(f.WordSize())
	if addr == 0 || size < w {
		return
	}
	if size/w > maxArray {
		g.fail(&FormatError{evidence.String(), 0, "too many functions", ErrLimit})
		return
	}
	added, err := f.newAddends()
	if err != nil {
		g.fail(err)
	}
	b := make([]byte, size/w*w)
	if err := (&goMemory{f: f, added: added}).Relocated(b, addr); err != nil {
		g.fail(err)
		return
	}
	for ; len(b) > 0; b = b[w:] {
		if v := f.Word(b); v != 0 && v != ^uint64(0)>>(64-8*w) { // crtstuff's ends are 0 and -1
			g.code(Addr(v), evidence)
		}
	}
}

// united sorts the starts and makes those of one address one.
func (g *startGatherer) united() []Start {
	slices.SortStableFunc(g.all, func(a, b Start) int { return cmp.Compare(a.Addr, b.Addr) })
	out := g.all[:0]
	for _, s := range g.all {
		if n := len(out); n > 0 && out[n-1].Addr == s.Addr {
			out[n-1].unite(&s)
		} else {
			out = append(out, s)
		}
	}
	return out
}

func (s *Start) unite(o *Start) {
	s.Evidence |= o.Evidence
	s.Signal = s.Signal || o.Signal
	s.Part = s.Part && o.Part // what is called is a function, whatever its rows say
	if s.Size == 0 || s.SizeInferred && o.Size != 0 && !o.SizeInferred {
		s.Size, s.SizeInferred = o.Size, o.SizeInferred
	}
}

// startSymbols yields the starts of functions as symbols, whose name is their
// address: whoever gathers symbols knows which of them have one of their own.
// Parts are left out.
func (f *File) startSymbols(yield func(Symbol, error) bool) bool {
	place := f.sectionFinder()
	var i uint32
	for s, err := range f.Starts() {
		if err != nil {
			if !yield(Symbol{}, err) {
				return false
			}
			continue
		}
		i++
		if s.Part {
			continue
		}
		if !yield(Symbol{Name: "0x" + strconv.FormatUint(uint64(s.Addr), 16), Addr: s.Addr, Size: s.Size, SizeInferred: s.SizeInferred,
			Type: elf.STT_FUNC, Bind: elf.STB_LOCAL, Section: place(s.Addr), Source: EHFrame, Index: i - 1}, nil) {
			return false
		}
	}
	return true
}
