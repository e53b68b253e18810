package loader

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/inroot"
)

// A tree is a root in the making: paths to what is there.
type tree map[string]any

// bin is an ELF file of a tree; link and text are symlinks and other files.
type (
	bin struct {
		elfwrite.Linking
		machine elf.Machine
	}
	link string
	text string
)

func so(name string, needed ...string) bin {
	return bin{elfwrite.Linking{SONAME: name, Needed: needed}, 0}
}

func (tr tree) make(t *testing.T) *inroot.Root {
	t.Helper()
	dir := t.TempDir()
	for name, what := range tr {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch w := what.(type) {
		case bin:
			f := elfwrite.File{Machine: elf.EM_X86_64}
			if w.machine == elf.EM_386 {
				f.Class, f.Machine = elf.ELFCLASS32, w.machine
			} else if w.machine != 0 {
				f.Machine = w.machine
			}
			if w.machine == elf.EM_S390 {
				f.Data = elf.ELFDATA2MSB
			}
			f.Link(w.Linking)
			err = os.WriteFile(full, f.Bytes(), 0o755)
		case link:
			err = os.Symlink(string(w), full)
		case text:
			err = os.WriteFile(full, []byte(w), 0o644)
		case []byte:
			err = os.WriteFile(full, w, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := inroot.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// needed is what the program at a path needs: "NAME=PATH (HOW)", or "NAME!".
func needed(t *testing.T, c Config, program string) []string {
	t.Helper()
	real, err := c.Root.RealPath(program)
	if err != nil {
		t.Fatal(err)
	}
	f := New(c)
	o, err := f.open(real)
	if err != nil {
		t.Fatal(err)
	}
	found, err := f.Needed(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range found {
		s := r.Name + "=" + r.Path + " (" + r.How + ")"
		if r.Path == "" {
			if s = r.Name + "!"; r.Err == nil {
				t.Errorf("%s: neither path nor error", r.Name)
			}
		}
		for _, a := range r.Instead {
			s += " or " + a.Path + " with " + a.Only
		}
		out = append(out, s)
	}
	return out
}

const debianLoader = "/lib64/ld-linux-x86-64.so.2"

// debian is a root with a loader and a libc.
func debian(more tree) tree {
	tr := tree{
		debianLoader: link("/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"),
		"/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2": so("ld-linux-x86-64.so.2"),
		"/lib/x86_64-linux-gnu/libc.so.6":            so("libc.so.6", "ld-linux-x86-64.so.2"),
	}
	for k, v := range more {
		tr[k] = v
	}
	return tr
}

func program(l elfwrite.Linking) bin {
	if l.Interp == "" {
		l.Interp = debianLoader
	}
	return bin{l, 0}
}

const libc = "libc.so.6=/lib/x86_64-linux-gnu/libc.so.6 (default directory)"

func TestNeeded(t *testing.T) {
	type L = elfwrite.Linking
	cache := newCache(orders[0], 2, []CacheEntry{
		{Name: "liba.so.1", Path: "/opt/32/liba.so.1", Flags: 3},
		{Name: "liba.so.1", Path: "/opt/wrong/liba.so.1", Flags: 0x303},
		{Name: "liba.so.1", Path: "/opt/v3/liba.so.1", Flags: 0x303, HWCaps: "x86-64-v3"},
		{Name: "liba.so.1", Path: "/opt/a/liba.so.1", Flags: 0x303},
	})
	cached := debian(tree{
		"/etc/ld.so.cache": cache, "/bin/p": program(L{Needed: []string{"liba.so.1", "libc.so.6"}}), "/opt/32/liba.so.1": bin{L{SONAME: "liba.so.1"}, elf.EM_386},
		"/opt/wrong/liba.so.1": bin{L{SONAME: "liba.so.1"}, elf.EM_AARCH64}, "/opt/v3/liba.so.1": so("liba.so.1"), "/opt/a/liba.so.1": so("liba.so.1"),
	})
	for _, c := range []struct {
		name string
		tree tree
		c    Config
		want []string
	}{
		{"default directories, and what a library needs", debian(tree{
			"/bin/p":         program(L{Needed: []string{"liba.so.1", "libc.so.6"}}),
			"/lib/liba.so.1": so("liba.so.1", "libb.so.1", "libc.so.6"), "/usr/lib/x86_64-linux-gnu/libb.so.1": so("libb.so.1"),
		}), Config{}, []string{"liba.so.1=/lib/liba.so.1 (default directory)", libc, "libb.so.1=/usr/lib/x86_64-linux-gnu/libb.so.1 (default directory)"}},
		{"RUNPATH is not inherited, RPATH is", debian(tree{
			"/bin/p":         program(L{Needed: []string{"liba.so.1", "libr.so.1"}, RPath: "$ORIGIN/../x:/nowhere"}),
			"/x/liba.so.1":   bin{L{SONAME: "liba.so.1", Needed: []string{"libb.so.1"}, RunPath: "$ORIGIN/y"}, 0},
			"/x/libr.so.1":   so("libr.so.1", "libd.so.1"),
			"/x/y/libb.so.1": so("libb.so.1", "libc.so.1"), "/x/y/libc.so.1": so("libc.so.1"), "/x/libd.so.1": so("libd.so.1"),
		}), Config{}, []string{"liba.so.1=/bin/../x/liba.so.1 (DT_RPATH of /bin/p)", "libr.so.1=/bin/../x/libr.so.1 (DT_RPATH of /bin/p)",
			"libb.so.1=/bin/../x/y/libb.so.1 (DT_RUNPATH of /bin/../x/liba.so.1)", "libd.so.1=/bin/../x/libd.so.1 (DT_RPATH of /bin/p)", "libc.so.1!"}},
		{"a RUNPATH makes its RPATH void", debian(tree{
			"/bin/p": program(L{Needed: []string{"liba.so.1"}, RPath: "/x", RunPath: "/y"}), "/x/liba.so.1": so("liba.so.1"), "/y/liba.so.1": so("liba.so.1"),
		}), Config{}, []string{"liba.so.1=/y/liba.so.1 (DT_RUNPATH of /bin/p)"}},
		{"LD_LIBRARY_PATH is between", debian(tree{
			"/bin/p": program(L{Needed: []string{"liba.so.1"}, RunPath: "/y"}), "/e/liba.so.1": so("liba.so.1"), "/y/liba.so.1": so("liba.so.1"),
		}), Config{LibraryPath: []string{"/e"}}, []string{"liba.so.1=/e/liba.so.1 (LD_LIBRARY_PATH)"}},
		{"$LIB, $PLATFORM and what is no token", debian(tree{
			"/bin/p":                            program(L{Needed: []string{"liba.so.1", "libb.so.1", "libc.so.6"}, RunPath: "/o/${LIB}:/o/$PLATFORM:/o/$NONE"}),
			"/o/lib/x86_64-linux-gnu/liba.so.1": so("liba.so.1"), "/o/x86_64/libb.so.1": so("libb.so.1"), "/o/$NONE/libc.so.6": so("libc.so.6"),
		}), Config{}, []string{"liba.so.1=/o/lib/x86_64-linux-gnu/liba.so.1 (DT_RUNPATH of /bin/p)", "libb.so.1=/o/x86_64/libb.so.1 (DT_RUNPATH of /bin/p)",
			"libc.so.6=/o/$NONE/libc.so.6 (DT_RUNPATH of /bin/p)"}},
		{"the origin of a program is without symlinks, a library's with", debian(tree{
			"/bin/p": link("../opt/p/p"), "/opt/p/p": program(L{Needed: []string{"liba.so.1"}, RunPath: "$ORIGIN/lib"}),
			"/opt/p/lib/liba.so.1": link("/opt/real/liba.so"), "/opt/real/liba.so": bin{L{SONAME: "liba.so.1", Needed: []string{"libb.so.1"}, RunPath: "$ORIGIN"}, 0},
			"/opt/p/lib/libb.so.1": so("libb.so.1"),
		}), Config{}, []string{"liba.so.1=/opt/p/lib/liba.so.1 (DT_RUNPATH of /opt/p/p)", "libb.so.1=/opt/p/lib/libb.so.1 (DT_RUNPATH of /opt/p/lib/liba.so.1)"}},
		{"the cache: by flags, verified, and by processor if it is known", cached, Config{HWCapsKnown: true, HWCaps: []string{"x86-64-v3"}},
			[]string{"liba.so.1=/opt/v3/liba.so.1 (/etc/ld.so.cache)", libc}},
		{"the cache, of a worse processor", cached, Config{HWCapsKnown: true}, []string{"liba.so.1=/opt/a/liba.so.1 (/etc/ld.so.cache)", libc}},
		{"the cache, and the processor is not known", cached, Config{}, []string{"liba.so.1=/opt/a/liba.so.1 (/etc/ld.so.cache) or /opt/v3/liba.so.1 with x86-64-v3", libc}},
		{"glibc-hwcaps in a directory", debian(tree{
			"/bin/p": program(L{Needed: []string{"liba.so.1"}, RunPath: "/y"}), "/y/liba.so.1": so("liba.so.1"), "/y/glibc-hwcaps/x86-64-v2/liba.so.1": so("liba.so.1"),
		}), Config{HWCapsKnown: true, HWCaps: []string{"x86-64-v3", "x86-64-v2"}}, []string{"liba.so.1=/y/glibc-hwcaps/x86-64-v2/liba.so.1 (DT_RUNPATH of /bin/p)"}},
		{"DF_1_NODEFLIB", debian(tree{"/bin/p": program(L{Needed: []string{"libc.so.6"}, Flags1: elf.DF_1_NODEFLIB})}), Config{}, []string{"libc.so.6!"}},
		{"another machine's is passed over; what is no ELF file ends the search", debian(tree{
			"/bin/p":       program(L{Needed: []string{"liba.so.1", "libt.so.1"}, RunPath: "/x:/y"}),
			"/x/liba.so.1": bin{L{}, elf.EM_386}, "/y/liba.so.1": so("liba.so.1"), "/x/libt.so.1": text("GROUP ( libt.so )"), "/y/libt.so.1": so("libt.so.1"),
		}), Config{}, []string{"liba.so.1=/y/liba.so.1 (DT_RUNPATH of /bin/p)", "libt.so.1!"}},
		{"by SONAME of what is loaded, and one file under two names", debian(tree{
			"/bin/p": program(L{Needed: []string{"/x/real.so", "liba.so.1", "libl.so"}, RunPath: "/x"}), "/x/real.so": so("liba.so.1"), "/x/libl.so": link("real.so"),
		}), Config{}, []string{"/x/real.so=/x/real.so (its path)"}},
		{"a path that depends on the process", debian(tree{"/bin/p": program(L{Needed: []string{"sub/liba.so", "libb.so"}, RunPath: "sub"}), "/sub/libb.so": so("libb.so")}), Config{},
			[]string{"sub/liba.so!", "libb.so!"}},
		{"Nix: the loader's own prefix", tree{
			"/nix/store/g/lib/ld-linux-x86-64.so.2": so("ld-linux-x86-64.so.2"), "/nix/store/g/lib/libc.so.6": so("libc.so.6"), "/lib/libc.so.6": so("libc.so.6"),
			"/bin/p": program(L{Interp: "/nix/store/g/lib/ld-linux-x86-64.so.2", Needed: []string{"libc.so.6"}}),
		}, Config{}, []string{"libc.so.6=/nix/store/g/lib/libc.so.6 (default directory)"}},
		{"Guix: the package's own cache", tree{
			"/gnu/store/g/lib/ld-linux-x86-64.so.2": so("ld-linux-x86-64.so.2"), "/gnu/store/b/lib/liba.so.1": so("liba.so.1"),
			"/gnu/store/p/etc/ld.so.cache": newCache(orders[0], 2, []CacheEntry{{Name: "liba.so.1", Path: "/gnu/store/b/lib/liba.so.1", Flags: 0x303}}),
			"/gnu/store/p/bin/p":           program(L{Interp: "/gnu/store/g/lib/ld-linux-x86-64.so.2", Needed: []string{"liba.so.1"}}), "/bin/p": link("/gnu/store/p/bin/p"),
		}, Config{}, []string{"liba.so.1=/gnu/store/b/lib/liba.so.1 (/gnu/store/p/etc/ld.so.cache)"}},
		{"Fedora: lib64", tree{
			"/lib64": link("usr/lib64"), "/usr/lib64/ld-linux-x86-64.so.2": so("ld-linux-x86-64.so.2"), "/usr/lib64/libc.so.6": so("libc.so.6"), "/usr/lib/liba.so.1": so("liba.so.1"),
			"/bin/p": program(L{Needed: []string{"libc.so.6", "liba.so.1"}}),
		}, Config{}, []string{"libc.so.6=/lib64/libc.so.6 (default directory)", "liba.so.1!"}},
		{"big-endian", tree{
			"/lib/ld64.so.1": bin{L{SONAME: "ld64.so.1"}, elf.EM_S390}, "/lib/s390x-linux-gnu/libc.so.6": bin{L{SONAME: "libc.so.6"}, elf.EM_S390},
			"/o/liba.so.1": bin{L{SONAME: "liba.so.1"}, elf.EM_S390}, "/etc/ld.so.cache": newCache(orders[1], 3, []CacheEntry{{Name: "liba.so.1", Path: "/o/liba.so.1", Flags: 0x403}}),
			"/bin/p": bin{L{Interp: "/lib/ld64.so.1", Needed: []string{"libc.so.6", "liba.so.1"}}, elf.EM_S390},
		}, Config{}, []string{"libc.so.6!", "liba.so.1=/o/liba.so.1 (/etc/ld.so.cache)"}},
		{"a damaged cache is told and passed over", debian(tree{"/etc/ld.so.cache": text("nothing"), "/bin/p": program(L{Needed: []string{"libc.so.6", "libn.so.1"}})}), Config{}, []string{libc, "libn.so.1!"}},
		{"musl", tree{
			"/lib/ld-musl-x86_64.so.1": so("libc.so"), "/lib/libc.musl-x86_64.so.1": link("ld-musl-x86_64.so.1"), "/usr/lib/libz.so.1": so("libz.so.1", "libc.musl-x86_64.so.1", "libq.so"),
			"/opt/libq.so": so("x"),
			"/bin/p":       program(L{Interp: "/lib/ld-musl-x86_64.so.1", Needed: []string{"libz.so.1", "libpthread.so.0", "libc.so", "libc.musl-x86_64.so.1"}, RunPath: "/opt"}),
		}, Config{}, []string{"libz.so.1=/usr/lib/libz.so.1 (default directory)", "libq.so=/opt/libq.so (DT_RUNPATH of /bin/p)"}},
		{"musl's path file", tree{
			"/lib/ld-musl-x86_64.so.1": so("libc.so"), "/etc/ld-musl-x86_64.path": text("/a\n/b:/c\n"), "/c/libz.so.1": so(""), "/usr/lib/libz.so.1": so(""), "/usr/lib/libn.so.1": so(""),
			"/bin/p": program(L{Interp: "/lib/ld-musl-x86_64.so.1", Needed: []string{"libz.so.1", "libn.so.1"}}),
		}, Config{}, []string{"libz.so.1=/c/libz.so.1 (/etc/ld-musl-x86_64.path)", "libn.so.1!"}},
		{"another loader: only what the files say", tree{
			"/bin/p": program(L{Interp: "/system/bin/linker64", Needed: []string{"libz.so", "libc.so"}, RunPath: "$ORIGIN"}), "/bin/libz.so": so("libz.so"), "/lib/libc.so": so("libc.so"),
		}, Config{}, []string{"libz.so=/bin/libz.so (DT_RUNPATH of /bin/p)", "libc.so!"}},
		{"no link leads out of the root", debian(tree{"/bin/p": program(L{Needed: []string{"liba.so.1"}, RunPath: "/x"}), "/x": link("/../../../../../../usr/lib/x86_64-linux-gnu")}), Config{}, []string{"liba.so.1!"}},
		{"libraries that need each other", debian(tree{"/bin/p": program(L{Needed: []string{"liba.so.1"}}), "/lib/liba.so.1": so("liba.so.1", "libb.so.1"), "/lib/libb.so.1": so("libb.so.1", "liba.so.1")}), Config{},
			[]string{"liba.so.1=/lib/liba.so.1 (default directory)", "libb.so.1=/lib/libb.so.1 (default directory)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.c.Root = c.tree.make(t)
			if got := needed(t, c.c, "/bin/p"); !slices.Equal(got, c.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(c.want, "\n     "))
			}
		})
	}
}

func TestNeededEnds(t *testing.T) {
	c := Config{Root: debian(tree{"/bin/p": program(elfwrite.Linking{Needed: []string{"libc.so.6"}})}).make(t)}
	f := New(c)
	o, err := f.open("/bin/p")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := f.Needed(ctx, o); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestFind(t *testing.T) {
	root := debian(tree{
		"/lib/x86_64-linux-gnu/libssl.so.1.1": so("libssl.so.1.1"), "/lib/x86_64-linux-gnu/libssl.so.3": link("libssl.so.3.0.2"), "/lib/x86_64-linux-gnu/libssl.so.3.0.2": so("libssl.so.3"),
		"/lib/x86_64-linux-gnu/libssl.so.59": so("libssl.so.59"), "/usr/lib/libssl.so.3": so("libssl.so.3"), "/usr/lib/libssl.so": text("INPUT(libssl.so.3)"),
		"/lib/x86_64-linux-gnu/libpython3.11.so.1.0": so("libpython3.11.so.1.0"), "/opt/p": program(elfwrite.Linking{RunPath: "$ORIGIN/lib"}), "/opt/lib/libq.so.2": so("libq.so.2"),
		"/o/liba.so.1": so("liba.so.1"), "/32/liba.so.1": bin{elfwrite.Linking{SONAME: "liba.so.1"}, elf.EM_386}, "/o/v3/liba.so.1": so("liba.so.1"),
		"/etc/ld.so.cache": newCache(orders[0], 2, []CacheEntry{{Name: "liba.so.1", Path: "/o/v3/liba.so.1", Flags: 0x303, HWCaps: "x86-64-v3"},
			{Name: "liba.so.1", Path: "/o/liba.so.1", Flags: 0x303}, {Name: "liba.so.1", Path: "/32/liba.so.1", Flags: 3}, {Name: "libgone.so.1", Path: "/o/libgone.so.1", Flags: 3}}),
	}).make(t)
	for _, c := range []struct {
		name, by string
		want     []string
	}{
		{"libssl.so.3", "", []string{"/lib/x86_64-linux-gnu/libssl.so.3", "/usr/lib/libssl.so.3 behind /lib/x86_64-linux-gnu/libssl.so.3"}},
		{"libssl", "", []string{"/lib/x86_64-linux-gnu/libssl.so.1.1", "/lib/x86_64-linux-gnu/libssl.so.3", "/lib/x86_64-linux-gnu/libssl.so.59", "/usr/lib/libssl.so.3 behind /lib/x86_64-linux-gnu/libssl.so.3"}},
		{"libssl.so", "", []string{"/lib/x86_64-linux-gnu/libssl.so.1.1", "/lib/x86_64-linux-gnu/libssl.so.3", "/lib/x86_64-linux-gnu/libssl.so.59", "/usr/lib/libssl.so.3 behind /lib/x86_64-linux-gnu/libssl.so.3"}},
		{"python3.11", "", []string{"/lib/x86_64-linux-gnu/libpython3.11.so.1.0"}},
		{"libpython3", "", nil},
		{"libssl.so.5", "", nil},
		{"liba.so.1", "", []string{"/o/v3/liba.so.1 with x86-64-v3", "/o/liba.so.1", "/32/liba.so.1"}},
		{"liba", "/opt/p", []string{"/o/v3/liba.so.1 with x86-64-v3", "/o/liba.so.1"}},
		{"libq", "", nil},
		{"libq", "/opt/p", []string{"/opt/lib/libq.so.2"}},
		{"libgone.so.1", "", nil}, {"", "", nil}, {"a/b", "", nil}, {"..", "", nil},
	} {
		f := New(Config{Root: root})
		q := Query{Name: c.name}
		if c.by != "" {
			o, err := f.open(c.by)
			if err != nil {
				t.Fatal(err)
			}
			q.By = o
		}
		libs, err := f.Find(context.Background(), q)
		var got []string
		for _, l := range libs {
			s := l.Path
			if l.Shadowed != "" {
				s += " behind " + l.Shadowed
			}
			if l.Only != "" {
				s += " with " + l.Only
			}
			got = append(got, s)
		}
		if !slices.Equal(got, c.want) || err != nil {
			t.Errorf("%s for %q: %v, %v, want %v", c.name, c.by, got, err, c.want)
		}
	}
}

// Looking a library up opens the cache, the loaders, and what is a candidate.
func TestFindReads(t *testing.T) {
	root := debian(tree{"/etc/ld.so.cache": newCache(orders[0], 2, someEntries), "/lib/libz.so.1": so("libz.so.1")}).make(t)
	f := New(Config{Root: root})
	if libs, err := f.Find(context.Background(), Query{Name: "libz.so.1"}); len(libs) != 1 || err != nil || f.Reads() > 4 {
		t.Errorf("%v, %v, %d reads", libs, err, f.Reads())
	}
}

func TestABI(t *testing.T) {
	le, is64, is32 := elf.ELFDATA2LSB, elf.ELFCLASS64, elf.ELFCLASS32
	hard, soft, unsaid := ABI{elf.EM_ARM, is32, le, armHardFloat}, ABI{elf.EM_ARM, is32, le, armSoftFloat}, ABI{elf.EM_ARM, is32, le, 0}
	if hard.Fits(soft) || !hard.Fits(unsaid) || !unsaid.Fits(soft) {
		t.Error("arm's float ABIs")
	}
	for _, c := range []struct {
		a     ABI
		flags uint32
		want  bool
	}{
		{ABI{elf.EM_X86_64, is64, le, 0}, 0x303, true}, {ABI{elf.EM_X86_64, is64, le, 0}, 3, false}, {ABI{elf.EM_X86_64, is64, le, 0}, 0x302, false},
		{ABI{elf.EM_X86_64, is32, le, 0}, 0x803, true}, {ABI{elf.EM_386, is32, le, 0}, 3, true}, {ABI{elf.EM_386, is32, le, 0}, 1, true},
		{hard, 0x903, true}, {hard, 0xb03, false}, {hard, 3, true}, {soft, 0xb03, true},
		{ABI{elf.EM_MIPS, is64, le, 0}, 0x703, true}, {ABI{elf.EM_MIPS, is32, le, mipsABI2}, 0x603, true}, {ABI{elf.EM_MIPS, is32, le, 0}, 3, true}, {ABI{elf.EM_MIPS, is32, le, mipsNaN2008}, 3, false},
		{ABI{elf.EM_RISCV, is64, le, 4}, 0x1003, true}, {ABI{elf.EM_RISCV, is64, le, 0}, 0xf03, true}, {ABI{elf.EM_LOONGARCH, is64, le, 3}, 0x1203, true},
		{ABI{elf.EM_AARCH64, is64, le, 0}, 0xa03, true}, {ABI{elf.EM_S390, is64, elf.ELFDATA2MSB, 0}, 0x403, true}, {ABI{elf.EM_PPC64, is64, le, 2}, 0x503, true},
	} {
		if got := c.a.accepts(c.flags); got != c.want {
			t.Errorf("%v takes 0x%x: %v", c.a, c.flags, got)
		}
	}
	if got := x86HWCaps(strings.Fields("cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3 avx avx2 bmi1 bmi2 f16c fma abm movbe xsave avx512f")); !slices.Equal(got, []string{"x86-64-v3", "x86-64-v2"}) {
		t.Error(got)
	}
}

// What a file says about its search path cannot make the search long.
func FuzzExpand(f *testing.F) {
	for _, s := range []string{"$ORIGIN/../lib", "${LIB}/$PLATFORM", "$", "${", "$ORIGINAL", "$LIB$LIB$LIB$LIB$LIB$LIB$LIB$LIB", "a$b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		tk := tokens{origin: "/o", lib: []string{"lib", "lib64"}, platforms: []string{"p", "q", "r"}}
		got := tk.expand(s)
		if len(got) > maxExpansions {
			t.Fatalf("%d paths", len(got))
		}
		if !strings.Contains(s, "$") && (len(got) != 1 || got[0] != s) {
			t.Fatalf("%q: %q", s, got)
		}
	})
}
