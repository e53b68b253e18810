//go:build linux

package offset

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

// A fakeProc is a tree like /proc, for what cannot be had from a real process:
// numbers that stat tells otherwise, damage, another machine's programs.
type fakeProc struct {
	t    testing.TB
	proc string
	maps strings.Builder
	next uint64
}

const fakePID = 42

func newFakeProc(t testing.TB) *fakeProc {
	f := &fakeProc{t: t, proc: t.TempDir(), next: 0x10000000}
	for _, dir := range []string{"self/ns", "42/ns", "42/map_files"} {
		f.must(os.MkdirAll(filepath.Join(f.proc, dir), 0o755))
	}
	f.link("mnt:[1]", "self/ns/mnt")
	f.link("mnt:[1]", "42/ns/mnt")
	f.link("/", "42/root")
	f.stat("42 (fa) ke) S", "0", "777")
	f.write("42/status", fmt.Sprintf("Name:\tfake\nTgid:\t42\nUid:\t%d\t%d\t0\t0\nNSpid:\t42\t7\n", os.Geteuid(), os.Geteuid()))
	return f
}

func (f *fakeProc) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func (f *fakeProc) write(name, text string) {
	f.t.Helper()
	f.must(os.WriteFile(filepath.Join(f.proc, name), []byte(text), 0o644))
}

func (f *fakeProc) link(to, name string) {
	f.t.Helper()
	name = filepath.Join(f.proc, name)
	os.Remove(name)
	f.must(os.Symlink(to, name))
}

// stat writes the fields that are looked at: state and name, flags, start time.
func (f *fakeProc) stat(head, flags, start string) {
	f.t.Helper()
	f.write("42/stat", head+" 1 1 1 0 -1 "+flags+" 0 0 0 0 0 0 0 0 20 0 1 0 "+start+" 0 0\n")
}

// mapped adds a mapping of a file by a name, with the numbers of id; with a link
// to the file if it is not "".
func (f *fakeProc) mapped(perm, name string, id fileID, file string, off, size uint64) uint64 {
	f.t.Helper()
	start := f.next
	f.next += size + 0x1000
	fmt.Fprintf(&f.maps, "%x-%x %s %08x %02x:%02x %d %s\n", start, start+size, perm, off, id.major, id.minor, id.inode, name)
	if file != "" {
		f.link(file, fmt.Sprintf("42/map_files/%x-%x", start, start+size))
	}
	return start
}

// load maps a file as a loader does, at one bias.
func (f *fakeProc) load(file string) (bias uint64) {
	f.t.Helper()
	ef, err := elfsym.Open(file)
	f.must(err)
	defer ef.Close()
	bias = f.next
	for _, s := range ef.Segments().All() {
		if s.Type != elf.PT_LOAD || s.FileSize == 0 {
			continue
		}
		perm := []byte("---p")
		for i, c := range "rwx" {
			if s.Flags&[3]elf.ProgFlag{elf.PF_R, elf.PF_W, elf.PF_X}[i] != 0 {
				perm[i] = byte(c)
			}
		}
		const page = 0xfff
		f.next = bias + uint64(s.Addr)&^page
		f.mapped(string(perm), file, f.id(file), file, uint64(s.Offset)&^page, (uint64(s.Addr)&page+s.FileSize+page)&^page)
	}
	return bias
}

func (f *fakeProc) id(file string) fileID {
	f.t.Helper()
	info, err := os.Stat(file)
	f.must(err)
	id, ok := idOf(info)
	if !ok {
		f.t.Fatal("no device and inode")
	}
	return id
}

// open opens the process, which may have no error.
func (f *fakeProc) open(o *Options) *Process {
	f.t.Helper()
	f.write("42/maps", f.maps.String())
	p, err := openProcess(f.t.Context(), f.proc, fakePID, o)
	f.must(err)
	f.t.Cleanup(func() { p.Close() })
	return p
}

func lib(t *testing.T) string { return testbin.Exec(t, "amd64/libtestbin.so") }

