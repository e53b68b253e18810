//go:build linux

package offset

import (
	"bytes"
	"cmp"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// A cacheTest is a Cache with a clock that can be put forward; it begins an hour
// late, so that files which a test has written are old.
type cacheTest struct {
	*Cache
	t     testing.TB
	mu    sync.Mutex
	later time.Duration
}

func newCacheTest(t testing.TB, l CacheLimits) *cacheTest {
	c := &cacheTest{Cache: NewCache(l), t: t, later: time.Hour}
	c.now = func() time.Time {
		c.mu.Lock()
		defer c.mu.Unlock()
		return time.Now().Add(c.later)
	}
	return c
}

func (c *cacheTest) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.later += d
}

// used is how many specs were answered and how many not, since it was last asked.
func (c *cacheTest) used() string {
	c.Cache.mu.Lock()
	defer c.Cache.mu.Unlock()
	s := fmt.Sprintf("%d hits, %d misses", c.stats.Hits, c.stats.Misses)
	c.stats.Hits, c.stats.Misses = 0, 0
	return s
}

func (c *cacheTest) want(what, want string) {
	c.t.Helper()
	if got := c.used(); got != want {
		c.t.Errorf("%s: %s, want %s", what, got, want)
	}
}

// ask opens a file and resolves.
func ask(t testing.TB, path string, o *Options, specs ...Spec) ([]Result, error) {
	t.Helper()
	tg, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	return tg.Resolve(context.Background(), specs...)
}

// askOne is the offset of one name, or -1.
func askOne(t testing.TB, path string, o *Options, name string) int64 {
	t.Helper()
	rs, err := ask(t, path, o, Func(name))
	if err != nil {
		t.Fatal(err)
	}
	if len(rs[0].Locations) == 0 {
		return -1
	}
	return int64(rs[0].Locations[0].Offset)
}

func parsed(t testing.TB, texts ...string) []Spec {
	t.Helper()
	var out []Spec
	for _, text := range texts {
		s, err := ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	return out
}

// specsFor are all ways to ask, of what a file has and of what it has not.
func specsFor(t testing.TB, tg *Target) []Spec {
	texts := []string{"main", "lib_func", "lib_func+0x4", "lib_fumc", "no_such", "printf", "puts", "read@plt", "puts@plt", "ver_func", "ver_func@VERS_1", "ver_func@V9", "lib_*", "*:*",
		"probe.c:main", "probe.c:12", "local_func", "lib.c:local_func", "0x1000", "0x401000", "+0x1000", "0x10", "+0x1", "A::f", "a:b", "environ", "_init", "_start", "f*o"}
	n := map[Kind]int{}
	for p, err := range tg.Probes(context.Background(), Query{}) {
		if err == nil && n[p.Kind] < 4 {
			n[p.Kind]++
			texts = append(texts, p.Name())
			if p.Symbol != nil {
				texts = append(texts, fmt.Sprintf("0x%x", uint64(p.Symbol.Addr)+1), fmt.Sprintf("+0x%x", uint64(p.Offset)), p.Name()+"+0x1", elfsym.Demangle(p.Name()))
			}
		}
	}
	return append(parsed(t, texts...), FuncOffset("lib_func", 1), Line("probe.c", 20), FileOffset(0x1000, "00"), At(0x1090), Func("lib_func").In("nowhere"), Func("lib_func").In("*"))
}

// What a Cache hands out is what there would have been without it: for all
// fixtures, by one call or one for each, on the first and on later ones.
func TestCacheEqual(t *testing.T) {
	c := newCacheTest(t, CacheLimits{})
	hits := uint64(0)
	for _, name := range testbin.All(t) {
		path := testbin.Path(t, name)
		plain, err := Open(path, nil)
		if err != nil {
			continue // no program
		}
		specs := specsFor(t, plain)
		want, wantErr := plain.Resolve(t.Context(), specs...)
		var one []Result
		for _, s := range specs {
			rs, _ := plain.Resolve(t.Context(), s)
			one = append(one, rs...)
		}
		plain.Close()
		c.Clear()
		for _, how := range []string{"first", "again"} {
			got, err := ask(t, path, &Options{Cache: c.Cache}, specs...)
			sameResults(t, name+", together, "+how, got, want)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Errorf("%s: %v, want %v", name, err, wantErr)
			}
		}
		for _, how := range []string{"first", "again"} {
			for i, s := range specs {
				got, _ := ask(t, path, &Options{Cache: c.Cache}, s)
				sameResults(t, name+", alone, "+how, got, one[i:i+1])
			}
		}
		hits = c.Stats().Hits
	}
	if hits < 1000 {
		t.Errorf("%d hits", hits)
	}
	t.Logf("%+v", c.Stats())
}

