package die_test

import (
	"debug/dwarf"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/probels/probels/internal/die"
	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/mutate"
	"github.com/probels/probels/internal/mutate/mutatetest"
	"github.com/probels/probels/internal/testbin"
)

var fuzzed = []string{".debug_info", ".debug_abbrev", ".debug_str", ".debug_ranges", ".debug_rnglists", ".debug_addr", ".debug_str_offsets", ".debug_line_str", ".debug_types", ".debug_aranges", ".gdb_index"}

// pack writes sections as one text of the fuzzer's, and unpack reads it.
func (m memory) pack() []byte {
	var out []byte
	for _, name := range fuzzed {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(m[name])))
		out = append(out, m[name]...)
	}
	return out
}

func unpack(b []byte) memory {
	m := make(memory)
	for _, name := range fuzzed {
		if len(b) < 4 {
			break
		}
		n := min(uint64(binary.LittleEndian.Uint32(b)), uint64(len(b)-4))
		m[name], b = b[4:4+n], b[4+n:]
	}
	return m
}

// FuzzUnits: whatever the sections hold, the walk ends with at most one entry for a byte; each entry is found again at
// its offset with the same attributes, its children have it for a parent, and errors are of the four sorts.
func FuzzUnits(f *testing.F) {
	for _, name := range []string{"amd64/probe-dwarf4", "amd64/probe-pie.debug", "amd64/probe-zlib"} {
		m, _ := load(f, testbin.Path(f, name))
		f.Add(m.pack(), false)
	}
	// A skeleton; a partial unit with references of all sizes; a tree that does not end.
	f.Add(memory{
		".debug_abbrev": []byte("\x01\x4a\x00\x76\x08\x00\x00\x02\x3c\x01\x00\x00\x03\x16\x00\x49\x10\x49\x11\x49\x12\x49\x13\x49\x14\x49\x15\x49\x20\x00\x00\x00"),
		".debug_info": []byte("\x13\x00\x00\x00\x05\x00\x04\x08\x00\x00\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08\x01x\x00" +
			"\x29\x00\x00\x00\x04\x00\x00\x00\x00\x00\x08\x02\x03\x00\x00\x00\x00\x0c\x0c\x00\x0c\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x02\x02"),
	}.pack(), false)
	f.Fuzz(func(t *testing.T, b []byte, big bool) {
		if len(b) > 1<<20 {
			return
		}
		heap.Bound(t, len(b), 2000, 64, func() { walkAll(t, unpack(b), big) })
	})
}

// questions is of how many entries everything is asked: what is asked of one leads to others.
const questions = 300

func walkAll(t *testing.T, m memory, big bool) {
	f, err := die.Open(m, die.Config{Big: big})
	if (f == nil) == (err == nil) {
		t.Fatalf("%v and %v", f, err)
	}
	if err != nil {
		return
	}
	budget := f.Budget()
	seqs := append([]func(int) (*die.Unit, error){f.Unit}, f.OtherUnits()...)
	left, end := questions, uint64(0)
	for s, next := range seqs {
		for i := 0; ; i++ {
			u, err := next(i)
			hold(t, err)
			if u == nil {
				break
			}
			if s == 0 {
				if u.Off < end {
					t.Fatalf("a unit at %#x, the last ended at %#x", u.Off, end)
				}
				end = u.Off + u.Size
			}
			walkUnit(t, u, budget, &left)
		}
	}
	passes(t, f, budget)
	f.UnitsFor(0x1000, func(*die.Unit) bool { return true })
}

// passes holds that a unit that is passed by has no function of the names, nor
// anything to tell of.
func passes(t *testing.T, f *die.File, budget *die.Budget) {
	s, err := f.Search([]string{"main", "a", "traced"})
	hold(t, err)
	var buf, other die.Buffer
	for i := range 50 {
		u, _ := f.Unit(i)
		if u == nil {
			break
		}
		if !u.Passes(s, &buf, budget) {
			continue
		}
		whole, err := u.WholeIn(&other, budget)
		if err == nil {
			err = whole.FunctionsNamed(s, &other, budget, func(e die.Entry) bool {
				t.Fatalf("the unit at %#x has %#x, and was passed by", u.Off, e.Off())
				return true
			})
		}
		if err != nil && !errors.Is(err, die.ErrLimit) {
			t.Fatalf("the unit at %#x was passed by: %v", u.Off, err)
		}
	}
}

func hold(t *testing.T, err error) {
	if err != nil && !known(err) {
		t.Fatalf("%v wraps none of the package's errors", err)
	}
}

