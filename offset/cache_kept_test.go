//go:build linux

package offset

import (
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// An answer that rests on a search for a debug file ages; one that the file's own
// bytes decide does not.
func TestCacheAge(t *testing.T) {
	for _, age := range []time.Duration{0, time.Hour, -1} {
		c := newCacheTest(t, CacheLimits{Age: age})
		dir, path := t.TempDir(), testbin.Exec(t, "amd64/probe-stripped")
		own := testbin.Exec(t, "amd64/probe-pie")
		o := &Options{Cache: c.Cache, Debug: &debuglink.Options{HostDirs: []string{dir}}}
		if got := askOne(t, path, o, "helper"); got != -1 {
			t.Fatalf("0x%x", got)
		}
		for _, name := range []string{"helper", "no_such"} {
			askOne(t, own, o, name)
		}
		c.used()
		id := "7579de5a4f210c8d6617a0bcbb96175992e8deed"
		must(t, os.MkdirAll(filepath.Join(dir, ".build-id", id[:2]), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, ".build-id", id[:2], id[2:]+".debug"), testbin.Read(t, "amd64/probe-pie.debug"), 0o644))
		if age < 0 {
			if got := askOne(t, path, o, "helper"); got < 0 {
				t.Error("the debug file is not noticed at once")
			}
			askOne(t, path, o, "helper")
			c.want("no age", "0 hits, 2 misses")
		} else {
			lasts := cmp.Or(age, time.Minute)
			c.forward(lasts - time.Second)
			if got := askOne(t, path, o, "helper"); got != -1 {
				t.Errorf("age %v: 0x%x before its time", lasts, got)
			}
			c.forward(2 * time.Second)
			if got := askOne(t, path, o, "helper"); got < 0 {
				t.Errorf("age %v: not found after its time", lasts)
			}
			c.want("then", "1 hits, 1 misses")
			c.forward(lasts / 2)
			askOne(t, path, o, "helper")
			c.want("what was found", "1 hits, 0 misses")
			c.forward(lasts)
			askOne(t, path, o, "helper")
			c.want("what was found ages too", "0 hits, 1 misses")
		}
		c.forward(1000 * time.Hour)
		for _, name := range []string{"helper", "no_such"} {
			askOne(t, own, o, name)
		}
		c.want("its own, whatever the time", "2 hits, 0 misses")
	}
}

// fetcher is a source of debug files that has none.
type fetcher struct{ can any }

func (fetcher) Fetch(context.Context, debuglink.Artifact, []byte) (*os.File, string, error) {
	return nil, "", os.ErrNotExist
}

// Who has other options has other answers, where they count; and the file's own
// answers are everybody's.
func TestCacheOptions(t *testing.T) {
	c := newCacheTest(t, CacheLimits{})
	path := testbin.Exec(t, "amd64/probe-stripped")
	dir, link := t.TempDir(), filepath.Join(filepath.Dir(path), "link")
	must(t, os.Link(path, link))
	one, two := &fetcher{}, &fetcher{can: 1}
	for i, o := range []struct {
		path string
		o    Options
	}{
		{path, Options{}}, {link, Options{}}, // what is beside it may differ
		{path, Options{OwnTables: true}},
		{path, Options{Limits: elfsym.Limits{Table: 1 << 20}}},
		{path, Options{Debug: &debuglink.Options{Dirs: []string{}}}},
		{path, Options{Debug: &debuglink.Options{Dirs: []string{"/a", "/b"}}}},
		{path, Options{Debug: &debuglink.Options{Dirs: []string{"/a"}, HostDirs: []string{"/b"}}}},
		{path, Options{Debug: &debuglink.Options{HostDirs: []string{"/a", "/b"}}}},
		{path, Options{Debug: &debuglink.Options{Root: dir}}},
		{path, Options{Debug: &debuglink.Options{Root: t.TempDir()}}},
		{path, Options{Debug: &debuglink.Options{Fetcher: one}}},
		{path, Options{Debug: &debuglink.Options{Fetcher: two}}},
		{path, Options{Debug: &debuglink.Options{Fetcher: fetcher{1}}}},
		{path, Options{Debug: &debuglink.Options{CheckCRC: true}}},
		{path, Options{Debug: &debuglink.Options{Limits: debuglink.Limits{CRC: 5}}}},
		{path, Options{DWARF: dwarfinfo.Limits{Unit: 1 << 20}}},
		{path, Options{Reference: &Reference{}}},
		{path, Options{Reference: &Reference{}, Least: Likely}},
	} {
		o.o.Cache = c.Cache
		ask(t, o.path, &o.o, Func("no_such"))
		if i == 16 || i == 17 {
			c.want(fmt.Sprintf("%+v", o.o), "0 hits, 1 misses") // an empty reference is a problem
			continue
		}
		ask(t, o.path, &o.o, Func("no_such"))
		c.want(fmt.Sprintf("%+v", o.o), "1 hits, 1 misses")
	}
	o := &Options{Cache: c.Cache, Debug: &debuglink.Options{Fetcher: fetcher{[]int{1}}}} // cannot be compared
	ask(t, path, o, Func("no_such"), USDT("probels", "always"))
	ask(t, path, o, Func("no_such"), USDT("probels", "always"))
	c.want("a fetcher that cannot be compared", "1 hits, 3 misses")
	ask(t, link, &Options{Cache: c.Cache}, USDT("probels", "always"))
	c.want("by another name and other options", "1 hits, 0 misses")
	// Another directory by the same name.
	o = &Options{Cache: c.Cache, Debug: &debuglink.Options{Root: dir}}
	must(t, os.Rename(dir, dir+".old"))
	must(t, os.Mkdir(dir, 0o755))
	ask(t, path, o, Func("no_such"))
	c.want("another root", "0 hits, 1 misses")
}