func sameResults(t *testing.T, what string, got, want []Result) {
	t.Helper()
	for i := range want {
		if i >= len(got) || !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("%s: %s\n got %+v\nwant %+v", what, want[i].Spec, got[i], want[i])
		}
	}
}

// rewrite makes a file of other bytes, with the old one's time of modification.
func rewrite(t *testing.T, path string, data []byte, how string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // a tick of the clock that file systems use, at least
	to := path
	if how == "renamed" {
		to += ".new"
	}
	must(t, os.WriteFile(to, data, 0o755))
	must(t, os.Chtimes(to, info.ModTime(), info.ModTime()))
	must(t, os.Rename(to, path))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// forged is a library, and another one, as large and of the same build-id, that has
// lib_func 16 bytes further on.
func forged(t *testing.T) (one, two []byte) {
	one = testbin.Read(t, "amd64/libtestbin-sysv.so")
	two = slices.Clone(one)
	for _, table := range []string{".dynsym", ".symtab"} {
		moveSymbol(t, two, table, "lib_func", 16)
	}
	return one, two
}

// A file that is another one, or another version of itself, is asked anew,
// whatever is made to look the same: name, size, time of modification, build-id.
func TestCacheChanged(t *testing.T) {
	one, two := forged(t)
	for _, how := range []string{"renamed", "in place"} {
		c := newCacheTest(t, CacheLimits{})
		o := &Options{Cache: c.Cache}
		path := filepath.Join(t.TempDir(), "lib.so")
		must(t, os.WriteFile(path, one, 0o755))
		first := askOne(t, path, o, "lib_func")
		c.want(how+", first", "0 hits, 1 misses")
		if got := askOne(t, path, o, "lib_func"); got != first || first < 0 {
			t.Errorf("%s: 0x%x, then 0x%x", how, first, got)
		}
		c.want(how+", again", "1 hits, 0 misses")
		tg, err := Open(path, o) // stays open
		must(t, err)
		defer tg.Close()
		rewrite(t, path, two, how)
		if got := askOne(t, path, o, "lib_func"); got != first+16 {
			t.Errorf("%s: 0x%x, want 0x%x", how, got, first+16)
		}
		c.want(how+", another", "0 hits, 1 misses")
		rs, err := tg.Resolve(t.Context(), Func("lib_func"))
		if how == "renamed" {
			if err != nil || int64(rs[0].Locations[0].Offset) != first {
				t.Errorf("the open file: %+v, %v", rs, err)
			}
			c.want("unlinked since it was asked, which changes a file", "0 hits, 0 misses")
		} else if len(rs) > 0 && int64(rs[0].Locations[0].Offset) == first {
			t.Errorf("the open file: %+v, %v", rs, err)
		} else {
			c.want("changed while open", "0 hits, 0 misses")
		}
		askOne(t, path, o, "lib_func")
		c.want(how+", the other again", "1 hits, 0 misses")
		must(t, os.Chtimes(path, time.Now(), time.Now()))
		askOne(t, path, o, "lib_func")
		c.want(how+", touched", "0 hits, 1 misses")
	}
}

// moveSymbol adds to the values of a symbol in a little-endian 64-bit file.
func moveSymbol(t *testing.T, b []byte, table, name string, by byte) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(b))
	must(t, err)
	syms, err := f.DynamicSymbols()
	if table == ".symtab" {
		syms, err = f.Symbols()
	}
	must(t, err)
	i := slices.IndexFunc(syms, func(s elf.Symbol) bool { return s.Name == name })
	if i < 0 || syms[i].Value&0xff >= 0xf0 {
		t.Fatalf("%s of %s: %d", name, table, i)
	}
	b[f.Section(table).Offset+uint64(i+1)*24+8] += by
}

// Whoever writes a file writes its build-id: two files that have the same, and the same
// size and time, have nothing to do with each other.
func TestCacheForgedBuildID(t *testing.T) {
	good, bad := forged(t)
	c := newCacheTest(t, CacheLimits{})
	o := &Options{Cache: c.Cache}
	dir, when := t.TempDir(), time.Unix(1e9, 0)
	at := map[int64]bool{}
	for i, data := range [][]byte{bad, good} {
		path := filepath.Join(dir, fmt.Sprint(i))
		must(t, os.WriteFile(path, data, 0o755))
		must(t, os.Chtimes(path, when, when))
		plain := askOne(t, path, nil, "lib_func")
		at[plain] = true
		if got := askOne(t, path, o, "lib_func"); got != plain {
			t.Errorf("file %d: 0x%x, want 0x%x", i, got, plain)
		}
	}
	c.want("two files", "0 hits, 2 misses")
	if len(at) != 2 {
		t.Errorf("the files are alike: %v", at)
	}
}

