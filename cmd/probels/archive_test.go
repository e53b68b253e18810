package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// An entry of a tar: a directory, a whiteout or an empty file, if nothing but its
// name is given.
type entry struct{ name, binary, symlink, hardlink string }

func tarOf(t *testing.T, entries []entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: 0o755, Typeflag: tar.TypeReg}
		var data []byte
		switch {
		case e.symlink != "":
			h.Typeflag, h.Linkname = tar.TypeSymlink, e.symlink
		case e.hardlink != "":
			h.Typeflag, h.Linkname = tar.TypeLink, e.hardlink
		case e.binary != "":
			data = testbin.Read(t, e.binary)
			h.Size = int64(len(data))
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		}
		err := w.WriteHeader(h)
		_, werr := w.Write(data)
		if err = errors.Join(err, werr); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstdOf(t *testing.T, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(b, nil)
}

func plainOf(_ *testing.T, b []byte) []byte { return b }

// imageLayers are three layers, and what they make together: a library replaced by way
// of a link, a file and a directory that are hidden, names of one file.
var imageLayers = [][]entry{
	{{name: "usr/lib/", binary: ""}, {name: "lib", symlink: "usr/lib"}, {name: "usr/lib/libtestbin.so", binary: "amd64/libtestbin-sysv.so"},
		{name: "usr/bin/gone", binary: "amd64/probe-pie"}, {name: "opt/old/x", binary: "amd64/probe-nopie"}, {name: "etc/text"}, {name: "was", binary: "amd64/probe-lld"}},
	{{name: "lib/libtestbin.so", binary: "amd64/libtestbin.so"}, {name: "usr/bin/.wh.gone"}, {name: "opt/old/.wh..wh..opq"}, {name: "opt/old/new", binary: "amd64/probe-static-pie"},
		{name: "usr/bin/prog", binary: "amd64/probe-pie"}, {name: "usr/bin/prog2", hardlink: "usr/bin/prog"}},
	{{name: "usr/bin/alias", symlink: "prog"}, {name: ".wh.etc"}, {name: "usr/sbin/", binary: ""}, {name: "usr/sbin/pinned", binary: "amd64/probe-pinned"}, {name: "usr/sbin/moved", hardlink: "was"}, {name: ".wh.was"}},
}

var imageTree = []entry{
	{name: "usr/lib/libtestbin.so", binary: "amd64/libtestbin.so"}, {name: "lib", symlink: "usr/lib"}, {name: "opt/old/new", binary: "amd64/probe-static-pie"},
	{name: "usr/bin/prog", binary: "amd64/probe-pie"}, {name: "usr/bin/prog2", hardlink: "usr/bin/prog"}, {name: "usr/bin/alias", symlink: "prog"},
	{name: "usr/sbin/pinned", binary: "amd64/probe-pinned"}, {name: "usr/sbin/moved", binary: "amd64/probe-lld"},
}

var otherTree = []entry{{name: "usr/bin/prog", binary: "arm64/probe-pie"}, {name: "usr/lib/libtestbin.so", binary: "arm64/libtestbin.so"}}

