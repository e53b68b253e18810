//go:build linux

package offset

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// fakes are processes that all have the same files mapped, at other addresses each,
// by other names and with other process names.
func fakes(t testing.TB, n int, files ...string) []*fakeProc {
	var out []*fakeProc
	for i := range n {
		f := newFakeProc(t)
		f.next += uint64(i) << 24
		f.stat(fmt.Sprintf("42 (fake%d) S", i), "0", "777")
		for _, file := range files {
			f.load(file)
			f.next += 0x100000
		}
		out = append(out, f)
	}
	return out
}

func processFiles(t testing.TB) []string {
	return []string{testbin.Exec(t, "amd64/probe-pie"), testbin.Exec(t, "amd64/libtestbin.so"), testbin.Exec(t, "amd64/probe-minidebug"), testbin.Exec(t, "amd64/cxx.so")}
}

// A process is answered as without a Cache: its own objects, its own run-time
// addresses, its own name in an error.
func TestCacheProcess(t *testing.T) {
	c := newCacheTest(t, CacheLimits{})
	files := processFiles(t)
	procs := fakes(t, 3, files...)
	specs := parsed(t, "lib_func", "lib_fumc", "main", "lib_*", "probelib:entry", "helper", "no_such", "environ", "puts", "_ZN*", "lib_func+0x4", "lib_func@V9", "lib.c:local_func")
	for _, s := range specs {
		specs = append(specs, s.In("libtestbin*"), s.In(files[0]), s.In("cxx.so"), s.In("nowhere"))
	}
	specs = append(specs, At(0x1090), At(0x1090).In("libtestbin.so"), FileOffset(0x1090, ""), FileOffset(0x1090, "").In("libtestbin.so"))
	for i, f := range procs {
		p := f.open(&Options{Cache: c.Cache})
		plain := f.open(nil)
		wantAll, wantErr := plain.Resolve(t.Context(), specs...)
		for round := range 2 {
			got, err := p.Resolve(t.Context(), specs...)
			if (err == nil) != (wantErr == nil) {
				t.Errorf("%v, want %v", err, wantErr)
			}
			for k := range specs {
				sameInProcess(t, fmt.Sprintf("process %d, all, round %d", i, round), p, plain, got[k], wantAll[k])
				one, err := p.Resolve(t.Context(), specs[k])
				if err != nil {
					t.Fatal(err)
				}
				want, _ := plain.Resolve(t.Context(), specs[k])
				sameInProcess(t, fmt.Sprintf("process %d, alone, round %d", i, round), p, plain, one[0], want[0])
			}
		}
		s := c.Stats()
		t.Logf("%s: %+v", p.Name(), s)
		if i > 0 && s.Hits < s.Misses {
			t.Errorf("%+v", s)
		}
		c.used()
	}
	c.audit()
}

// sameInProcess compares answers of two Processes of one process.
func sameInProcess(t *testing.T, what string, p, plain *Process, got, want Result) {
	t.Helper()
	errText := func(err error) string {
		if e := (*NotFoundError)(nil); errors.As(err, &e) {
			e := *e
			if w := (*NotFoundError)(nil); errors.As(want.Err, &w) && w.Note == "" && w.Nearest == nil {
				e.Note, e.Nearest = "", nil // one of too many to explain; who asked for it alone was told more
			}
			return fmt.Sprintf("%+v", e)
		}
		return fmt.Sprint(err)
	}
	if g, w := errText(got.Err), errText(want.Err); g != w || len(got.Locations) != len(want.Locations) || fmt.Sprint(got.Spec) != fmt.Sprint(want.Spec) {
		t.Fatalf("%s: %s: %d locations, %s\nwant %d, %s", what, want.Spec, len(got.Locations), g, len(want.Locations), w)
	}
	for i := range want.Locations {
		g, w := got.Locations[i], want.Locations[i]
		if g.Object.p != p || slices.Index(p.objects, g.Object) != slices.Index(plain.objects, w.Object) {
			t.Fatalf("%s: %s: of another object: %s", what, want.Spec, g.Object.Path)
		}
		gAt, gOK := g.RuntimeAddr()
		wAt, wOK := w.RuntimeAddr()
		g.Object, w.Object = nil, nil
		if g != w || gAt != wAt || gOK != wOK {
			t.Fatalf("%s: %s:\n got %+v\nwant %+v", what, want.Spec, g, w)
		}
	}
}