// A file that was changed just before it was opened may change again with the times
// as they are.
func TestCacheRacy(t *testing.T) {
	c := newCacheTest(t, CacheLimits{})
	c.forward(-time.Hour)
	o := &Options{Cache: c.Cache}
	path := testbin.Exec(t, "amd64/libtestbin.so")
	for range 2 {
		askOne(t, path, o, "lib_func")
	}
	young, err := Open(path, o)
	must(t, err)
	defer young.Close()
	c.forward(racy + 100*time.Millisecond)
	if _, err := young.Resolve(t.Context(), Func("lib_func")); err != nil {
		t.Fatal(err)
	}
	if s := c.Stats(); s != (CacheStats{}) {
		t.Errorf("of a young file: %+v", s)
	}
	for range 2 {
		askOne(t, path, o, "lib_func")
	}
	c.want("when it is older", "1 hits, 1 misses")
	c.forward(-24 * time.Hour) // it is of the future now
	askOne(t, path, o, "lib_func")
	c.want("from the future", "0 hits, 0 misses")
}

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

// audit counts anew what a Cache holds.
func (c *cacheTest) audit() {
	c.t.Helper()
	c.Cache.mu.Lock()
	defer c.Cache.mu.Unlock()
	n, bytes, of := 0, int64(0), map[*subject]int{}
	for a := c.ring.next; a != &c.ring; a = a.next {
		if c.answers[a.key] != a || a.next.prev != a {
			c.t.Fatal("an answer that is in the ring only")
		}
		for s := a.key.of; s != nil; s = s.key.of {
			if of[s]++; c.subjects[s.key] != s {
				c.t.Fatal("an answer of no subject")
			}
			if of[s] > 1 {
				break
			}
		}
		n++
		bytes += a.cost
	}
	for s, kept := range of {
		bytes += s.cost()
		if s.kept != kept {
			c.t.Errorf("%d kept, %d counted", kept, s.kept)
		}
	}
	if n != c.stats.Answers || n != len(c.answers) || len(of) != len(c.subjects) || bytes != c.stats.Bytes || bytes > c.lim.Bytes {
		c.t.Errorf("%d answers in %d bytes of %d subjects; %+v, %d, %d", n, bytes, len(of), c.stats, len(c.answers), len(c.subjects))
	}
}

// The bound holds, the longest unused goes first, and what is too large is not
// kept.
func TestCacheEviction(t *testing.T) {
	c := newCacheTest(t, CacheLimits{Bytes: 40 << 10})
	o := &Options{Cache: c.Cache}
	one, two := testbin.Exec(t, "amd64/libtestbin.so"), testbin.Exec(t, "amd64/libtestbin.so")
	askOne(t, one, o, "lib_func")
	for i := range 200 {
		askOne(t, two, o, fmt.Sprint("no_such_name_", i))
		if i%10 == 0 {
			askOne(t, one, o, "lib_func")
		}
		c.audit()
	}
	s := c.Stats()
	if s.Hits != 20 || s.Answers < 20 || s.Answers > 100 || s.Bytes < c.lim.Bytes/2 {
		t.Errorf("%+v", s)
	}
	c.used()
	ask(t, two, o, Func("*"), parsed(t, "*")[0]) // some 30 locations
	ask(t, two, o, parsed(t, "*")[0])
	if s := c.Stats(); s.Misses < 3 {
		t.Errorf("an answer of an eighth of all: %+v", s)
	}
	c.Clear()
	c.audit()
	if s := c.Stats(); s.Answers != 0 || s.Bytes != 0 {
		t.Errorf("%+v", s)
	}
}

