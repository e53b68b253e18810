//go:build linux

package offset

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
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