// Of a process whose file has changed since it was opened, and of one that has ended,
// nothing is told.
func TestCacheProcessChanged(t *testing.T) {
	c := newCacheTest(t, CacheLimits{})
	files := processFiles(t)
	procs := fakes(t, 3, files...)
	for _, f := range procs {
		p := f.open(&Options{Cache: c.Cache})
		if _, err := p.Resolve(t.Context(), Func("lib_func"), Func("no_such")); err != nil {
			t.Fatal(err)
		}
	}
	c.want("three processes", "4 hits, 2 misses")
	p := procs[0].open(&Options{Cache: c.Cache})
	ended := procs[1].open(&Options{Cache: c.Cache})
	procs[1].write("42/maps", "")
	if rs, err := ended.Resolve(t.Context(), Func("lib_func")); !errors.Is(err, ErrProcessChanged) || rs != nil {
		t.Errorf("%+v, %v", rs, err)
	}
	c.used()
	info, err := os.Stat(files[2])
	must(t, err)
	time.Sleep(20 * time.Millisecond)
	b, err := os.ReadFile(files[2])
	must(t, err)
	must(t, os.WriteFile(files[2], b, 0o755))
	if _, err := p.Resolve(t.Context(), Func("lib_func")); !errors.Is(err, elfsym.ErrChanged) {
		t.Errorf("written to: %v", err)
	}
	must(t, os.Chtimes(files[2], info.ModTime(), info.ModTime()))
	if rs, err := p.Resolve(t.Context(), Func("lib_func")); err != nil || len(rs[0].Locations) != 1 {
		t.Errorf("its times are as they were: %+v, %v", rs, err)
	}
	c.want("written to", "0 hits, 1 misses")
	p = procs[2].open(&Options{Cache: c.Cache})
	for range 2 {
		if _, err := p.Resolve(t.Context(), Func("lib_func")); err != nil {
			t.Error(err)
		}
	}
	c.want("opened anew", "1 hits, 1 misses")
}

// The debug files of one container are not another's, though both have the same
// file of the host's mapped, by the same name, and their processes had the same number.
func TestCacheContainers(t *testing.T) {
	c := newCacheTest(t, CacheLimits{})
	shared := testbin.Exec(t, "amd64/probe-stripped")
	id := "7579de5a4f210c8d6617a0bcbb96175992e8deed"
	debug := testbin.Read(t, "amd64/probe-pie.debug")
	forged := slices.Clone(debug)
	moveSymbol(t, forged, ".symtab", "helper", 4)
	f := newFakeProc(t)
	f.link("mnt:[2]", "42/ns/mnt")
	f.mapped("r-xp", "/prog", f.id(shared), shared, 0x1000, text)
	var got []int64
	for i, data := range [][]byte{forged, debug, nil, debug} {
		root := t.TempDir()
		must(t, os.Link(shared, root+"/prog"))
		if data != nil {
			dir := filepath.Join(root, "usr/lib/debug/.build-id", id[:2])
			must(t, os.MkdirAll(dir, 0o755))
			must(t, os.WriteFile(filepath.Join(dir, id[2:]+".debug"), data, 0o644))
		}
		f.link(root, "42/root")
		for round := range 2 {
			p := f.open(&Options{Cache: c.Cache})
			rs, err := p.Resolve(t.Context(), Func("helper"), USDT("probels", "always"))
			must(t, err)
			one, err := p.objects[0].Target.Resolve(t.Context(), Func("helper"))
			must(t, err)
			at := int64(-1)
			if len(rs[0].Locations) > 0 {
				at = int64(rs[0].Locations[0].Offset)
				if rs[0].Locations[0].Path != p.objects[0].Path || one[0].Locations[0].Offset != elfsym.Offset(at) {
					t.Errorf("%+v, %+v", rs[0], one[0])
				}
			}
			if round == 0 {
				got = append(got, at)
			} else if at != got[i] {
				t.Errorf("0x%x, then 0x%x", got[i], at)
			}
			p.Close()
		}
	}
	if got[0] != got[1]+4 || got[1] < 0 || got[2] != -1 || got[3] != got[1] {
		t.Errorf("%#x", got)
	}
	// The file has a link more each time, which changes it; then it is as it was.
	c.used()
	for range 2 {
		p := f.open(&Options{Cache: c.Cache})
		if _, err := p.Resolve(t.Context(), Func("helper"), USDT("probels", "always")); err != nil {
			t.Error(err)
		}
		p.Close()
	}
	c.want("again", "4 hits, 0 misses")
}