const text = 0x1000 // size of a mapping, wherever it matters little

// On btrfs, maps has another device than stat, the same for all subvolumes.
func TestProcessOtherNumbers(t *testing.T) {
	f := newFakeProc(t)
	one, two := lib(t), lib(t)
	same := fileID{0, 99, 5}
	f.mapped("r-xp", "/lib/x.so", same, one, 0x1000, text)
	f.mapped("r-xp", "/lib/x.so", same, two, 0x1000, text) // of another subvolume
	f.mapped("r--p", "/lib/x.so", same, two, 0, text)
	f.mapped("r-xp", one, fileID{0, 98, 6}, one, 0x1000, text) // by another name
	p := f.open(nil)
	if len(p.objects) != 2 {
		t.Fatalf("%d objects", len(p.objects))
	}
	for i, want := range []struct {
		file string
		maps int
	}{{one, 2}, {two, 2}} {
		o := p.objects[i]
		if o.Err != nil || len(o.Mappings) != want.maps || !sameFileAt(t, o.Path, want.file) {
			t.Errorf("%s with %d mappings, %v; want %s with %d", o.Path, len(o.Mappings), o.Err, want.file, want.maps)
		}
	}
}

func sameFileAt(t *testing.T, a, b string) bool {
	t.Helper()
	ai, err := os.Stat(a)
	bi, berr := os.Stat(b)
	return err == nil && berr == nil && os.SameFile(ai, bi)
}

// Without the links, numbers have to do, and a file that has others is refused,
// even if it has the name; the rest is listed.
func TestProcessWithoutLinks(t *testing.T) {
	f := newFakeProc(t)
	good, other := lib(t), lib(t)
	f.mapped("r-xp", good, f.id(good), "", 0x1000, text)
	f.mapped("r-xp", other, fileID{7, 7, 7}, "", 0x1000, text)
	f.mapped("r-xp", "/no/such/file", fileID{7, 7, 8}, "", 0x1000, text)
	f.mapped("r-xp", good+" (deleted)", fileID{7, 7, 9}, "", 0x1000, text) // its name is another's now
	p := f.open(nil)
	if len(p.objects) != 4 || p.objects[0].Err != nil || p.objects[0].Path != good {
		t.Fatalf("%+v", p.objects)
	}
	for _, o := range p.objects[1:] {
		if o.Err == nil || o.Target != nil || o.Path != "" {
			t.Errorf("%s: opened as %s, %v", o.MappedPath, o.Path, o.Err)
		}
	}
	if o := p.objects[3]; o.Kind != ObjectDeleted || o.MappedPath != good {
		t.Errorf("%v %s", o.Kind, o.MappedPath)
	}
	// What can be read is resolved.
	res, err := p.Resolve(t.Context(), Func("lib_func"))
	if err != nil || res[0].Err != nil || len(res[0].Locations) != 1 {
		t.Errorf("%+v, %v", res, err)
	}
}

// A name is looked up in the process's root, and no link leads out of it.
func TestProcessRoot(t *testing.T) {
	f := newFakeProc(t)
	root := t.TempDir()
	outside := lib(t)
	inside := filepath.Join(root, "lib.so")
	f.must(os.WriteFile(inside, testbin.Read(t, "amd64/libtestbin.so"), 0o755))
	f.must(os.Symlink(outside, filepath.Join(root, "out.so")))
	f.must(os.Symlink("/lib.so", filepath.Join(root, "in.so")))
	f.link(root, "42/root")
	f.link("mnt:[2]", "42/ns/mnt")
	f.mapped("r-xp", "/lib.so", f.id(inside), "", 0x1000, text)
	f.mapped("r-xp", "/out.so", f.id(outside), "", 0x1000, text)
	f.mapped("r-xp", outside, f.id(outside), "", 0x1000, text) // its path means nothing there, and it is ours
	p := f.open(&Options{Debug: &debuglink.Options{HostDirs: []string{"/x"}}})
	if o := p.objects[0]; o.Err != nil || o.Path != f.proc+"/42/root/lib.so" || o.MappedPath != "/lib.so" {
		t.Errorf("%s (%s): %v", o.Path, o.MappedPath, o.Err)
	} else if d := o.Target.opts.Debug; d.Root != f.proc+"/42/root" || len(d.HostDirs) != 1 || o.Target.debug != "/lib.so" {
		t.Errorf("debug files of %s in %+v", o.Target.debug, d)
	}
	for _, o := range p.objects[1:] {
		if o.Err == nil {
			t.Errorf("%s: opened as %s", o.MappedPath, o.Path)
		}
	}
}

