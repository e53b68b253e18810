package usdt_test

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt"
)

// What probe*, built from one source, has, by name; ppc64 has fewer arguments in
// structs. Counted are the sites.
const probeSites = "always guarded small ints pointers floats structs constants elements many inlined inlined inlined differ differ " +
	"plain query__start plain symbols"

func sortedNames(sites []usdt.Site) string {
	list := strings.Fields(names(sites))
	slices.Sort(list)
	return strings.Join(list, " ")
}

// Every committed binary: how many sites, and that each has a place.
func TestSitesFixtures(t *testing.T) {
	want := strings.Fields(probeSites)
	slices.Sort(want)
	for _, name := range testbin.All(t) {
		base := path.Base(name)
		f := open(t, name)
		if f.DebugOnly() || f.Type() == elf.ET_REL || base == "sdt-damaged.so" {
			continue
		}
		sites := mustSites(t, f)
		got := sortedNames(sites)
		switch {
		case base == "probe-noshdr" || base == "core":
			if got != "" {
				t.Errorf("%s: %s", name, got)
			}
		case strings.HasPrefix(base, "probe"), strings.HasPrefix(base, "sdt-"):
			if got != strings.Join(want, " ") {
				t.Errorf("%s: sites\n%s\nwant\n%s", name, got, strings.Join(want, " "))
			}
		case strings.HasPrefix(base, "libtestbin") && !strings.HasSuffix(base, "noshdr.so"):
			if got != "entry" {
				t.Errorf("%s: sites %s", name, got)
			}
		case strings.HasPrefix(base, "nops"):
			if got != "nop nop10 nop5" {
				t.Errorf("%s: sites %s", name, got)
			}
		case base == "usdt_fp":
			if got != "registers" {
				t.Errorf("%s: sites %s", name, got)
			}
		default:
			if got != "" {
				t.Errorf("%s: sites %s", name, got)
			}
		}
		for i := range sites {
			s := &sites[i]
			what := fmt.Sprintf("%s: %s:%s", name, s.Provider, s.Name)
			if s.Err != nil {
				t.Errorf("%s: %v", what, s.Err)
			}
			withSemaphore := s.Name == "always" || s.Name == "guarded" || s.Name == "entry" || s.Name == "nop5"
			if (s.Semaphore != 0) != withSemaphore {
				t.Errorf("%s: semaphore 0x%x", what, uint64(s.Semaphore))
			}
			if base == "probe-rwx" {
				if withSemaphore && !errors.Is(s.SemaphoreErr, elfsym.ErrNoOffset) {
					t.Errorf("%s: a semaphore in a segment that is executable: %v", what, s.SemaphoreErr)
				}
			} else if s.SemaphoreErr != nil || withSemaphore && s.RefCtrOffset == 0 || s.RefCtrOffset%2 != 0 {
				t.Errorf("%s: semaphore at offset 0x%x, %v", what, uint64(s.RefCtrOffset), s.SemaphoreErr)
			}
			if nop, err := usdt.ReadNop(f, s); nop == usdt.OtherCode || err != nil {
				t.Errorf("%s: at the site stands %v, %v", what, nop, err)
			}
			if len(s.Args()) == 0 && s.Spec != "" {
				t.Errorf("%s: no arguments in %q", what, s.Spec)
			}
		}
	}
}

// The one with pinned addresses, in full.
func TestSitesPinned(t *testing.T) {
	got := show(mustSites(t, open(t, "amd64/probe-pinned")))
	for _, want := range []string{
		"probels:always 0x1a0e 0x4000 -4@%eax\n",
		"probels:guarded 0x1a10 0x4002 -4@%edi 2@probels_guarded_semaphore(%rip)\n",
		"probels:constants 0x1b00 -4@$42 -4@$-7 -4@$120 4@$-1985229329 1@$-56\n",
		"probels:inlined 0x1800 -4@%edi\nprobels:inlined 0x1906 -4@%eax\nprobels:inlined 0x190a -4@%edi\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no\n%sin\n%s", want, got)
		}
	}
}

// Prelink moves everything but the notes; .stapsdt.base tells.
func TestSitesMoved(t *testing.T) {
	f := open(t, "amd64/sdt-stale")
	for _, s := range mustSites(t, f) {
		if s.Moved != 0x10000 || s.Err != nil || s.SemaphoreErr != nil {
			t.Errorf("%s:%s moved 0x%x, %v, %v", s.Provider, s.Name, s.Moved, s.Err, s.SemaphoreErr)
		}
		if s.Name == "always" && (s.Addr != 0x11b1e || s.Semaphore != 0x12da8) {
			t.Errorf("always is at 0x%x, its semaphore at 0x%x", uint64(s.Addr), uint64(s.Semaphore))
		}
	}
	for _, name := range []string{"amd64/sdt-nobase", "amd64/probe-pie"} {
		for _, s := range mustSites(t, open(t, name)) {
			if s.Moved != 0 {
				t.Errorf("%s: %s moved 0x%x", name, s.Name, s.Moved)
			}
		}
	}
}

