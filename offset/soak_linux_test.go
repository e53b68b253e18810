//go:build linux

package offset_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// soakFor is PROBELS_SOAK, such as 20m: so long at least.
func soakFor(t *testing.T) time.Duration {
	v := os.Getenv("PROBELS_SOAK")
	if v == "" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func descriptors(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// A tracer that opens, resolves and closes processes while they start, execute another program and exit: neither
// memory nor descriptors nor goroutines stay behind, and an answer is either right or an error.
func TestSoak(t *testing.T) {
	sh := skip.Tool(t, "sh")
	var files, routines int
	var heap uint64
	measure := func() (int, int, uint64) {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return descriptors(t), runtime.NumGoroutine(), m.HeapAlloc
	}
	rounds, resolved := 0, 0
	// Each round is a process that lives for some milliseconds and executes another program half-way.
	for end := time.Now().Add(soakFor(t)); rounds < 100 || time.Now().Before(end); rounds++ {
		if rounds == 20 { // what is kept for good is there by now
			files, routines, heap = measure()
		}
		// Every tenth one stays for long enough to be asked, on a busy machine too.
		lives, wait := fmt.Sprintf("0.01%d", rounds%10), time.Duration(rounds%13)*time.Millisecond
		if rounds%10 == 9 {
			lives, wait = "0.4", 50*time.Millisecond
		}
		cmd := exec.Command(sh, "-c", ":; :; exec sleep $1", "sh", lives)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(wait)
		p, err := offset.OpenPID(t.Context(), cmd.Process.Pid, nil)
		if err == nil {
			for range p.Probes(t.Context(), offset.Query{Kinds: offset.KindUSDT}) {
			}
			rs, err := p.Resolve(t.Context(), offset.Func("malloc"), offset.Func("main"))
			for _, r := range rs {
				for _, l := range r.Locations {
					if l.Offset == 0 || l.Path == "" {
						t.Errorf("round %d: %+v", rounds, l)
					}
					resolved++
				}
			}
			_ = err // of a process that has gone
			if err := p.Close(); err != nil {
				t.Errorf("round %d: %v", rounds, err)
			}
		}
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	f, r, h := measure()
	t.Logf("%d rounds, %d locations; descriptors %d, then %d; goroutines %d, then %d; heap %d KB, then %d KB", rounds, resolved, files, f, routines, r, heap>>10, h>>10)
	if f > files || r > routines || h > heap+4<<20 {
		t.Error("something is left behind")
	}
	if resolved == 0 {
		t.Error("nothing was ever resolved")
	}
}

// Processes that end while all of them are listed: their directories in /proc vanish between one read and the next.
// That is no problem of the listing, and what stays is there each time.
func TestVanishing(t *testing.T) {
	sleep := skip.Tool(t, "sleep")
	stays := exec.Command(sleep, "60")
	if err := stays.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		stays.Process.Kill()
		stays.Wait()
	}()
	done, ended := make(chan struct{}), make(chan int)
	for range 3 {
		go func() {
			n := 0
			for ; ; n++ {
				select {
				case <-done:
					ended <- n
					return
				default:
				}
				if err := exec.Command(sleep, "0.001").Run(); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	path, err := filepath.EvalSymlinks(sleep)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		sys, err := offset.Running(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range sys.Problems {
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) || errors.Is(err, offset.ErrNoProcess) {
				t.Errorf("%v", err)
			}
		}
		found := false
		for file, objects := range sys.Open(t.Context()) {
			if file.Path == path {
				for _, o := range objects {
					found = found || o.Target != nil
				}
			}
		}
		by, _, err := offset.MappedBy(t.Context(), path)
		mapped := slices.ContainsFunc(by, func(m offset.Mapper) bool { return m.PID == stays.Process.Pid })
		if !found || err != nil || !mapped {
			t.Errorf("%s: found %v, mapped by %v, %v", path, found, by, err)
		}
	}
	close(done)
	n := 0
	for range 3 {
		n += <-ended
	}
	if n < 10 {
		t.Errorf("only %d processes ended", n)
	}
	t.Logf("%d processes ended", n)
}

// A file that is replaced while it is asked gives the old answer or the new one, never a mixture, whether it is replaced
// by a rename or written over.
func TestReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "prog")
	sources := []string{testbin.Path(t, "amd64/probe-pie"), testbin.Path(t, "amd64/probe-clang")}
	answer := func(path string) (string, error) {
		tg, err := offset.Open(path, nil)
		if err != nil {
			return "", err
		}
		defer tg.Close()
		rs, err := tg.Resolve(t.Context(), offset.Func("main"))
		if err != nil {
			return "", err
		}
		s := ""
		for _, r := range rs {
			for _, l := range r.Locations {
				s += fmt.Sprintf("%x %x;", l.Offset, l.Addr)
			}
		}
		n := 0
		for p, err := range tg.Probes(t.Context(), offset.Query{Kinds: offset.KindUSDT}) {
			if err != nil {
				return "", err
			}
			s += fmt.Sprintf("%s %x;", p.Name(), p.Offset)
			n++
		}
		return s, nil
	}
	var want []string
	var data [][]byte
	for _, src := range sources {
		s, err := answer(src)
		if err != nil || s == "" {
			t.Fatalf("%s: %q, %v", src, s, err)
		}
		b, err := os.ReadFile(src)
		if err != nil {
			t.Fatal(err)
		}
		want, data = append(want, s), append(data, b)
	}
	if want[0] == want[1] {
		t.Fatal("the files are alike")
	}
	for _, how := range []string{"renamed", "written over"} {
		stop, ended := make(chan struct{}), make(chan int)
		write := func(to string, i int) {
			if err := os.WriteFile(to, data[i%2], 0o755); err != nil {
				t.Error(err)
			}
		}
		write(path, 0)
		times := 1000
		if how == "written over" {
			times = 200 // each of them costs the one who asks many errors
		}
		go func() {
			n := 0
			for ; n < times; n++ {
				select {
				case <-stop:
					ended <- n
					return
				default:
				}
				if how == "renamed" {
					write(path+".new", n)
					if err := os.Rename(path+".new", path); err != nil {
						t.Error(err)
					}
				} else {
					write(path, n)
				}
			}
			ended <- n
		}()
		count := [3]int{}
		asked := 0
	ask:
		for {
			select {
			case n := <-ended:
				t.Logf("%s %d times, asked %d times: %d old, %d new, %d errors", how, n, asked, count[0], count[1], count[2])
				break ask
			default:
			}
			asked++
			got, err := answer(path)
			switch {
			case err != nil:
				count[2]++
				if errors.Is(err, fs.ErrNotExist) || how == "renamed" && errors.Is(err, elfsym.ErrDamaged) {
					t.Errorf("%s: %v", how, err)
				}
			case got == want[0]:
				count[0]++
			case got == want[1]:
				count[1]++
			default:
				t.Errorf("%s: a mixture: %q", how, got)
			}
		}
		close(stop)
		if last, err := answer(path); err != nil || last != want[(times-1)%2] {
			t.Errorf("%s: in the end %q, %v", how, last, err)
		}
	}
}