// What is mapped and no ELF file says what it is, and stops nothing.
func TestProcessOddObjects(t *testing.T) {
	f := newFakeProc(t)
	script := filepath.Join(t.TempDir(), "x.sh")
	f.must(os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755))
	f.maps.WriteString("this is no line\n")
	f.mapped("r-xp", "[vdso]", fileID{}, "", 0, text)
	f.mapped("r-xp", "[vsyscall]", fileID{}, "", 0, text)
	f.mapped("rwxp", "", fileID{}, "", 0, text)
	f.mapped("r-xp", script, f.id(script), script, 0, text)
	f.mapped("rwxs", "/dev/zero (deleted)", fileID{0, 1, 1}, "/dev/null", 0, text)
	f.mapped("rwxs", "anon_inode:[x]", fileID{0, 14, 2}, "", 0, text)
	f.mapped("rwxs", "/SYSV00000000 (deleted)", fileID{0, 1, 3}, "", 0, text)
	f.mapped("r--p", lib(t), fileID{1, 1, 1}, "", 0, text) // no code
	good := lib(t)
	bias := f.load(good)
	p := f.open(nil)
	if len(p.Problems()) != 1 {
		t.Errorf("problems %v", p.Problems())
	}
	var got []string
	for _, o := range p.objects {
		got = append(got, fmt.Sprintf("%v %s %v", o.Kind, filepath.Base(o.MappedPath), o.Err != nil))
	}
	want := "vdso [vdso] true; file x.sh true; other zero true; other anon_inode:[x] true; other SYSV00000000 true; file libtestbin.so false"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf(" got %s\nwant %s", s, want)
	}
	if o := p.objects[len(p.objects)-1]; len(o.Biases()) != 1 || o.Biases()[0] != bias {
		t.Errorf("biases %x, want %x", o.Biases(), bias)
	}
	if p.InnerPID() != 7 || p.Name() != "fa) ke" {
		t.Errorf("%d %q", p.InnerPID(), p.Name())
	}
}

// Programs of other machines too: a semaphore is in their byte order.
func TestProcessSemaphoreOrder(t *testing.T) {
	for name, want := range map[string]uint16{"s390x/libtestbin.so": 0x0102, "arm64/libtestbin.so": 0x0201, "ppc64/libtestbin.so": 0x0102, "i386/libtestbin.so": 0x0201} {
		f := newFakeProc(t)
		bias := f.load(testbin.Exec(t, name))
		p := f.open(nil)
		res, err := p.Resolve(t.Context(), USDT("probelib", "entry").In("libtestbin*"))
		if err != nil || res[0].Err != nil || len(res[0].Locations) != 1 {
			t.Fatalf("%s: %+v, %v", name, res, err)
		}
		l := res[0].Locations[0]
		mem, err := os.Create(filepath.Join(f.proc, "42/mem"))
		f.must(err)
		_, err = mem.WriteAt([]byte{1, 2}, int64(bias+uint64(l.Semaphore)))
		f.must(err)
		f.must(mem.Close())
		if v, err := l.Object.Semaphore(l.RefCtrOffset); err != nil || v != want {
			t.Errorf("%s: %#x, %v; want %#x", name, v, err, want)
		}
		if at, ok := l.RuntimeAddr(); !ok || at != bias+uint64(l.Addr) {
			t.Errorf("%s: at 0x%x, %v", name, at, ok)
		}
		if a, err := l.Object.Addr(bias + uint64(l.Semaphore)); err != nil || a != l.Semaphore {
			t.Errorf("%s: semaphore's address 0x%x, %v", name, a, err)
		}
	}
}

