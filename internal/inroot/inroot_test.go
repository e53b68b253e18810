package inroot

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

// tree makes files, "dir/" and "link -> target" below a new directory. What
// lies beside it must never be opened.
func tree(t testing.TB, entries ...string) string {
	t.Helper()
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(outside, "root")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(root, 0o755))
	for _, e := range entries {
		name, target, link := strings.Cut(e, " -> ")
		p := filepath.Join(root, name)
		must(os.MkdirAll(filepath.Dir(p), 0o755))
		switch {
		case link:
			if err := os.Symlink(target, p); err != nil {
				skip.Nowf(t, "needs symlinks: %v", err)
			}
		case strings.HasSuffix(name, "/"):
			must(os.MkdirAll(p, 0o755))
		default:
			must(os.WriteFile(p, []byte("content of "+name), 0o644))
		}
	}
	return root
}

// roots opens a directory in all the ways that this system has.
func roots(t testing.TB, dir string) map[string]*Root {
	t.Helper()
	all := make(map[string]*Root)
	for how, r := range openAll(t, dir) {
		t.Cleanup(func() { r.Close() })
		all[how] = r
	}
	return all
}

func TestLookup(t *testing.T) {
	dir := tree(t, "a/b/file", "a/rel -> b/file", "a/abs -> /a/b/file", "up -> ../../../secret", "far/up -> ../../secret",
		"abs -> /secret", "magic -> /proc/self/cwd/file", "loop1 -> loop2", "loop2 -> /loop1", "dangling -> nowhere",
		"dir -> a/b", "file -> ./a/./b//file", "a/self -> ../a/../a/b/file", "empty/", "deep/dir -> ../a/b/../../a/b",
		"etc/passwd", "root -> /", "long00 -> a/b/file")
	for i := range 45 {
		if err := os.Symlink("long"+itoa(i), filepath.Join(dir, "long"+itoa(i+1))); err != nil {
			t.Fatal(err)
		}
	}
	for how, r := range roots(t, dir) {
		for _, c := range []struct {
			name, content, real string
			err                 error
		}{
			{"/a/b/file", "a/b/file", "/a/b/file", nil},
			{"a/b/file", "a/b/file", "/a/b/file", nil},
			{"/a/rel", "a/b/file", "/a/b/file", nil},
			{"/a/abs", "a/b/file", "/a/b/file", nil},
			{"/a/self", "a/b/file", "/a/b/file", nil},
			{"/file", "a/b/file", "/a/b/file", nil},
			{"/dir/file", "a/b/file", "/a/b/file", nil},
			{"/deep/dir/file", "a/b/file", "/a/b/file", nil},
			{"/dir/../b/file", "a/b/file", "/a/b/file", nil}, // ".." of what the link leads to
			{"/root/root/root/etc/passwd", "etc/passwd", "/etc/passwd", nil},
			{"../../../etc/passwd", "etc/passwd", "/etc/passwd", nil},
			{"/../etc/passwd", "etc/passwd", "/etc/passwd", nil},
			{"/long39", "a/b/file", "/a/b/file", nil},
			{"/up", "", "", fs.ErrNotExist},
			{"/far/up", "", "", fs.ErrNotExist},
			{"/abs", "", "", fs.ErrNotExist},
			{"/../secret", "", "", fs.ErrNotExist},
			{"/magic", "", "", fs.ErrNotExist},
			{"/dangling", "", "", fs.ErrNotExist},
			{"", "", "", fs.ErrNotExist},
			{"/a\x00b", "", "", fs.ErrInvalid},
			{"/loop1", "", "", errAny},
			{"/long45", "", "", errAny},
			{"/a/b/file/x", "", "", errAny},
			{"/" + strings.Repeat("a/../", 900) + "etc/passwd", "", "", nil}, // longer than PATH_MAX: an error or right
		} {
			f, info, err := r.OpenFile(c.name)
			if err == nil {
				b, _ := io.ReadAll(f)
				f.Close()
				if string(b) != "content of "+c.content && c.content != "" {
					t.Errorf("%s %.40q: %q", how, c.name, b)
				}
				if info.Size() != int64(len(b)) || strings.Contains(string(b), "secret") {
					t.Errorf("%s %.40q: %q, size %d", how, c.name, b, info.Size())
				}
			}
			if len(c.name) > 4000 {
				continue
			}
			if ok := errors.Is(err, c.err) || c.err == errAny && err != nil; !ok {
				t.Errorf("%s open %.40q: %v, want %v", how, c.name, err, c.err)
			}
			real, err := r.RealPath(c.name)
			if ok := errors.Is(err, c.err) || c.err == errAny && err != nil; !ok || real != c.real {
				t.Errorf("%s real %.40q: %q %v, want %q %v", how, c.name, real, err, c.real, c.err)
			}
			if _, err := r.Stat(c.name); (err == nil) != (c.err == nil) {
				t.Errorf("%s stat %.40q: %v", how, c.name, err)
			}
		}
		if real, err := r.RealPath("/"); real != "/" || err != nil {
			t.Errorf("%s: / is %q %v", how, real, err)
		}
		if p := r.HostPath("/a/../../b"); p != filepath.ToSlash(dir)+"/b" {
			t.Errorf("%s: %s", how, p)
		}
	}
}

var errAny = errors.New("any error")

func itoa(i int) string { return string(rune('0'+i/10)) + string(rune('0'+i%10)) }

func TestReadFileAndDir(t *testing.T) {
	dir := tree(t, "d/a", "d/b", "d/c", "l -> /d")
	for how, r := range roots(t, dir) {
		if b, err := r.ReadFile("/l/a", 100); string(b) != "content of d/a" || err != nil {
			t.Errorf("%s: %q %v", how, b, err)
		}
		if _, err := r.ReadFile("/l/a", 5); !errors.Is(err, elfsym.ErrLimit) {
			t.Errorf("%s: %v", how, err)
		}
		names, err := r.ReadDir("/l", 100)
		if len(names) != 3 || err != nil {
			t.Errorf("%s: %v %v", how, names, err)
		}
		if names, err := r.ReadDir("l", 2); len(names) != 2 || err != nil {
			t.Errorf("%s: %v %v", how, names, err)
		}
		if _, err := r.ReadDir("/d/a", 100); err == nil {
			t.Errorf("%s: a file was read as a directory", how)
		}
		_, _, err = r.OpenFile("/d")
		if !errors.Is(err, elfsym.ErrNotRegular) || !strings.Contains(err.Error(), "/d") {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func TestHost(t *testing.T) {
	dir := tree(t, "a", "l -> a")
	for _, name := range []string{"", "/", "//"} {
		r, err := Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Host() || r.Dir() != "/" {
			t.Errorf("%q: %+v", name, r)
		}
		b, err := r.ReadFile(filepath.Join(dir, "l"), 100)
		if string(b) != "content of a" || err != nil {
			t.Errorf("%q %v", b, err)
		}
		if real, err := r.RealPath(filepath.Join(dir, "l")); filepath.Base(real) != "a" || err != nil {
			t.Errorf("%q %v", real, err)
		}
		if names, err := r.ReadDir(dir, 9); len(names) != 2 || err != nil {
			t.Errorf("%q %v", names, err)
		}
		if r.Close() != nil {
			t.Error("close")
		}
	}
	if _, err := Open(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Open(filepath.Join(dir, "a")); err == nil && runtime.GOOS != "windows" {
		t.Error("a file is no root")
	}
}