func TestBaseAdjust(t *testing.T) {
	for _, l := range layouts {
		high := uint64(1<<64 - 0x1000)
		if l.class == elf.ELFCLASS32 {
			high = 1<<32 - 0x1000
		}
		for _, c := range []struct {
			what                  string
			section               uint64 // address of .stapsdt.base; 0 for none
			loc, base, semaphore  uint64
			addr, wantSem         elfsym.Addr
			moved                 int64
			noOffset, noSemOffset bool
		}{
			{"as linked", 0x500, 0x401010, 0x500, 0, 0x401010, 0, 0, false, false},
			{"up", 0x401500, 0x1010, 0x1500, 0x102010, 0x401010, 0x502010, 0x400000, false, false},
			{"down", 0x401500, 0x801010, 0x801500, 0x902010, 0x401010, 0x502010, -0x400000, false, false},
			{"no semaphore stays none", 0x401500, 0x1010, 0x1500, 0, 0x401010, 0, 0x400000, false, false},
			{"no section", 0, 0x401010, 0x12345, 0x502010, 0x401010, 0x502010, 0, false, false},
			{"base 0", 0x401500, 0x401010, 0, 0x502010, 0x401010, 0x502010, 0, false, false},
			{"outside", 0x500, 0x10, 0x500, 0, 0x10, 0, 0, true, false},
			{"site in data", 0x500, 0x502010, 0x500, 0, 0x502010, 0, 0, true, false},
			{"semaphore in code", 0x500, 0x401010, 0x500, 0x401020, 0x401010, 0x401020, 0, false, true},
			{"semaphore outside", 0x500, 0x401010, 0x500, 8, 0x401010, 8, 0, false, true},
			{"wraps", 0x1000, high + 0x401010 - 0x1000 - high + 0x1000 - 0x2000, high, 0, 0x401010, 0, 0x2000, false, false},
		} {
			w := program(l.class, l.data, func(w *elfwrite.File) []elfwrite.Note {
				return []elfwrite.Note{w.USDT(c.loc, c.base, c.semaphore, "p", "n", "")}
			})
			if c.section != 0 {
				w.Sections = append(w.Sections, elfwrite.Section{Name: ".stapsdt.base", Addr: c.section, Bytes: []byte{0}})
			}
			sites := mustSites(t, parse(t, w.Bytes()))
			if len(sites) != 1 {
				t.Errorf("%v %v %s: %d sites", l.class, l.data, c.what, len(sites))
				continue
			}
			s := sites[0]
			if s.Addr != c.addr || s.Semaphore != c.wantSem || s.Moved != c.moved || (s.Err != nil) != c.noOffset || (s.SemaphoreErr != nil) != c.noSemOffset {
				t.Errorf("%v %v %s: at 0x%x, semaphore 0x%x, moved %d, %v, %v", l.class, l.data, c.what, uint64(s.Addr), uint64(s.Semaphore), s.Moved, s.Err, s.SemaphoreErr)
			}
			if s.Err != nil && (!errors.Is(s.Err, elfsym.ErrNoOffset) || s.Offset != 0) {
				t.Errorf("%s: offset 0x%x, %v", c.what, uint64(s.Offset), s.Err)
			}
			if s.Err == nil {
				if a, err := parse(t, w.Bytes()).Segments().Addr(s.Offset); a != s.Addr || err != nil {
					t.Errorf("%s: offset 0x%x is at 0x%x, %v", c.what, uint64(s.Offset), uint64(a), err)
				}
			}
		}
	}
}