// A file that is loaded twice has no single address, and says so.
func TestProcessTwoCopies(t *testing.T) {
	f := newFakeProc(t)
	file := lib(t)
	first := f.load(file)
	second := f.load(file)
	p := f.open(nil)
	res, err := p.Resolve(t.Context(), Func("lib_func"), At(elfsym.Addr(second+0x1090)))
	if err != nil || res[0].Err != nil || res[1].Err != nil {
		t.Fatalf("%+v, %v", res, err)
	}
	l := res[0].Locations[0]
	if at, ok := l.RuntimeAddr(); ok {
		t.Errorf("at 0x%x", at)
	}
	if at := l.Object.Addresses(l.Offset, 0); len(at) != 2 || at[0] != first+uint64(l.Addr) || at[1] != second+uint64(l.Addr) {
		t.Errorf("at %x", at)
	}
	if got := res[1].Locations[0]; got.Name != "lib_func" || got.Offset != l.Offset {
		t.Errorf("second copy's address is %s at 0x%x", got.Name, got.Offset)
	}
}

func TestProcessResolveErrors(t *testing.T) {
	f := newFakeProc(t)
	f.load(lib(t))
	p := f.open(nil)
	res, err := p.Resolve(t.Context(), Func("lib_fumc"), Func("lib_func").In("other.so"), At(0x10), FileOffset(0x1090, ""), FileOffset(0x1090, "").In("libtestbin.so"),
		Func("lib_f*"), Func("lib_func"))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"nearest lib_func", "no file other.so", "no file's code there", "in which file", ""} {
		if err := res[i].Err; want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v: %v, want %q", res[i].Spec, err, want)
		}
	}
	if l := res[4].Locations; len(l) != 1 || l[0].Name != "lib_func" {
		t.Errorf("by offset: %+v", l)
	}
	// A Target that is no process's holds to In too.
	tgt, err := Open(lib(t), nil)
	f.must(err)
	defer tgt.Close()
	res, err = tgt.Resolve(t.Context(), Func("lib_func").In("libtest*"), Func("lib_func").In("x"), Func("lib_func"))
	if err != nil || len(res) != 3 || res[0].Err != nil || res[1].Err == nil || len(res[1].Locations) > 0 || res[2].Err != nil {
		t.Errorf("%+v, %v", res, err)
	}
}

// States that are no process, and a process that is another one meanwhile.
func TestProcessStates(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*fakeProc)
		is    error
		want  string
	}{
		{"zombie", func(f *fakeProc) { f.stat("42 (x) Z", "0", "1") }, ErrNotProcess, "zombie"},
		{"kernel", func(f *fakeProc) { f.stat("42 (kworker/0:1) I", "69238880", "1") }, ErrNotProcess, "of the kernel"},
		{"thread", func(f *fakeProc) { f.write("42/status", "Tgid:\t41\n") }, ErrNotProcess, "thread of process 41"},
		{"empty stat", func(f *fakeProc) { f.write("42/stat", "") }, ErrNotProcess, "no name"},
		{"short stat", func(f *fakeProc) { f.write("42/stat", "42 (x) S 1 2") }, ErrNotProcess, "fields"},
		{"ended", func(f *fakeProc) { f.maps.Reset() }, ErrProcessChanged, "meanwhile"},
		{"no maps", func(f *fakeProc) { f.must(os.Mkdir(filepath.Join(f.proc, "42/maps"), 0o755)) }, nil, ""},
		{"gone", func(f *fakeProc) { f.must(os.RemoveAll(filepath.Join(f.proc, "42"))) }, nil, "process 42"},
	} {
		f := newFakeProc(t)
		f.load(lib(t))
		tt.spoil(f)
		os.WriteFile(filepath.Join(f.proc, "42/maps"), []byte(f.maps.String()), 0o644)
		p, err := openProcess(t.Context(), f.proc, fakePID, nil)
		if p != nil || err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, %v", tt.name, p, err)
		}
	}
	f := newFakeProc(t)
	f.load(lib(t))
	p := f.open(nil)
	f.stat("42 (x) S", "0", "778") // the number was used again
	if err := p.Check(); !errors.Is(err, ErrProcessChanged) {
		t.Errorf("another process: %v", err)
	}
	var last error
	for _, err := range p.Probes(t.Context(), Query{}) {
		last = err
	}
	if !errors.Is(last, ErrProcessChanged) {
		t.Errorf("probes end with %v", last)
	}
}