// unpacked are the entries as files.
func unpacked(t *testing.T, entries []entry) string {
	t.Helper()
	dir := t.TempDir()
	for _, e := range entries {
		p := filepath.Join(dir, e.name)
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		switch {
		case e.symlink != "":
			err = errors.Join(err, os.Symlink(e.symlink, p))
		case e.hardlink != "":
			err = errors.Join(err, os.Link(filepath.Join(dir, e.hardlink), p))
		default:
			err = errors.Join(err, os.WriteFile(p, testbin.Read(t, e.binary), 0o755))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// records are what scan says of a place, each path without what is before it.
func records(t *testing.T, prefix string, args ...string) []string {
	t.Helper()
	r := probels(t, append([]string{"scan", "-q", "--json", "--debug=off"}, args...)...)
	if r.status != statusFound || r.errors != "" {
		t.Fatalf("%q: status %d, %s", args, r.status, r.errors)
	}
	var out []string
	for line := range strings.Lines(r.out) {
		short := strings.Replace(line, `"path":"`+prefix+"/", `"path":"/`, 1)
		if short == line {
			t.Fatalf("%q: not below %s: %s", args, prefix, line)
		}
		out = append(out, short)
	}
	slices.Sort(out)
	return out
}

var everyKind = []string{"-k", "usdt,uprobe", "-m", "*"}

// sameRecords holds an archive to what it unpacks to.
func sameRecords(t *testing.T, what, archive, image, dir string) {
	t.Helper()
	prefix, arg := archive+":", archive
	if image != "" {
		prefix, arg = archive+"@"+image+":", archive+"@"+image
	}
	for _, query := range [][]string{nil, everyKind} {
		got, want := records(t, prefix, append(query, arg)...), records(t, dir, append(query, dir)...)
		if len(want) < 10 || !slices.Equal(got, want) {
			t.Errorf("%s %q: %d records, unpacked %d:\n%.800s\n%.800s", what, query, len(got), len(want), got, want)
		}
	}
}

func put(t *testing.T, name string, b []byte) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if p, err := filepath.EvalSymlinks(p); err == nil {
		return p
	}
	return p
}

// A layout is the files of an image layout, by name.
type layout struct{ names, data []string }

func (l *layout) add(name string, b []byte) {
	l.names, l.data = append(l.names, name), append(l.data, string(b))
}

func (l *layout) blob(b []byte) string {
	d := fmt.Sprintf("%x", sha256.Sum256(b))
	l.add("blobs/sha256/"+d, b)
	return fmt.Sprintf(`"digest":"sha256:%s","size":%d`, d, len(b))
}

func (l *layout) tar(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, name := range l.names {
		err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(l.data[i])), Typeflag: tar.TypeReg})
		_, werr := w.Write([]byte(l.data[i]))
		if err = errors.Join(err, werr); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return b.Bytes()
}