// What is estimated is no less than what is taken.
func TestCacheCost(t *testing.T) {
	for _, of := range []struct {
		what any
		cost uintptr
	}{{Location{}, locationCost}, {answer{}, answerCost - 3*(24+8+1)}, {subject{}, subjectCost - 3*(48+8+1)}, {NotFoundError{}, 512}} {
		if size := reflect.TypeOf(of.what).Size(); size > of.cost {
			t.Errorf("%T has %d bytes, counted %d", of.what, size, of.cost)
		}
	}
	var before, after runtime.MemStats
	path := testbin.Exec(t, "amd64/libtestbin.so")
	c := newCacheTest(t, CacheLimits{})
	tg, err := Open(path, &Options{Cache: c.Cache})
	must(t, err)
	defer tg.Close()
	tg.Resolve(t.Context(), Func("x"))
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 3000 {
		tg.Resolve(t.Context(), Func(fmt.Sprint("absent", i)), Func("lib_func"))
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	took, said := int64(after.HeapAlloc)-int64(before.HeapAlloc), c.Stats().Bytes
	t.Logf("%d answers, %d bytes, said to be %d", c.Stats().Answers, took, said)
	if c.Stats().Answers < 3000 || took > said || took < said/8 {
		t.Errorf("%d answers take %d bytes and are said to take %d", c.Stats().Answers, took, said)
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

// Everything that a question depends on is in its key. Who adds a field puts it
// there, if it changes an answer, and its number here.
func TestCacheKeyFields(t *testing.T) {
	for _, s := range []struct {
		of     any
		fields int
	}{{Options{}, 7}, {elfsym.Limits{}, 3}, {dwarfinfo.Limits{}, 2}, {debuglink.Options{}, 6}, {debuglink.Limits{}, 4}, {elfsym.Options{}, 3},
		{Spec{}, 11}, {funcSpec{}, 2}, {staticSpec{}, 2}, {NotFoundError{}, 9}, {Location{}, 22}, {Result{}, 3}} {
		if n := reflect.TypeOf(s.of).NumField(); n != s.fields {
			t.Errorf("%T has %d fields, not %d: are all that count in the keys, and copied in answers?", s.of, n, s.fields)
		}
	}
	// Specs that ask differently have different keys.
	specs := append(parsed(t, "a", "a:b", "a+0x1", "a:1", "a*", "0x1", "+0x1", "a@b"), Func("a"), Func("a:b"), USDT("a", "b"), FuncOffset("a", 1), At(1), At(2),
		FileOffset(1, ""), FileOffset(1, "00"), Line("a", 1), Line("a", 2))
	keys := map[string]Spec{}
	for _, s := range specs {
		k := string(s.appendKey(nil))
		if old, has := keys[k]; has && !reflect.DeepEqual(old, s) {
			t.Errorf("%+v and %+v have one key", old, s)
		}
		keys[k] = s
	}
	if len(keys) != len(specs)-1 { // ParseSpec("a") is Func("a")
		t.Errorf("%d keys of %d specs", len(keys), len(specs))
	}
}

// Opening, asking, evicting and forgetting by many at once.
func TestCacheConcurrent(t *testing.T) {
	c := newCacheTest(t, CacheLimits{Bytes: 16 << 10})
	o := &Options{Cache: c.Cache}
	paths := []string{testbin.Exec(t, "amd64/libtestbin.so"), testbin.Exec(t, "amd64/probe-stripped"), testbin.Exec(t, "s390x/libtestbin.so")}
	specs := parsed(t, "lib_func", "lib_fumc", "helper", "probelib:entry", "lib_*")
	want := map[string][]Result{}
	for _, p := range paths {
		want[p], _ = ask(t, p, nil, specs...)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 60 {
				p := paths[(g+i)%len(paths)]
				tg, err := Open(p, o)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := tg.Resolve(context.Background(), specs...)
				if err != nil || !reflect.DeepEqual(got, want[p]) {
					t.Errorf("%s: %+v, %v", p, got, err)
				}
				tg.Close()
				switch {
				case i%25 == 24 && g == 0:
					c.Clear()
				case i%9 == 8:
					c.forward(time.Minute)
				}
				c.Stats()
			}
		})
	}
	wg.Wait()
	c.audit()
	if s := c.Stats(); s.Hits == 0 || s.Misses == 0 {
		t.Errorf("%+v", s)
	}
}

// reads is how many reads this thread has made.
func reads(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/thread-self/io")
	if err != nil {
		skip.Nowf(t, "this kernel does not count reads: %v", err)
	}
	for line := range strings.Lines(string(b)) {
		if n, ok := strings.CutPrefix(line, "syscr: "); ok {
			count, err := strconv.Atoi(strings.TrimSpace(n))
			must(t, err)
			return count
		}
	}
	t.Fatalf("%s", b)
	return 0
}

// A file of which all is kept is read once: its first kilobyte.
func TestCacheReads(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := newCacheTest(t, CacheLimits{})
	path := testbin.Exec(t, "amd64/probe-stripped")
	specs := []Spec{Func("no_such"), USDT("probels", "always")}
	reads(t)
	start := reads(t)
	none := reads(t) - start
	for _, want := range []struct{ least, most int }{{4, 100}, {1, 1}} {
		before := reads(t)
		ask(t, path, &Options{Cache: c.Cache}, specs...)
		if n := reads(t) - before - none; n < want.least || n > want.most {
			t.Errorf("%d reads, want %d to %d", n, want.least, want.most)
		}
	}
}
