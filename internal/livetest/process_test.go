package livetest

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// process opens a running process.
func process(t *testing.T, pid int) *offset.Process {
	t.Helper()
	p, err := offset.OpenPID(t.Context(), pid, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// object is the only object of a process that a pattern means.
func object(t *testing.T, p *offset.Process, pattern string) *offset.Object {
	t.Helper()
	var found []*offset.Object
	for _, o := range p.Objects() {
		if o.Matches(pattern) {
			found = append(found, o)
		}
	}
	if len(found) != 1 || found[0].Err != nil {
		for _, o := range p.Objects() {
			t.Logf("%v %s (%s) %v", o.Kind, o.Path, o.MappedPath, o.Err)
		}
		t.Fatalf("%d objects match %s", len(found), pattern)
	}
	return found[0]
}

// in is the only place in an object that a spec stands for, proved by the bytes
// at its run-time address and by all ways to turn one address into another.
func in(t *testing.T, o *offset.Object, spec string) offset.Location {
	t.Helper()
	s, err := offset.ParseSpec(spec)
	if err != nil {
		t.Fatal(err)
	}
	p := o.Process()
	res, err := p.Resolve(t.Context(), s.In(o.MappedPath))
	if err != nil || res[0].Err != nil || len(res[0].Locations) != 1 {
		t.Fatalf("%s in %s: %+v, %v", spec, o.MappedPath, res, err)
	}
	l := res[0].Locations[0]
	if l.Object != o || l.Path != o.Path {
		t.Fatalf("%s is in %s", spec, l.Path)
	}
	at, ok := l.RuntimeAddr()
	if !ok {
		t.Fatalf("%s has no run-time address", spec)
	}
	if off, ok := o.FileOffset(at); !ok || off != l.Offset {
		t.Errorf("0x%x is offset 0x%x, %v; want 0x%x", at, off, ok, l.Offset)
	}
	if a, err := o.Addr(at); err != nil || a != l.Addr {
		t.Errorf("0x%x is address 0x%x, %v; want 0x%x", at, a, err, l.Addr)
	}
	if biases := o.Biases(); len(biases) != 1 || biases[0]+uint64(l.Addr) != at {
		t.Errorf("biases %x, address 0x%x, at 0x%x", biases, l.Addr, at)
	}
	if back, err := p.Resolve(t.Context(), offset.At(elfsym.Addr(at))); err != nil || back[0].Err != nil || back[0].Locations[0].Offset != l.Offset {
		t.Errorf("0x%x is resolved to %+v, %v", at, back, err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	there := make([]byte, 4)
	if _, err := mem.ReadAt(there, int64(at)); err != nil {
		t.Fatal(err)
	}
	if here, err := o.Target.File().Code(l.Offset, len(there)); err != nil || !bytes.Equal(here, there) {
		t.Errorf("%s: % x in the file, % x at 0x%x (%v)", spec, here, there, at, err)
	}
	return l
}

// calls attaches to a place, in all processes, lets the program run and counts.
func (s *session) calls(t *testing.T, l offset.Location) int {
	t.Helper()
	c := newCounter(t)
	n := c.location(t, l, 0)
	s.run(t)
	return c.count(t, n)
}

// The shapes that a program has: each is at other addresses.
func TestProcess(t *testing.T) {
	for _, tt := range []struct{ name, object, spec string }{
		{"amd64/main", "libtestbin.so", "lib_func"},
		{"amd64/main", "main", "main_func"},
		{"amd64/main-nopie", "main-nopie", "main_func"},
		{"amd64/main-nopie", "libtestbin.so", "lib_func"},
		{"amd64/probe-pie", "probe-pie", "traced"},
		{"amd64/probe-nopie", "probe-nopie", "traced"},
		{"amd64/probe-static-pie", "probe-static-pie", "traced"},
		{"amd64/probe-lld", "probe-lld", "traced"},
		{"amd64/probe-pinned", "probe-pinned", "traced"},
		{"amd64/probe-noseparate", "probe-noseparate", "traced"},
		{"i386/probe-pie", "probe-pie", "traced"},
		{"i386/probe-nopie", "probe-nopie", "traced"},
		{"i386/main", "libtestbin.so", "lib_func"},
	} {
		t.Run(tt.name+"/"+tt.spec, func(t *testing.T) {
			prog := program(t, tt.name)
			s := start(t, prog)
			o := object(t, process(t, s.pid()), tt.object)
			if want := filepath.Join(filepath.Dir(prog), tt.object); o.Path != want || o.MappedPath != want || o.Kind != offset.ObjectFile {
				t.Errorf("%v %s (%s), want %s", o.Kind, o.Path, o.MappedPath, want)
			}
			want := rounds
			if tt.spec == "lib_func" {
				want = 4 * rounds
			}
			if got := s.calls(t, in(t, o, tt.spec)); got != want {
				t.Errorf("%d hits, want %d", got, want)
			}
		})
	}
}

// A library that is deleted, or replaced by another one, while it is mapped: what
// has its name now is not what runs.
func TestProcessDeleted(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		t.Run(fmt.Sprintf("replaced=%v", replaced), func(t *testing.T) {
			prog := program(t, "amd64/main")
			lib := filepath.Join(filepath.Dir(prog), "libtestbin.so")
			s := start(t, prog)
			if err := os.Remove(lib); err != nil {
				t.Fatal(err)
			}
			if replaced {
				if err := os.WriteFile(lib, testbin.Read(t, "amd64/libtestbin-sysv.so"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if os.Geteuid() != 0 {
				for _, o := range process(t, s.pid()).Objects() {
					if o.Matches("libtestbin.so") && (o.Kind != offset.ObjectDeleted || !errors.Is(o.Err, fs.ErrPermission)) {
						t.Errorf("%v %s, %v", o.Kind, o.MappedPath, o.Err)
					}
				}
				return
			}
			o := object(t, process(t, s.pid()), "libtestbin.so")
			if o.Kind != offset.ObjectDeleted || o.MappedPath != lib || !strings.HasPrefix(o.Path, fmt.Sprintf("/proc/%d/map_files/", s.pid())) {
				t.Errorf("%v %s (%s)", o.Kind, o.Path, o.MappedPath)
			}
			if got, want := s.calls(t, in(t, o, "lib_func")), 4*rounds; got != want {
				t.Errorf("%d hits, want %d", got, want)
			}
		})
	}
}

// A program that is deleted is reached by a link that stays.
func TestProcessDeletedProgram(t *testing.T) {
	prog := program(t, "amd64/probe-pie")
	s := start(t, prog)
	if err := os.Remove(prog); err != nil {
		t.Fatal(err)
	}
	o := object(t, process(t, s.pid()), prog)
	if want := fmt.Sprintf("/proc/%d/exe", s.pid()); o.Path != want || o.Kind != offset.ObjectDeleted {
		t.Errorf("%v %s, want %s", o.Kind, o.Path, want)
	}
	if got := s.calls(t, in(t, o, "traced")); got != rounds {
		t.Errorf("%d hits, want %d", got, rounds)
	}
}

// A file whose name ends as the kernel marks deleted ones.
func TestProcessNamedDeleted(t *testing.T) {
	for _, name := range []string{"prog (deleted)", "new\nline", `back\012slash`, "blank  blank"} {
		t.Run(name, func(t *testing.T) {
			prog := filepath.Join(filepath.Dir(program(t, "amd64/probe-pie")), name)
			if err := os.WriteFile(prog, testbin.Read(t, "amd64/probe-pie"), 0o755); err != nil {
				t.Fatal(err)
			}
			s := start(t, prog)
			o := object(t, process(t, s.pid()), prog)
			if o.Kind != offset.ObjectFile || o.Path != prog || o.MappedPath != prog {
				t.Errorf("%v %q (%q)", o.Kind, o.Path, o.MappedPath)
			}
			if got := s.calls(t, in(t, o, "traced")); got != rounds {
				t.Errorf("%d hits, want %d", got, rounds)
			}
		})
	}
}

// startIn is start with a way to run it.
func startIn(t *testing.T, cmd *exec.Cmd) *session {
	t.Helper()
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	return startCommand(t, cmd)
}

// A process with a root directory of its own calls its files otherwise. Where
// its root has a link that leads out of it, it means something within.
func TestProcessChroot(t *testing.T) {
	prog := program(t, "amd64/main")
	jail := filepath.Dir(prog)
	cmd := exec.Command("/main", fmt.Sprint(rounds), "w")
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: jail}
	cmd.Dir, cmd.Env = "/", []string{"LD_LIBRARY_PATH=/"} // no /proc there, which $ORIGIN needs
	// The loader: its path is that of PT_INTERP.
	interp := "/lib64/ld-linux-x86-64.so.2"
	b, err := os.ReadFile(interp)
	if err != nil {
		skip.Nowf(t, "needs %s", interp)
	}
	if err := errors.Join(os.MkdirAll(jail+"/lib64", 0o755), os.WriteFile(jail+interp, b, 0o755)); err != nil {
		t.Fatal(err)
	}
	s := startIn(t, cmd)
	p := process(t, s.pid())
	o := object(t, p, "/libtestbin.so")
	if o.Path != jail+"/libtestbin.so" || o.MappedPath != "/libtestbin.so" {
		t.Errorf("%s (%s)", o.Path, o.MappedPath)
	}
	if want := fmt.Sprintf("/proc/%d/root", s.pid()); p.Root() != want {
		t.Errorf("root %q, want %q", p.Root(), want)
	}
	if got, want := s.calls(t, in(t, o, "lib_func")), 4*rounds; got != want {
		t.Errorf("%d hits, want %d", got, want)
	}
}

// Files on a mount that only the process has; where it hides ours of the same
// name, ours is not taken.
func TestProcessMountNamespace(t *testing.T) {
	unshare, sh := skip.Tool(t, "unshare"), skip.Tool(t, "sh")
	prog := program(t, "amd64/main")
	dir := filepath.Dir(prog)
	src := t.TempDir()
	for _, name := range []string{"main", "libtestbin.so"} {
		if err := os.WriteFile(filepath.Join(src, name), testbin.Read(t, "amd64/"+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(unshare, "-m", sh, "-c",
		`mount -t tmpfs probels "$1" && cp "$2"/* "$1" && exec "$1/main" "$3" w`, "sh", dir, src, fmt.Sprint(rounds))
	s := startIn(t, cmd)
	o := object(t, process(t, s.pid()), "libtestbin.so")
	want := filepath.Join(dir, "libtestbin.so")
	if o.Path != fmt.Sprintf("/proc/%d/root%s", s.pid(), want) || o.MappedPath != want {
		t.Errorf("%s (%s)", o.Path, o.MappedPath)
	}
	if got, want := s.calls(t, in(t, o, "lib_func")), 4*rounds; got != want {
		t.Errorf("%d hits, want %d", got, want)
	}
}

// A path by way of another process's root is looked up there: neither what that process calls "/", nor a link
// that it has, leads to the file of the same name that we have.
func TestPathByRoot(t *testing.T) {
	unshare, sh := skip.Tool(t, "unshare"), skip.Tool(t, "sh")
	prog := program(t, "amd64/main") // ours, which must not be taken
	dir := filepath.Dir(prog)
	src := t.TempDir()
	for _, name := range []string{"main", "libtestbin.so"} {
		if err := os.WriteFile(filepath.Join(src, name), testbin.Read(t, "amd64/"+name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s := startIn(t, exec.Command(unshare, "-m", sh, "-c",
		`mount -t tmpfs probels "$1" && cp "$2"/* "$1" && ln -s "$1/libtestbin.so" "$1/link" && exec "$1/main" "$3" w`, "sh", dir, src, fmt.Sprint(rounds)))
	root := fmt.Sprintf("/proc/%d/root", s.pid())
	want := root + dir + "/libtestbin.so"
	for _, name := range []string{"/libtestbin.so", "/link"} {
		tg, err := offset.Open(root+dir+name, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		if tg.Path() != want {
			t.Errorf("%s: %s, want %s", name, tg.Path(), want)
		}
	}
	exe, err := offset.Open(fmt.Sprintf("/proc/%d/exe", s.pid()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	if want := fmt.Sprintf("/proc/%d/exe", s.pid()); exe.Path() != want {
		t.Errorf("%s, want %s", exe.Path(), want)
	}
	var scanned []string
	for f, err := range offset.NewScan(nil).Files(t.Context(), root+dir) {
		if err != nil {
			t.Fatal(err)
		}
		scanned = append(scanned, f.Path())
	}
	if len(scanned) != 1 || scanned[0] != want {
		t.Errorf("%q", scanned)
	}
	for _, file := range []string{root + dir + "/link", want} {
		tg, err := offset.Open(file, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer tg.Close()
		res, err := tg.Resolve(t.Context(), offset.Func("lib_func"))
		if err != nil {
			t.Fatal(err)
		}
		l, err := res[0].One()
		if err != nil {
			t.Fatal(err)
		}
		if file == want {
			if got, want := s.calls(t, l), 4*rounds; got != want {
				t.Errorf("%d hits, want %d", got, want)
			}
		}
	}
}

// loader maps pieces of a file as a loader would, and calls a function in it.
const loader = `
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
fd = os.open(sys.argv[1], os.O_RDONLY)
func, size, parts = int(sys.argv[2]), int(sys.argv[3]), [tuple(map(int, a.split(","))) for a in sys.argv[4:]]
base = libc.mmap(None, size, 0, 0x22, -1, 0)
for addr, n, prot, off in parts:
    if libc.mmap(base + addr, n, prot, 0x12, fd, off) != base + addr: raise OSError(ctypes.get_errno())
f = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(base + func)
print("ready", flush=True)
sys.stdin.read(1)
for _ in range(7): assert f(1) == 6
print("done", flush=True)
sys.stdin.read()
`

// A library that lies in a zip file, as in an APK: offsets count from the start
// of the zip file.
func TestProcessArchive(t *testing.T) {
	python := skip.Tool(t, "python3")
	lib := testbin.Read(t, "amd64/libtestbin.so")
	alone := target(t, testbin.Path(t, "amd64/libtestbin.so"))
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	add := func(name string, b []byte, align int) {
		h := &zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE(b), CompressedSize64: uint64(len(b)), UncompressedSize64: uint64(len(b))}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		// As zipalign does: an extra field moves the bytes to a page.
		pad := (align - (archive.Len()+30+len(name)+4)%align) % align
		h.Extra = append([]byte{0x35, 0xd9, byte(pad), byte(pad >> 8)}, make([]byte, pad)...)
		f, err := w.CreateRaw(h)
		if err == nil {
			_, err = f.Write(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("assets/x", []byte("asset"), 4)
	add("lib/x86_64/first.so", lib, 4096)
	add("lib/x86_64/second.so", lib, 4096)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	base := bytes.LastIndex(archive.Bytes(), lib)
	apk := filepath.Join(t.TempDir(), "base.apk")
	if err := os.WriteFile(apk, archive.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	l := one(t, alone, "lib_func")
	args := []string{"-c", loader, apk, fmt.Sprint(uint64(l.Addr)), "65536"}
	for _, seg := range alone.File().Segments().All() {
		if seg.Type != elf.PT_LOAD {
			continue
		}
		from, off := uint64(seg.Addr)&^4095, uint64(seg.Offset)&^4095
		prot := 0
		for flag, bit := range map[elf.ProgFlag]int{elf.PF_R: 1, elf.PF_W: 2, elf.PF_X: 4} {
			if seg.Flags&flag != 0 {
				prot |= bit
			}
		}
		args = append(args, fmt.Sprintf("%d,%d,%d,%d", from, uint64(seg.Addr)+seg.FileSize-from, prot, off+uint64(base)))
	}
	s := startIn(t, exec.Command(python, args...))
	p := process(t, s.pid())
	o := object(t, p, "*base.apk!*")
	if o.Path != apk || o.MappedPath != apk+"!/lib/x86_64/second.so" || uint64(o.Base) != uint64(base) {
		t.Errorf("%s (%s) at 0x%x", o.Path, o.MappedPath, o.Base)
	}
	there := in(t, o, "lib_func")
	if uint64(there.Offset) != uint64(l.Offset)+uint64(base) || there.Addr != l.Addr {
		t.Errorf("address 0x%x, offset 0x%x", there.Addr, there.Offset)
	}
	if got := s.calls(t, there); got != rounds {
		t.Errorf("%d hits, want %d", got, rounds)
	}
}

// A library that never was in a file, as libstapsdt makes one for each provider.
func TestProcessMemfd(t *testing.T) {
	python := skip.Tool(t, "python3")
	s := startIn(t, exec.Command(python, "-c", `
import ctypes, os, sys
fd = os.memfd_create("probels:test")
os.write(fd, open(sys.argv[1], "rb").read())
lib = ctypes.CDLL("/proc/self/fd/%d" % fd)
print("ready", flush=True)
sys.stdin.read(1)
for _ in range(7): lib.lib_func(1)
print("done", flush=True)
sys.stdin.read()
`, testbin.Path(t, "amd64/libtestbin.so")))
	p := process(t, s.pid())
	o := object(t, p, "memfd:probels:test")
	if o.Kind != offset.ObjectMemfd || o.MappedPath != "/memfd:probels:test" || !strings.HasPrefix(o.Path, "/proc/") {
		t.Errorf("%v %s (%s)", o.Kind, o.Path, o.MappedPath)
	}
	c := newCounter(t)
	fn := c.location(t, in(t, o, "lib_func"), 0)
	probe := in(t, o, "probelib:entry")
	site := c.location(t, probe, s.pid())
	s.run(t)
	if fn, site := c.count(t, fn), c.count(t, site); fn != rounds || site != rounds {
		t.Errorf("%d hits of the function, %d of the probe; want %d", fn, site, rounds)
	}
}

// Many threads, a thousand mappings, and many of one file: it is one object.
func TestProcessManyMaps(t *testing.T) {
	python := skip.Tool(t, "python3")
	lib := testbin.Exec(t, "amd64/libtestbin.so")
	s := startIn(t, exec.Command(python, "-c", `
import ctypes, mmap, os, sys, threading
lib = ctypes.CDLL(sys.argv[1])
fd = os.open(sys.argv[1], os.O_RDONLY)
data = [mmap.mmap(fd, 4096, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | (i % 2) * mmap.PROT_WRITE) for i in range(1000)]
stop = threading.Event()
for _ in range(8): threading.Thread(target=stop.wait, daemon=True).start()
print("ready", flush=True)
sys.stdin.read(1)
ts = [threading.Thread(target=lib.lib_func, args=(1,)) for _ in range(7)]
for x in ts: x.start()
for x in ts: x.join()
print("done", flush=True)
sys.stdin.read()
`, lib))
	p := process(t, s.pid())
	o := object(t, p, "libtestbin.so")
	if len(o.Mappings) < 1000 || o.Path != lib {
		t.Errorf("%d mappings of %s", len(o.Mappings), o.Path)
	}
	if got := s.calls(t, in(t, o, "lib_func")); got != rounds {
		t.Errorf("%d hits, want %d", got, rounds)
	}
}

// The value of a semaphore tells whether somebody listens.
func TestProcessSemaphore(t *testing.T) {
	for _, name := range []string{"amd64/main", "i386/main"} {
		t.Run(name, func(t *testing.T) {
			prog := program(t, name)
			s := start(t, prog)
			o := object(t, process(t, s.pid()), "libtestbin.so")
			l := in(t, o, "probelib:entry")
			want := func(n uint16) {
				t.Helper()
				if v, err := o.Semaphore(l.RefCtrOffset); err != nil || v != n {
					t.Errorf("semaphore %d, %v; want %d", v, err, n)
				}
			}
			want(0)
			c := newCounter(t)
			first := c.location(t, l, s.pid())
			want(1)
			s.run(t)
			if got := c.count(t, first); got != 4*rounds {
				t.Errorf("%d hits, want %d", got, 4*rounds)
			}
			c.links[0].Close()
			want(0)
		})
	}
}

// A process that executes another program, or ends, is not the one that was
// opened.
func TestProcessChanges(t *testing.T) {
	sh := skip.Tool(t, "sh")
	for _, then := range []string{"exec sleep 10", "exit 0"} {
		s := startIn(t, exec.Command(sh, "-c", "echo ready; read x; "+then))
		p := process(t, s.pid())
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.in.Write([]byte("x\n")); err != nil {
			t.Fatal(err)
		}
		for p.Check() == nil { // the shell has to get there
		}
		var last error
		for _, err := range p.Probes(t.Context(), offset.Query{Kinds: offset.KindUSDT}) {
			last = err
		}
		if !errors.Is(last, offset.ErrProcessChanged) {
			t.Errorf("%s: probes end with %v", then, last)
		}
		if res, err := p.Resolve(t.Context(), offset.Func("main")); res != nil || !errors.Is(err, offset.ErrProcessChanged) {
			t.Errorf("%s: resolved to %v, %v", then, res, err)
		}
		s.cmd.Process.Kill()
	}
}

// Who maps a file: every process that does, and no other.
func TestMappedBy(t *testing.T) {
	prog := program(t, "amd64/main")
	lib := filepath.Join(filepath.Dir(prog), "libtestbin.so")
	other := start(t, program(t, "amd64/main")) // another copy of the same library
	var want []offset.Mapper
	for range 3 {
		want = append(want, offset.Mapper{PID: start(t, prog).pid(), Name: "main"})
	}
	slices.SortFunc(want, func(a, b offset.Mapper) int { return a.PID - b.PID })
	by, _, err := offset.MappedBy(t.Context(), lib)
	if err != nil || !slices.Equal(by, want) {
		t.Errorf("%v, %v; want %v, and not %d", by, err, want, other.pid())
	}
	sys, err := offset.Running(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for f, objects := range sys.Open(t.Context()) {
		if f.Path != lib {
			continue
		}
		if found = true; !slices.Equal(f.By, want) || len(objects) != 1 || objects[0].Target == nil {
			t.Errorf("%+v, %v", f, objects)
		}
	}
	if !found {
		t.Errorf("%s is not among %d files", lib, len(sys.Files))
	}
}

// JIT code is listed from the map that the process wrote in its own root.
func TestPerfMap(t *testing.T) {
	s := start(t, program(t, "amd64/probe-pie"))
	p := process(t, s.pid())
	for _, err := range p.JIT() {
		if !errors.Is(err, offset.ErrNoPerfMap) {
			t.Errorf("%v", err)
		}
	}
	name := fmt.Sprintf("/tmp/perf-%d.map", s.pid())
	if name != p.PerfMapPath() {
		t.Errorf("%s, want %s", p.PerfMapPath(), name)
	}
	t.Cleanup(func() { os.Remove(name) })
	if err := os.WriteFile(name, []byte("1000 20 f one\nbad\n2000 8 g\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var got []offset.JITFunc
	errs := 0
	for f, err := range p.JIT() {
		if err != nil {
			errs++
		} else {
			got = append(got, f)
		}
	}
	if want := []offset.JITFunc{{Addr: 0x1000, Size: 0x20, Name: "f one"}, {Addr: 0x2000, Size: 8, Name: "g"}}; !slices.Equal(got, want) || errs != 1 {
		t.Errorf("%+v, %d errors", got, errs)
	}
	// Anybody may write into /tmp.
	if os.Geteuid() != 0 {
		return // nor may anybody else make it another user's
	}
	if err := os.Chown(name, 12345, 12345); err != nil {
		t.Fatal(err)
	}
	for f, err := range p.JIT() {
		if !errors.Is(err, offset.ErrNoPerfMap) {
			t.Errorf("of another user's map: %+v, %v", f, err)
		}
	}
}

// What is no process is said to be what it is.
func TestNotProcess(t *testing.T) {
	s := start(t, program(t, "amd64/probe-pie"))
	zombie := exec.Command(skip.Tool(t, "true"))
	if err := zombie.Start(); err != nil {
		t.Fatal(err)
	}
	defer zombie.Wait()
	for ended := false; !ended; {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", zombie.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		ended = bytes.Contains(stat, []byte(") Z"))
	}
	thread := 0
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range tasks {
		if n := 0; e.Name() != fmt.Sprint(os.Getpid()) {
			fmt.Sscan(e.Name(), &n)
			thread = n
		}
	}
	for _, tt := range []struct {
		pid  int
		want string
		is   error
	}{
		{zombie.Process.Pid, "zombie", offset.ErrNotProcess},
		{thread, fmt.Sprintf("thread of process %d", os.Getpid()), offset.ErrNotProcess},
		{2, "thread of the kernel", offset.ErrNotProcess},
		{1 << 30, "no such process", offset.ErrNoProcess},
		{0, "no such process", offset.ErrNoProcess},
		{-s.pid(), "no such process", offset.ErrNoProcess},
	} {
		p, err := offset.OpenPID(t.Context(), tt.pid, nil)
		if p != nil || !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%d: %v, want %q", tt.pid, err, tt.want)
		}
	}
}