// Nothing is kept of a file that is the caller's, by a search that was cut short, or
// beside an error.
func TestCacheNotKept(t *testing.T) {
	c := newCacheTest(t, CacheLimits{})
	o := &Options{Cache: c.Cache}
	path := testbin.Exec(t, "amd64/libtestbin.so")
	f, err := elfsym.Open(path)
	must(t, err)
	defer f.Close()
	tg, err := New(f, path, o)
	must(t, err)
	if _, err := tg.Resolve(t.Context(), Func("lib_func")); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	tg, err = Open(path, o)
	must(t, err)
	defer tg.Close()
	if _, err := tg.Resolve(gone, Func("lib_func")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	rs, err := tg.Resolve(t.Context(), At(1<<40), Func("lib_func+0x10000").In("x"), FuncOffset("lib_func", 1<<20))
	if err != nil || rs[0].Err == nil || rs[1].Err == nil || rs[2].Err == nil {
		t.Errorf("%+v, %v", rs, err)
	}
	if s := c.Stats(); s.Answers != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
	must(t, os.WriteFile(filepath.Join(filepath.Dir(path), "cut"), testbin.Read(t, "amd64/libtestbin.so")[:9000], 0o755))
	for range 2 {
		if _, err := ask(t, filepath.Join(filepath.Dir(path), "cut"), o, Func("no_such")); err == nil {
			t.Error("a file that is cut short is searched without an error")
		}
	}
	if s := c.Stats(); s.Answers != 0 {
		t.Errorf("%+v", s)
	}
	// With an answer kept, a context that has ended, and a target that is closed, still say so.
	askOne(t, path, o, "lib_func")
	if _, err := tg.Resolve(gone, Func("lib_func")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	tg.Close()
	if rs, err := tg.Resolve(t.Context(), Func("lib_func")); err == nil {
		t.Errorf("%+v of a closed target", rs)
	}
}

// A kept name does not keep the table that it was read in, and what is handed
// out is nobody else's.
func TestCacheOwnership(t *testing.T) {
	file := &elfwrite.File{
		Machine: elf.EM_X86_64, Type: elf.ET_EXEC,
		Sections: []elfwrite.Section{{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x401000, Bytes: make([]byte, 0x1000)}},
		Segments: []elfwrite.Segment{{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Covers: [2]string{".text", ".text"}, Align: 0x1000}},
	}
	for i := range 400 {
		name := fmt.Sprint(i, strings.Repeat("long", 10<<10))
		if i == 200 {
			name = "short"
		}
		file.Symbols = append(file.Symbols, elfwrite.Symbol{Name: name, Value: 0x401000 + uint64(i), Size: 1, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
	}
	path := filepath.Join(t.TempDir(), "big")
	must(t, os.WriteFile(path, file.Bytes(), 0o755))
	c := newCacheTest(t, CacheLimits{})
	o := &Options{Cache: c.Cache}
	ask(t, path, o, parsed(t, "sho?t")...)
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 12<<20 {
		t.Errorf("%d bytes, and the names have 16 MB", m.HeapAlloc)
	}
	path = testbin.Exec(t, "amd64/libtestbin.so")
	specs := parsed(t, "lib_*", "lib_fumc", "ver_func@V9")
	want, err := ask(t, path, o, specs...)
	must(t, err)
	want, _ = ask(t, path, nil, specs...)
	for range 2 {
		got, _ := ask(t, path, o, specs...)
		sameResults(t, "after others have changed theirs", got, want)
		for i := range got {
			for k := range got[i].Locations {
				got[i].Locations[k] = Location{}
			}
			if e := (*NotFoundError)(nil); errors.As(got[i].Err, &e) {
				for _, list := range [][]string{e.Searched, e.Nearest, e.Needed, e.Versions} {
					for k := range list {
						list[k] = "changed"
					}
					_ = append(list, "more")
				}
				e.Note = "changed"
			}
		}
	}
}