// Without numbers of mounts that are not used again, nothing that could be
// mistaken for something else stays longer than Age.
func TestCacheOldKernel(t *testing.T) {
	for _, tt := range []struct {
		s     fileState
		lasts bool
	}{{fileState{mount: 1}, true}, {fileState{dev: 8<<32 | 1}, true}, {fileState{dev: 57}, false}} {
		if got := tt.s.lasts(); got != tt.lasts {
			t.Errorf("%+v: %v", tt.s, got)
		}
	}
	c := newCacheTest(t, CacheLimits{})
	path := testbin.Exec(t, "amd64/libtestbin.so")
	ask := func() {
		tg, err := Open(path, &Options{Cache: c.Cache})
		must(t, err)
		defer tg.Close()
		if tg.ident.state.mount == 0 && !strings.Contains(fmt.Sprint(tg.ident.state), "{0 ") {
			t.Errorf("%+v", tg.ident.state)
		}
		if _, err := tg.Resolve(context.Background(), Func("lib_func")); err != nil {
			t.Error(err)
		}
	}
	withoutMounts.Store(true)
	defer withoutMounts.Store(false)
	anonymous := func() bool {
		tg, err := Open(path, &Options{Cache: c.Cache})
		must(t, err)
		defer tg.Close()
		return tg.ident.state.dev>>32 == 0
	}()
	ask()
	ask()
	c.want("again", "1 hits, 1 misses")
	c.forward(2 * time.Minute)
	ask()
	c.want("later", map[bool]string{true: "0 hits, 1 misses", false: "1 hits, 0 misses"}[anonymous])
	// Roots of processes are told by the process then.
	self := fmt.Sprintf("/proc/%d/root", os.Getpid())
	one, ok := appendRoot(nil, self)
	cmd := exec.Command(skip.Tool(t, "sleep"), "60")
	must(t, cmd.Start())
	two, ok2 := appendRoot(nil, fmt.Sprintf("/proc/%d/root", cmd.Process.Pid))
	must(t, cmd.Process.Kill())
	cmd.Wait()
	if !ok || !ok2 || string(one) == string(two) {
		t.Errorf("%x %v, %x %v", one, ok, two, ok2)
	}
	if _, ok := appendRoot(nil, "/no/such/root"); ok {
		t.Error("a root that is not there has a key")
	}
}

// A process with one file that nobody has met costs that file; one of which all is
// known is not read at all.
func TestCacheProcessReads(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	files := processFiles(t)
	specs := parsed(t, "lib_func", "no_such", "lib_*x")
	resolved := func(c *cacheTest, files ...string) int {
		p := fakes(t, 1, files...)[0].open(&Options{Cache: c.Cache})
		start := reads(t)
		must(t, p.Check())
		check := reads(t) - start
		start = reads(t)
		if _, err := p.Resolve(t.Context(), specs...); err != nil {
			t.Error(err)
		}
		return reads(t) - start - check
	}
	c := newCacheTest(t, CacheLimits{})
	alone := resolved(c, files[2])
	c.Clear()
	all := resolved(c, files...)
	again := resolved(c, files...)
	c.Clear()
	resolved(c, files[0], files[1], files[3])
	one := resolved(c, files...)
	if alone < 5 || all < 2*alone || again != 0 || one != alone {
		t.Errorf("%d reads of four files, %d again, %d of one, %d of four of which three are known", all, again, alone, one)
	}
	t.Logf("%d reads of four files, %d again, %d of one, %d of four of which three are known", all, again, alone, one)
}
