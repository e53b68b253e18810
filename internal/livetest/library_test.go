package livetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// libraries are the same library in several shapes; all but those with .symtab know only what is
// exported.
var libraries = []struct {
	name   string
	symtab bool
}{
	{"libtestbin.so", true}, {"libtestbin-sysv.so", true}, {"libtestbin-lld.so", true},
	{"libtestbin-both.so", false}, {"libtestbin-noshdr.so", false}, {"libtestbin-sysv-noshdr.so", false},
}

// withLibrary copies a program with a library in the place of the one that it was linked to.
func withLibrary(t *testing.T, prog, lib string) (program, library string) {
	t.Helper()
	prog = testbin.Exec(t, prog, "amd64/libtestbin.so")
	library = filepath.Join(filepath.Dir(prog), "libtestbin.so")
	if err := os.Remove(library); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(library, testbin.Read(t, "amd64/"+lib), 0o755); err != nil {
		t.Fatal(err)
	}
	return prog, library
}

// What is hit in a library in seven rounds of a program that starts after the probes were put there,
// by whatever name. Versions that are two functions are two places, versions of one are one.
var libraryCalls = []struct {
	spec         string
	places, hits int
	static       bool // only .symtab has it
}{
	{"ver_func@V1", 1, rounds, false},
	{"ver_func@@V2", 1, rounds, false},
	{"ver_func@V2", 1, rounds, false},
	{"ver_func", 2, 2 * rounds, false},
	{"same_func@V1", 1, rounds, false},
	{"same_func@@V2", 1, rounds, false},
	{"same_func", 1, rounds, false},
	{"old_func@V1", 1, 0, false},
	{"lib_func", 1, 4 * rounds, false},
	{"lib_weak", 1, 4 * rounds, false},
	{"protected_func", 1, 2 * rounds, false},
	{"lib_round", 1, rounds, false},
	{"ifunc", 1, 1, false}, // its resolver, which the loader runs once
	{"ifunc_resolver", 1, 1, true},
	{"ifunc_tuned", 1, rounds, true},
	{"ifunc_generic", 1, 0, true},
	{"hidden_func", 1, rounds, true},
	{"local_func", 1, rounds, true},
}

func TestLibraries(t *testing.T) {
	for _, lib := range libraries {
		t.Run(lib.name, func(t *testing.T) {
			c := newCounter(t)
			prog, library := withLibrary(t, "amd64/main", lib.name)
			tgt := target(t, library)
			var all []offset.Location
			var of []string // the spec of each in all
			for _, tt := range libraryCalls {
				if tt.static && !lib.symtab {
					continue
				}
				places := map[elfsym.Offset]bool{}
				for _, l := range resolve(t, tgt, tt.spec) {
					if !places[l.Offset] {
						places[l.Offset] = true
						all, of = append(all, l), append(of, tt.spec)
					}
				}
				if len(places) != tt.places {
					t.Errorf("%s: %d places, want %d: %v", tt.spec, len(places), tt.places, places)
				}
			}
			first := c.locations(t, all, 0)
			run(t, prog)
			hits := map[string]int{}
			for i, spec := range of {
				hits[spec] += c.count(t, first+uint64(i))
			}
			for _, tt := range libraryCalls {
				if got, tried := hits[tt.spec]; tried && got != tt.hits {
					t.Errorf("%s: %d hits, want %d", tt.spec, got, tt.hits)
				}
			}
		})
	}
}

// A probe with a semaphore in a library, which starts at another address than the program. Without
// section headers no notes are left.
func TestLibrarySemaphore(t *testing.T) {
	for _, lib := range []string{"libtestbin.so", "libtestbin-sysv.so", "libtestbin-both.so", "libtestbin-lld.so"} {
		t.Run(lib, func(t *testing.T) {
			c := newCounter(t)
			prog, library := withLibrary(t, "amd64/main", lib)
			l := one(t, target(t, library), "probelib:entry")
			s := start(t, prog)
			c.location(t, l, s.pid())
			s.run(t)
			if got, want := c.count(t, 0), 4*rounds; got != want {
				t.Errorf("%d hits at 0x%x, semaphore at 0x%x; want %d", got, l.Offset, l.RefCtrOffset, want)
			}
		})
	}
}

// The program's own function, in programs that call a library in every way.
func TestCallers(t *testing.T) {
	for _, name := range []string{"amd64/main", "amd64/main-nopie", "amd64/main-ibt", "amd64/main-now", "amd64/main-noplt", "i386/main"} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			prog := program(t, name)
			c.location(t, one(t, target(t, prog), "main_func"), 0)
			lib := filepath.Join(filepath.Dir(prog), "libtestbin.so")
			c.location(t, one(t, target(t, lib), "lib_func"), 0)
			run(t, prog)
			if main, lib := c.count(t, 0), c.count(t, 1); main != rounds || lib != 4*rounds {
				t.Errorf("main_func %d hits, lib_func %d; want %d and %d", main, lib, rounds, 4*rounds)
			}
		})
	}
}
