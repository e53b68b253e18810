//go:build linux

package offset

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

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

// Everything that a question depends on is in its key. Who adds a field puts it
// there, if it changes an answer, and its number here.
func TestCacheKeyFields(t *testing.T) {
	for _, s := range []struct {
		of     any
		fields int
	}{{Options{}, 7}, {elfsym.Limits{}, 4}, {dwarfinfo.Limits{}, 2}, {debuglink.Options{}, 6}, {debuglink.Limits{}, 4}, {elfsym.Options{}, 3},
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
