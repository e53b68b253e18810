package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/probels/probels/internal/skip"
)

// An ELF file, as far as this package is concerned.
func elfFile(text string) string { return "\x7fELF" + text }

// tarOf makes a tar of pairs: a name and its bytes; "dir/" a directory, "->TO" a symbolic
// and "+TO" a hard link.
func tarOf(t testing.TB, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(pairs); i += 2 {
		name, data := pairs[i], pairs[i+1]
		h := &tar.Header{Name: name, Mode: 0o755, Typeflag: tar.TypeReg, Size: int64(len(data))}
		switch {
		case strings.HasSuffix(name, "/"):
			h.Typeflag = tar.TypeDir
		case strings.HasPrefix(data, "->"):
			h.Typeflag, h.Linkname = tar.TypeSymlink, data[2:]
		case strings.HasPrefix(data, "+"):
			h.Typeflag, h.Linkname = tar.TypeLink, data[1:]
		}
		if h.Typeflag != tar.TypeReg {
			h.Size, data = 0, ""
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(data))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstdOf(t testing.TB, b []byte) []byte {
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func digest(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// layout is an OCI image layout as pairs for tarOf. Each platform has its layers.
func layout(platforms map[string][][]byte) []string {
	files := []string{"oci-layout", `{"imageLayoutVersion":"1.0.0"}`}
	add := func(b []byte) string {
		d := digest(b)
		files = append(files, "blobs/sha256/"+d[7:], string(b))
		return fmt.Sprintf(`"digest":%q,"size":%d`, d, len(b))
	}
	var manifests []string
	for _, p := range []string{"linux/amd64", "linux/arm64"} {
		layers := platforms[p]
		if layers == nil {
			continue
		}
		os, arch, _ := strings.Cut(p, "/")
		config := add(fmt.Appendf(nil, `{"os":%q,"architecture":%q}`, os, arch))
		var ls []string
		for _, l := range layers {
			ls = append(ls, "{"+add(l)+"}")
		}
		m := add(fmt.Appendf(nil, `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[%s]}`, config, strings.Join(ls, ",")))
		manifests = append(manifests, fmt.Sprintf(`{%s,"platform":{"os":%q,"architecture":%q}}`, m, os, arch))
	}
	return append(files, "index.json", `{"manifests":[`+strings.Join(manifests, ",")+`]}`)
}

func write(t testing.TB, b []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return p
}

// members are the ELF files of an archive: "IMAGE PATH=TEXT".
func members(t testing.TB, path string, l Limits) ([]string, error) {
	t.Helper()
	a, err := Open(context.Background(), path, l)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	var out []string
	err = a.Each(context.Background(), "", func(m *Member) error {
		out = append(out, strings.TrimSpace(m.Image+" "+m.Path+"="+string(m.Data[4:])))
		return nil
	})
	return out, errors.Join(append(a.Problems(), err)...)
}

func want(t *testing.T, what, path string, lines ...string) {
	t.Helper()
	if !Is(path) {
		t.Errorf("%s: no archive", what)
	}
	got, err := members(t, path, Limits{})
	if err != nil || strings.Join(got, "\n") != strings.Join(lines, "\n") {
		t.Errorf("%s: %q, %v, want %q", what, got, err, lines)
	}
}

func TestTar(t *testing.T) {
	b := tarOf(t, "./usr/", "", "usr/bin/b", elfFile("old"), "usr/bin/text", "#!", "/usr/bin/a", elfFile("1"), "usr/bin/b", elfFile("new"),
		"lib", "->usr/lib", "usr/z", "+usr/bin/a", "../../out", elfFile("inside"))
	for what, b := range map[string][]byte{"tar": b, "gzip": gzipped(b), "zstd": zstdOf(t, b)} {
		want(t, what, write(t, b), "/usr/bin/a=1", "/usr/bin/b=new", "/out=inside")
	}
}

func TestLayers(t *testing.T) {
	layers := [][]byte{
		tarOf(t, "bin/a", elfFile("a1"), "bin/b", elfFile("b1"), "lib/x", elfFile("x1"), "lib/y", elfFile("y1"), "opt/d/e", elfFile("e1"), "kept", elfFile("k"), "was", elfFile("w")),
		gzipped(tarOf(t, "bin/a", elfFile("a2"), "bin/.wh.b", "", "lib/x", elfFile("x2"), "lib/.wh..wh..opq", "", ".wh.opt", "", "link", "+was", ".wh.was", "")),
		zstdOf(t, tarOf(t, "opt/", "", "opt/new", elfFile("n"), "bin/b", elfFile("b3"), "kept/inside", elfFile("i"))),
	}
	lines := []string{"/link=w", "/bin/a=a2", "/lib/x=x2", "/opt/new=n", "/bin/b=b3", "/kept/inside=i"}
	files := layout(map[string][][]byte{"linux/amd64": layers})
	got, err := members(t, write(t, tarOf(t, files...)), Limits{})
	if err != nil || strings.Join(got, " ") != strings.Join(lines, " ") {
		t.Errorf("%q, %v", got, err)
	}
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		p := filepath.Join(dir, files[i])
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(files[i+1]), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want(t, "directory", dir, lines...)
	merged := layout(map[string][][]byte{"linux/amd64": {tarOf(t, "usr/lib/", "", "lib", "->usr/lib"), tarOf(t, "lib/x", elfFile("x"))}})
	want(t, "a name through a link", write(t, tarOf(t, merged...)), "/usr/lib/x=x")

	two := layout(map[string][][]byte{"linux/amd64": layers[:1], "linux/arm64": {tarOf(t, "bin/a", elfFile("arm"))}})
	path := write(t, tarOf(t, two...))
	a, err := Open(context.Background(), path, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if m, err := a.Read(t.Context(), "linux/arm64", "/bin/a"); err != nil || m.Image != "linux/arm64" || string(m.Data[4:]) != "arm" {
		t.Errorf("%+v, %v", m, err)
	}
	if _, err := a.Read(t.Context(), "", "/bin/a"); err == nil || !strings.Contains(err.Error(), "linux/amd64, linux/arm64") {
		t.Errorf("of two images: %v", err)
	}
	if _, err := a.Read(t.Context(), "windows/amd64", "/bin/a"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an image that is not there: %v", err)
	}
}

func TestDockerSave(t *testing.T) {
	l1, l2 := tarOf(t, "a", elfFile("1"), "b", elfFile("2")), tarOf(t, ".wh.a", "")
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","rootfs":{"diff_ids":[%q,%q]}}`, digest(l1), digest(l2))
	name := digest(config)[7:] + ".json"
	manifest := fmt.Sprintf(`[{"Config":%q,"RepoTags":["x:1"],"Layers":["1/layer.tar","2/layer.tar"]}]`, name)
	want(t, "docker save", write(t, tarOf(t, "1/layer.tar", string(l1), "2/layer.tar", string(l2), name, string(config), "manifest.json", manifest)), "/b=2")
	bad := write(t, tarOf(t, "1/layer.tar", string(l2), "2/layer.tar", string(l2), name, string(config), "manifest.json", manifest))
	if got, err := members(t, bad, Limits{}); !errors.Is(err, ErrFormat) || got != nil {
		t.Errorf("a layer with other bytes: %v, %v", got, err)
	}
}

func TestFind(t *testing.T) {
	path := write(t, tarOf(t, "usr/bin/prog-1", elfFile("p"), "usr/bin/prog", "->prog-1", "bin", "->/usr/bin", "up", "->../../../bin/../bin/prog",
		"loop", "->loop", "text", "x", "gone", "->nowhere"))
	a, err := Open(t.Context(), path, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	for _, name := range []string{"/bin/prog", "bin/prog", "/up", "/usr/bin/../bin/prog-1", "/../../up"} {
		m, err := a.Read(t.Context(), "", name)
		if err != nil || m.Path != "/usr/bin/prog-1" || string(m.Data[4:]) != "p" {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	for _, name := range []string{"/loop", "/gone", "/usr/bin", "/", "/none"} {
		if m, err := a.Read(t.Context(), "", name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// What dpkg-deb packs, it is unpacked to.
func TestDeb(t *testing.T) {
	tool := skip.Tool(t, "dpkg-deb")
	root := t.TempDir()
	for name, text := range map[string]string{"DEBIAN/control": "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.x>\nDescription: x\n", "usr/bin/x": elfFile("x")} {
		p := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	os.Chmod(root, 0o755)
	os.Chmod(filepath.Join(root, "DEBIAN"), 0o755)
	for _, z := range []string{"gzip", "xz", "zstd", "none"} {
		deb := filepath.Join(t.TempDir(), z+".deb")
		if out, err := exec.Command(tool, "--root-owner-group", "-Z"+z, "-b", root, deb).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", z, err, out)
		}
		want(t, z, deb, "/usr/bin/x=x")
	}
}

// The first reading is mostly the only one; what there is no room for is read again, in
// the same order, and what has changed meanwhile is an error.
func TestKeep(t *testing.T) {
	big := elfFile(strings.Repeat("b", 3000))
	layers := [][]byte{
		tarOf(t, "a", elfFile("1"), "big", big, "dull", elfFile("0"), "z", elfFile("2")),
		gzipped(tarOf(t, "m", elfFile("3"), ".wh.a", "", "other", big)),
	}
	path := write(t, tarOf(t, layout(map[string][][]byte{"linux/amd64": layers})...))
	keep := func(b []byte) bool { return string(b) != elfFile("0") }
	for held, want := range map[int64]string{1 << 20: "/big /z /m /other", 3500: "/big /z /m /other", 5: "/big /z /m /other", -1: "/big /z /m /other"} {
		a, err := OpenKeeping(t.Context(), path, Limits{Held: held}, keep)
		if err != nil {
			t.Fatal(err)
		}
		opened := 0
		for i := range a.images[0].layers {
			l := &a.images[0].layers[i]
			open := l.open
			l.open = func() (io.ReadCloser, error) { opened++; return open() }
		}
		var got []string
		for range 2 {
			got = nil
			if err := a.Each(t.Context(), "", func(m *Member) error {
				if int64(len(m.Data)) != m.Size || !bytes.HasPrefix(m.Data, []byte("\x7fELF")) {
					t.Errorf("%s: %.10q", m.Path, m.Data)
				}
				got = append(got, m.Path)
				return nil
			}); err != nil {
				t.Errorf("%d: %v", held, err)
			}
		}
		if strings.Join(got, " ") != want || (opened == 0) != (held == 1<<20) {
			t.Errorf("%d: %v, %d layers read again", held, got, opened)
		}
		a.Close()
	}
}

func TestChanged(t *testing.T) {
	was := tarOf(t, "a", elfFile("1"), "b", elfFile("2"))
	for what, now := range map[string][]byte{
		"another member": tarOf(t, "a", elfFile("1"), "b", elfFile("3")), "a shorter one": tarOf(t, "a", elfFile("1")), "a size": tarOf(t, "a", elfFile("1"), "b", elfFile("22")),
	} {
		path := write(t, was)
		stamp := time.Unix(1, 0)
		for _, sameTime := range []bool{false, true} {
			if err := errors.Join(os.WriteFile(path, was, 0o644), os.Chtimes(path, stamp, stamp)); err != nil {
				t.Fatal(err)
			}
			a, err := OpenKeeping(t.Context(), path, Limits{Held: -1}, func([]byte) bool { return true })
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, now, 0o644); err != nil {
				t.Fatal(err)
			}
			if sameTime {
				os.Chtimes(path, stamp, stamp)
			}
			if err := a.Each(t.Context(), "", func(*Member) error { return nil }); !errors.Is(err, ErrChanged) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, same time %v: %v", what, sameTime, err)
			}
			a.Close()
		}
	}
	// A layer of a directory, by its time and size alone: it is known by its digest.
	dir := t.TempDir()
	files := layout(map[string][][]byte{"linux/amd64": {was}})
	for i := 0; i < len(files); i += 2 {
		p := filepath.Join(dir, files[i])
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(files[i+1]), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	a, err := Open(t.Context(), dir, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if err := os.WriteFile(filepath.Join(dir, "blobs/sha256", digest(was)[7:]), append(was, 0), 0o644); err != nil {
		t.Fatal(err)
	}
	if m, err := a.Read(t.Context(), "", "/a"); !errors.Is(err, ErrChanged) {
		t.Errorf("%+v, %v", m, err)
	}
}
