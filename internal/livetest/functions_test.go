package livetest

import (
	"strings"
	"testing"

	"github.com/probels/probels/offset"
)

// Programs by every linker, of every kind of file that has code at other offsets than addresses.
var programs = []string{
	"amd64/probe-pie", "amd64/probe-nopie", "amd64/probe-static-pie", "amd64/probe-O0", "amd64/probe-clang",
	"amd64/probe-dwarf4", "amd64/probe-lld", "amd64/probe-lld-nopie", "amd64/probe-gold", "amd64/probe-noseparate",
	"amd64/probe-pinned", "amd64/probe-zlib", "amd64/sdt-stale", "i386/probe-pie", "i386/probe-nopie",
}

// calls is how often a program that runs already calls its functions in seven rounds, where that is
// not seven times. See the README of the test binaries.
var calls = map[string]int{
	"aliased": 3 * rounds, "alias_strong": 3 * rounds, "alias_weak": 3 * rounds,
	"recursive": 4 * rounds, "traced_tail": 12, "inlined": 3 * rounds, "site": 3 * rounds,
	"unlikely": 0, "splitter.cold": 0,
	"_start": 0, "start": 0, "number": 0, "loop": 1,
}

// counted is whether it is known how often a function is called. The program calls syscall3 once more
// after it said that it is done; the compiler calls its own helpers as it likes.
func counted(name string) bool {
	return name != "syscall3" && !strings.HasPrefix(name, "__x86.get_pc_thunk.")
}

// Every function that a listing has can be attached to in a program that runs, and is hit as often as
// the program calls it; the place that its name resolves to is the one listed.
func TestFunctions(t *testing.T) {
	for _, name := range programs {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			prog := program(t, name)
			tgt := target(t, prog)
			s := start(t, prog)
			var ls []offset.Location
			for _, p := range list(t, tgt, offset.Query{Kinds: offset.KindFunc}) {
				l, err := p.Location()
				if err != nil {
					t.Fatal(err)
				}
				ls = append(ls, l)
				if !hasPlace(resolve(t, tgt, p.Name()), l) {
					t.Errorf("%s is listed at 0x%x and resolves to %+v", p.Name(), l.Offset, resolve(t, tgt, p.Name()))
				}
			}
			if len(ls) < 30 {
				t.Fatalf("only %d functions", len(ls))
			}
			first := c.locations(t, ls, s.pid())
			s.run(t)
			for i, l := range ls {
				want, special := calls[l.Name]
				if !special {
					want = rounds
				}
				if got := c.count(t, first+uint64(i)); got != want && counted(l.Name) {
					t.Errorf("%s at 0x%x: %d hits, want %d", l.Name, l.Offset, got, want)
				}
			}
		})
	}
}

func hasPlace(ls []offset.Location, want offset.Location) bool {
	for _, l := range ls {
		if l.Addr == want.Addr && l.Offset == want.Offset {
			return true
		}
	}
	return false
}

// What a person may write for a place, and how often it is hit in seven rounds from start to end.
func TestSpecs(t *testing.T) {
	for _, tt := range []struct {
		prog, spec   string
		places, hits int
	}{
		{"amd64/probe-pie", "traced", 1, 7},
		{"amd64/probe-pie", "helper", 2, 14},
		{"amd64/probe-pie", "a.c:helper", 1, 7},
		{"amd64/probe-pie", "b.c:helper", 1, 7},
		{"amd64/probe-pie", "alias_weak", 1, 21},
		{"amd64/probe-pie", "_start", 1, 1},
		{"amd64/probe-pie", "recurs*", 1, 28},
		{"amd64/probe-pie", "inline_caller_?", 2, 14},
		{"amd64/probe-pie", "size0", 1, 7},
		{"amd64/probe-pie", "traced+0", 1, 7},
		{"amd64/probe-pie", "probels:differ", 2, 14},
		{"amd64/probe-pie", "probels:inlined", 3, 21},
		{"amd64/probe-pie", "other_provider:plain", 1, 7},
		{"amd64/probe-pie", "probels:p*", 2, 14}, // plain, pointers
		{"amd64/probe-pinned", "traced_tail", 1, 12},
		{"amd64/usdt_fp", "probels:registers", 1, 7},
		{"amd64/sdt-nobase", "probels:many", 1, 7},
		{"amd64/nops", "nops:nop", 1, 7},
		{"amd64/nops", "nops:nop5", 1, 7},
		{"amd64/nops", "nops:nop10", 1, 7},
		{"amd64/nops-noshdr", "nops:nop5", 1, 7}, // the note is found by PT_NOTE
		{"i386/usdt_fp", "probels:registers", 1, 7},
		{"i386/probe-pie", "b.c:helper", 1, 7},
	} {
		t.Run(tt.prog+"/"+tt.spec, func(t *testing.T) {
			c := newCounter(t)
			prog := program(t, tt.prog)
			ls := resolve(t, target(t, prog), tt.spec)
			if len(ls) != tt.places {
				t.Fatalf("%d places, want %d: %+v", len(ls), tt.places, ls)
			}
			first := c.locations(t, ls, 0)
			run(t, prog)
			hits := 0
			for i := range ls {
				hits += c.count(t, first+uint64(i))
			}
			if hits != tt.hits {
				t.Errorf("%d hits, want %d: %+v", hits, tt.hits, ls)
			}
		})
	}
}