func walkUnit(t *testing.T, u *die.Unit, budget *die.Budget, left *int) {
	root, err := u.Root()
	if hold(t, err); err != nil {
		return
	}
	u.Info()
	n := uint64(1)
	last := root.Off()
	path := []die.Entry{root} // the entries around the one under way
	var parents []parent
	var siblings siblings
	ask(t, root, budget, left)
	err = root.Walk(func(e die.Entry, depth int) die.Step {
		if n++; n > u.Size {
			t.Fatalf("more entries than bytes in the unit at %#x", u.Off)
		}
		if e.Off() <= last || e.Off() >= u.Off+u.Size {
			t.Fatalf("an entry at %#x behind %#x, in a unit %#x+%#x", e.Off(), last, u.Off, u.Size)
		}
		last = e.Off()
		if depth < 1 || depth > len(path) {
			t.Fatalf("depth %d behind %d", depth, len(path)-1)
		}
		path = append(path[:depth], e)
		siblings = siblings.ended(e, depth)
		if *left > 0 {
			parents = append(parents, parent{e, path[depth-1]})
			ask(t, e, budget, left)
		}
		return die.Enter
	})
	hold(t, err)
	for _, p := range parents {
		if siblings.lied || len(siblings.open) > 0 {
			return // which entries are in which is then a matter of whom one asks
		}
		got := p.e
		for outer, err := range p.e.Parents() {
			if hold(t, err); err != nil {
				t.Fatalf("the entry at %#x: %v", p.e.Off(), err)
			}
			got = outer
			break
		}
		if !got.Same(p.parent) {
			t.Fatalf("the entry at %#x is in %#x, not in %#x", p.e.Off(), got.Off(), p.parent.Off())
		}
	}
}

type parent struct{ e, parent die.Entry }

// siblings are the entries, of those around the one under way, that say where the
// next is on their level.
type siblings struct {
	open []sibling
	lied bool // or said what the walk cannot tell
}

type sibling struct {
	depth int
	to    uint64
}

// ended takes in the next entry.
func (x siblings) ended(e die.Entry, depth int) siblings {
	for n := len(x.open) - 1; n >= 0 && x.open[n].depth >= depth; n-- {
		x.lied = x.lied || x.open[n].depth > depth || x.open[n].to != e.Off()
		x.open = x.open[:n]
	}
	for _, o := range x.open {
		x.lied = x.lied || o.to <= e.Off()
	}
	if v, ok := e.Val(dwarf.AttrSibling); ok && e.HasChildren {
		to := v.U
		if v.Form != die.FormRefAddr {
			to += e.Unit().Off
		}
		x.open = append(x.open, sibling{depth, to})
	}
	return x
}

// ask asks one entry for everything.
func ask(t *testing.T, e die.Entry, budget *die.Budget, left *int) {
	if *left--; *left < 0 {
		return
	}
	again, err := e.Loc().Entry()
	if err != nil || !again.Same(e) || again.Tag != e.Tag {
		t.Fatalf("the entry at %#x is %v again, %v", e.Off(), again.Tag, err)
	}
	var a, b []dwarf.Attr
	again.Each(func(at dwarf.Attr, _ die.Value) bool { b = append(b, at); return true })
	e.Each(func(at dwarf.Attr, v die.Value) bool {
		a = append(a, at)
		if !e.Has(at) {
			t.Fatalf("%#x lacks its %v", e.Off(), at)
		}
		switch {
		case v.IsRef():
			if o, err := e.Follow(v); err == nil && !o.Valid() {
				t.Fatalf("%v of %#x leads to nothing", at, e.Off())
			}
		case v.IsAddr():
			_, err := e.Unit().Addr(v)
			hold(t, err)
		default:
			if s, err := e.Unit().String(v); err == nil && len(s) > 1<<20 {
				t.Fatalf("a string of %d bytes", len(s))
			}
		}
		return true
	})
	if !slices.Equal(a, b) {
		t.Fatalf("%#x has the attributes %v, then %v", e.Off(), a, b)
	}
	_, err = e.RangesIn(nil, budget)
	hold(t, err)
	steps := 0
	hold(t, e.OriginsIn(budget, func(die.Entry) bool { steps++; return true }))
	if steps > 64 {
		t.Fatalf("%d origins of %#x", steps, e.Off())
	}
	if v, ok := e.Val(dwarf.AttrLocation); ok {
		_, _, err := e.Unit().LocList(v, 1<<16)
		hold(t, err)
	}
}

// The same over files damaged where it matters.
func TestMutants(t *testing.T) {
	for _, name := range []string{"amd64/probe-dwarf4", "amd64/probe-pie.debug", "amd64/rust-v0.so"} {
		s := mutate.New(testbin.Read(t, name))
		for seed := range uint64(60) {
			m, ok := sections(s.Mutant(seed).Data)
			if ok {
				walkAll(t, m, false)
			}
		}
	}
}

// FuzzMutant is FuzzUnits over files whose entries are damaged where their values are, once or twice.
func FuzzMutant(f *testing.F) {
	names := []string{"amd64/probe-dwarf4", "amd64/probe-pie.debug", "amd64/rust-v0.so"}
	mutatetest.Fuzz(f, 8, names, func(t *testing.T, b []byte, _ uint64) {
		if m, ok := sections(b); ok {
			heap.Bound(t, len(b), 2000, 64, func() { walkAll(t, m, false) })
		}
	})
}