// Notes are found in every section of that type, in two of one name, and by
// PT_NOTE where there are no sections.
func TestSitesSections(t *testing.T) {
	a := func(w *elfwrite.File) elfwrite.Note { return w.USDT(textAddr, 0, 0, "p", "a", "") }
	b := func(w *elfwrite.File) elfwrite.Note { return w.USDT(textAddr+1, 0, 0, "p", "b", "4@%eax") }
	gnu := elfwrite.Note{Name: "GNU", Type: 3, Desc: []byte("stapsdt\x00")}
	for _, l := range layouts {
		for _, c := range []struct {
			what     string
			sections func(w *elfwrite.File) []elfwrite.Section
			want     string
			errs     int
		}{
			{"one", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.stapsdt", Notes: []elfwrite.Note{a(w), b(w)}}}
			}, "a b", 0},
			{"two of one name", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.stapsdt", Notes: []elfwrite.Note{a(w)}}, {Name: ".note.stapsdt", Notes: []elfwrite.Note{b(w)}}}
			}, "a b", 0},
			{"another name", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.mine", Notes: []elfwrite.Note{gnu, a(w), gnu, b(w)}}}
			}, "a b", 1},
			{"another name, nothing of ours", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.mine", Notes: []elfwrite.Note{gnu, gnu}}}
			}, "", 0},
			{"foreign notes between", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.stapsdt", Notes: []elfwrite.Note{gnu, a(w), gnu, b(w), gnu}}}
			}, "a b", 3},
			{"no bytes", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.stapsdt", Type: elf.SHT_NOBITS, Size: 100}}
			}, "", 0},
			{"not a note section", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.stapsdt", Type: elf.SHT_PROGBITS, Notes: []elfwrite.Note{a(w)}}}
			}, "", 0},
			{"beyond the end", func(w *elfwrite.File) []elfwrite.Section {
				return []elfwrite.Section{{Name: ".note.stapsdt", Notes: []elfwrite.Note{a(w)}, Edit: func(s *elf.Section64) { s.Off = 1 << 31 }},
					{Name: ".note.stapsdt", Notes: []elfwrite.Note{b(w)}}}
			}, "b", 1},
			{"none", func(w *elfwrite.File) []elfwrite.Section { return nil }, "", 0},
		} {
			w := program(l.class, l.data, nil)
			w.Sections = append(w.Sections, c.sections(w)...)
			sites, errs := drain(usdt.Sites(parse(t, w.Bytes())))
			if got := names(sites); got != c.want || len(errs) != c.errs {
				t.Errorf("%v %v %s: sites %q, want %q; errors %v", l.class, l.data, c.what, got, c.want, errs)
			}
		}
		w := program(l.class, l.data, nil)
		w.Sections = nil
		w.Segments = []elfwrite.Segment{
			{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Vaddr: textAddr, Bytes: make([]byte, 16)},
			{Type: elf.PT_NOTE, Flags: elf.PF_R, Bytes: w.NoteBytes(gnu, a(w), b(w)), Align: 4},
		}
		sites, errs := drain(usdt.Sites(parse(t, w.Bytes())))
		if names(sites) != "a b" || len(errs) != 0 && len(errs) != 1 {
			t.Errorf("%v %v by PT_NOTE: %s, %v", l.class, l.data, names(sites), errs)
		}
	}
}

// A file whose section headers are damaged says so.
func TestSitesNoSections(t *testing.T) {
	b := bytes.Clone(testbin.Read(t, "amd64/probe-pie"))
	b[47] = 0x7f // e_shoff
	sites, errs := drain(usdt.Sites(parse(t, b)))
	if len(sites) != 0 || len(errs) != 1 || !errors.Is(errs[0], elfsym.ErrTruncated) {
		t.Errorf("%d sites, %v", len(sites), errs)
	}
	for range usdt.Sites(parse(t, b)) {
		break
	}
	for range usdt.Sites(open(t, "amd64/probe-pie")) {
		break
	}
}

func TestGroup(t *testing.T) {
	probes := usdt.Group(mustSites(t, open(t, "amd64/probe-pie")))
	var got []string
	for _, p := range probes {
		for _, s := range p.Sites {
			if s.Provider != p.Provider || s.Name != p.Name {
				t.Errorf("%s:%s among those of %s:%s", s.Provider, s.Name, p.Provider, p.Name)
			}
		}
		got = append(got, fmt.Sprintf("%s:%s %d", p.Provider, p.Name, len(p.Sites)))
	}
	list := strings.Join(got, "\n")
	for _, want := range []string{"probels:inlined 3", "probels:differ 2", "probels:plain 1", "other_provider:plain 1"} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if len(probes) != 16 || got[0] != "probels:always 1" {
		t.Errorf("%d probes:\n%s", len(probes), list)
	}
	if got := usdt.Group(nil); got != nil {
		t.Errorf("of nothing: %v", got)
	}
}

func TestArgs(t *testing.T) {
	for _, s := range mustSites(t, open(t, "amd64/probe-pinned")) {
		if s.Name != "many" {
			continue
		}
		args := s.Args()
		if len(args) != 12 || args[0].Reg.Name != "edi" || args[6].Base.Name != "rsp" || args[6].Disp != 8 || args[0].Size != 4 || !args[0].Signed {
			t.Errorf("arguments %+v", args)
		}
		if again := s.AppendArgs(args[:0]); &again[0] != &args[0] || len(again) != 12 {
			t.Error("AppendArgs did not use the memory it was given")
		}
	}
}