// The map of JIT code is read beneath the process's root, by the number that the
// process knows.
func TestPerfMapRoot(t *testing.T) {
	f := newFakeProc(t)
	root := t.TempDir()
	f.must(os.Mkdir(root+"/tmp", 0o755))
	f.link(root, "42/root")
	f.load(lib(t))
	p := f.open(nil)
	outside := filepath.Join(t.TempDir(), "map")
	f.must(os.WriteFile(outside, []byte("1 1 f\n"), 0o644))
	jit := func() (n int, err error) {
		for _, e := range p.JIT() {
			if e != nil {
				err = e
			} else {
				n++
			}
		}
		return n, err
	}
	f.must(os.Symlink(outside, root+"/tmp/perf-7.map"))
	if n, err := jit(); n > 0 || !errors.Is(err, ErrNoPerfMap) {
		t.Errorf("a link out of the root: %d, %v", n, err)
	}
	f.must(os.Remove(root + "/tmp/perf-7.map"))
	f.must(os.Mkdir(root+"/tmp/perf-7.map", 0o755))
	if n, err := jit(); n > 0 || !errors.Is(err, elfsym.ErrNotRegular) {
		t.Errorf("a directory: %d, %v", n, err)
	}
	f.must(os.Remove(root + "/tmp/perf-7.map"))
	f.must(os.WriteFile(root+"/tmp/perf-7.map", []byte("1000 20 f\n"), 0o644))
	if n, err := jit(); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if want := f.proc + "/42/root/tmp/perf-7.map"; p.PerfMapPath() != want {
		t.Errorf("%s, want %s", p.PerfMapPath(), want)
	}
}

// Grouping over processes, and by file.
func TestRunningFake(t *testing.T) {
	f := newFakeProc(t)
	f.load(lib(t))
	f.open(nil)
	f.must(os.CopyFS(filepath.Join(f.proc, "43"), noLinks{os.DirFS(filepath.Join(f.proc, "42"))}))
	for _, name := range []string{"root", "ns/mnt"} {
		to, err := os.Readlink(filepath.Join(f.proc, "42", name))
		f.must(err)
		os.MkdirAll(filepath.Join(f.proc, "43/ns"), 0o755)
		f.link(to, "43/"+name)
	}
	b, err := os.ReadFile(filepath.Join(f.proc, "43/status"))
	f.must(err)
	f.write("43/status", strings.Replace(string(b), "Tgid:\t42", "Tgid:\t43", 1))
	s, err := running(t.Context(), f.proc, nil)
	if err != nil || len(s.Files) != 1 || len(s.Files[0].By) != 2 || s.Processes != 2 {
		t.Fatalf("%+v, %v", s, err)
	}
	// The first process is gone by now: the file is opened through the other.
	f.must(os.RemoveAll(filepath.Join(f.proc, "42")))
	n := 0
	for file, objects := range s.Open(t.Context()) {
		n++
		if file.Err != nil || len(objects) != 1 || objects[0].Target == nil || objects[0].p.state.pid != 43 {
			t.Errorf("%+v, %v", file, objects)
		}
	}
	if n != 1 {
		t.Errorf("%d files", n)
	}
}

// noLinks leaves links out.
type noLinks struct{ fs.FS }

func (n noLinks) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(n.FS, name)
	var out []fs.DirEntry
	for _, e := range entries {
		if e.Type()&fs.ModeSymlink == 0 {
			out = append(out, e)
		}
	}
	return out, err
}