// image puts a manifest of a platform with its layers into the layout.
func (l *layout) image(t *testing.T, arch string, packing []func(*testing.T, []byte) []byte, layers [][]entry) string {
	t.Helper()
	var ids, descriptors []string
	for i, entries := range layers {
		plain := tarOf(t, entries)
		ids = append(ids, fmt.Sprintf(`"sha256:%x"`, sha256.Sum256(plain)))
		descriptors = append(descriptors, "{"+l.blob(packing[i](t, plain))+"}")
	}
	config := l.blob(fmt.Appendf(nil, `{"os":"linux","architecture":%q,"rootfs":{"type":"layers","diff_ids":[%s]}}`, arch, strings.Join(ids, ",")))
	m := l.blob(fmt.Appendf(nil, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json",%s},"layers":[%s]}`, config, strings.Join(descriptors, ",")))
	return fmt.Sprintf(`{%s,"platform":{"os":"linux","architecture":%q}}`, m, arch)
}

type packing = func(*testing.T, []byte) []byte

// What is told of an image's files is what is told of them unpacked: as a directory, a
// tar, and a tar that is compressed as a whole.
func TestImageRecords(t *testing.T) {
	dir, other := unpacked(t, imageTree), unpacked(t, otherTree)
	var l layout
	one := l.image(t, "amd64", []packing{plainOf, gzipOf, zstdOf}, imageLayers)
	two := l.image(t, "arm64", []packing{gzipOf}, [][]entry{otherTree})
	l.add("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	l.add("index.json", []byte(`{"schemaVersion":2,"manifests":[`+one+","+two+`]}`))
	asDir := t.TempDir()
	for i, name := range l.names {
		p := filepath.Join(asDir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, []byte(l.data[i]), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	whole := l.tar(t)
	for what, archive := range map[string]string{
		"directory": asDir, "tar": put(t, "image.tar", whole), "tar.gz": put(t, "image.tar.gz", gzipOf(t, whole)), "tar.zst": put(t, "image.tar.zst", zstdOf(t, whole)),
	} {
		sameRecords(t, what, archive, "linux/amd64", dir)
		sameRecords(t, what, archive, "linux/arm64", other)
		both := strings.Count(probels(t, "scan", "-q", "--json", archive).out, "\n")
		if n := len(records(t, dir, dir)) + len(records(t, other, other)); both != n {
			t.Errorf("%s: %d records of both, want %d", what, both, n)
		}
		r := probels(t, archive+":/usr/bin/prog")
		if r.status != statusTrouble || !strings.Contains(r.errors, "ARCHIVE@IMAGE:/usr/bin/prog, of linux/amd64, linux/arm64\n") {
			t.Errorf("%s: of which image: status %d, %s", what, r.status, r.errors)
		}
		if r := probels(t, "resolve", "-q", archive+"@linux/arm64:/usr/bin/prog", "traced"); r.status != statusFound {
			t.Errorf("%s: %s", what, r.errors)
		}
	}
}

// The form that docker save had before it wrote layouts, and that podman writes.
func TestDockerSaveRecords(t *testing.T) {
	dir := unpacked(t, imageTree)
	var l layout
	var ids, names []string
	for i, entries := range imageLayers {
		b := tarOf(t, entries)
		ids, names = append(ids, fmt.Sprintf(`"sha256:%x"`, sha256.Sum256(b))), append(names, fmt.Sprintf(`"%d/layer.tar"`, i))
		l.add(strings.Trim(names[i], `"`), b)
	}
	config := fmt.Appendf(nil, `{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[%s]}}`, strings.Join(ids, ","))
	name := fmt.Sprintf("%x.json", sha256.Sum256(config))
	l.add(name, config)
	l.add("manifest.json", fmt.Appendf(nil, `[{"Config":%q,"RepoTags":["x:1"],"Layers":[%s]}]`, name, strings.Join(names, ",")))
	whole := l.tar(t)
	sameRecords(t, "docker save", put(t, "saved.tar", whole), "", dir)
	sameRecords(t, "docker save | gzip", put(t, "saved.tar.gz", gzipOf(t, whole)), "", dir)

	// A tar that only has a file of the same name is none.
	sameRecords(t, "manifest.json", put(t, "web.tar", tarOf(t, append([]entry{{name: "manifest.json"}}, imageTree...))), "", dir)
}

// Packages and tars of every compression.
func TestPackageRecords(t *testing.T) {
	dir := unpacked(t, imageTree)
	plain := tarOf(t, imageTree)
	with := func(tool string) packing {
		tool = skip.Tool(t, tool)
		return func(t *testing.T, b []byte) []byte {
			cmd := exec.Command(tool, "-c")
			cmd.Stdin = bytes.NewReader(b)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", tool, err)
			}
			return out
		}
	}
	for name, pack := range map[string]packing{"x.tar": plainOf, "x.tar.gz": gzipOf, "x.tar.zst": zstdOf, "x.tar.xz": with("xz"), "x.tar.bz2": with("bzip2")} {
		sameRecords(t, name, put(t, name, pack(t, plain)), "", dir)
	}
	// dpkg-deb writes no bzip2 any more, and reads it.
	data := with("bzip2")(t, plain)
	deb := fmt.Sprintf("!<arch>\n%-48s%-10d`\n2.0\n%-48s%-10d`\n%s", "debian-binary", 4, "data.tar.bz2", len(data), data)
	sameRecords(t, "bzip2", put(t, "bzip2.deb", []byte(deb)), "", dir)
	tool := skip.Tool(t, "dpkg-deb")
	control := filepath.Join(dir, "DEBIAN/control")
	if err := errors.Join(os.Mkdir(filepath.Dir(control), 0o755), os.Chmod(dir, 0o755),
		os.WriteFile(control, []byte("Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x.x>\nDescription: x\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	for _, z := range []string{"gzip", "xz", "zstd", "none"} {
		deb := put(t, z+".deb", nil)
		if out, err := exec.Command(tool, "--root-owner-group", "-Z"+z, "-b", dir, deb).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", z, err, out)
		}
		sameRecords(t, z, deb, "", dir)
	}
}

// What is compressed and no tar is a file as any other, unless it is called one.
func TestNoArchive(t *testing.T) {
	packed := gzipOf(t, []byte("a manual page\n"))
	if r := probels(t, "scan", put(t, "x.1.gz", packed)); r.status != statusMissing {
		t.Errorf("status %d, %s", r.status, r.errors)
	}
	if r := probels(t, "scan", put(t, "x.tar.gz", packed)); r.status != statusTrouble || !strings.Contains(r.errors, "no tar in it") {
		t.Errorf("status %d, %s", r.status, r.errors)
	}
}
