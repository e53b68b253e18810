package livetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// mountOverlay makes "$1/m" of a lower layer with a program and its library, and of an
// upper one that is empty or, if $4 is "up", has a library of its own.
const mountOverlay = `
mount -t tmpfs probels "$1" && cd "$1" && mkdir -p l/lib64 u w m && cp -L /lib64/ld-linux-x86-64.so.2 l/lib64/ && cp "$2"/* l/ &&
if [ "$4" = up ]; then mv l/libtestbin.so u/ && cp /lib64/ld-linux-x86-64.so.2 l/libtestbin.so; fi &&
mount -t overlay probels -o lowerdir=l,upperdir=u,workdir=w m && `

// Files on overlayfs, as nearly all in containers are: /proc/PID/maps may have numbers of
// the layer's file system, and what the kernel puts the uprobe on is the layer's file.
func TestProcessOverlay(t *testing.T) {
	unshare, sh := skip.Tool(t, "unshare"), skip.Tool(t, "sh")
	skip.Tool(t, "chroot")
	if _, err := os.Stat("/lib64/ld-linux-x86-64.so.2"); err != nil {
		skip.Now(t, "needs the loader of x86-64 programs")
	}
	src := t.TempDir()
	for _, name := range []string{"main", "libtestbin.so"} {
		if err := os.WriteFile(filepath.Join(src, name), testbin.Read(t, "amd64/"+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct{ name, layer, run, mapped string }{
		{"lower", "low", `exec "$1/m/main" "$3" w`, "/m/libtestbin.so"},
		{"upper", "up", `exec "$1/m/main" "$3" w`, "/m/libtestbin.so"},
		{"chroot", "up", `LD_LIBRARY_PATH=/ exec chroot "$1/m" /main "$3" w`, "/libtestbin.so"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := exec.Command(unshare, "-m", sh, "-c", mountOverlay+"true", "sh", dir, src, "0", tt.layer).Run(); err != nil {
				skip.Nowf(t, "no overlayfs can be mounted: %v", err)
			}
			s := startIn(t, exec.Command(unshare, "-m", sh, "-c", mountOverlay+tt.run, "sh", dir, src, fmt.Sprint(rounds), tt.layer))
			p := process(t, s.pid())
			o := object(t, p, "libtestbin.so")
			mapped, root := dir+tt.mapped, fmt.Sprintf("/proc/%d/root", s.pid())
			if tt.name == "chroot" {
				mapped = tt.mapped
			}
			if o.Kind != offset.ObjectFile || o.Path != root+mapped || o.MappedPath != mapped || p.Root() != root {
				t.Errorf("%v %s (%s) in %s, want %s (%s)", o.Kind, o.Path, o.MappedPath, p.Root(), root+mapped, mapped)
			}
			by, _, err := offset.MappedBy(t.Context(), o.Path)
			if err != nil || len(by) != 1 || by[0].PID != s.pid() {
				t.Errorf("mapped by %v, %v; want %d", by, err, s.pid())
			}
			c := newCounter(t)
			fn := c.location(t, in(t, o, "lib_func"), 0)
			probe := in(t, o, "probelib:entry")
			site := c.location(t, probe, s.pid())
			if v, err := o.Semaphore(probe.RefCtrOffset); err != nil || v != 1 {
				t.Errorf("semaphore %d, %v", v, err)
			}
			s.run(t)
			if fn, site := c.count(t, fn), c.count(t, site); fn != 4*rounds || site != 4*rounds {
				t.Errorf("%d hits of the function, %d of the probe; want %d", fn, site, 4*rounds)
			}
		})
	}
}
