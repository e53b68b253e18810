package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// copySources makes a directory that the program can be built in, without tests and without git.
func copySources(t *testing.T, to string) {
	t.Helper()
	err := filepath.WalkDir("../../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() {
			if name := e.Name(); name == "testdata" || name == "examples" || name == "bench" || strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "..") {
				return filepath.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(e.Name(), ".") || !e.Type().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel("../../..", path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dest := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			return err
		}
		return os.WriteFile(dest, b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func releaseFrom(t *testing.T, dir, platform string) (out string) {
	t.Helper()
	copySources(t, dir)
	r := release{dir: dir, out: t.TempDir(), version: "v0.0.0-test"}
	for _, step := range []func() error{func() error { return r.build(platform) }, r.bill, r.sums} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return r.out
}

// Two directories, two users' settings, one result, byte by byte.
func TestReproducible(t *testing.T) {
	skip.Tool(t, "go")
	platform := "linux/" + runtime.GOARCH
	t.Setenv("GOFLAGS", "")
	one := releaseFrom(t, filepath.Join(t.TempDir(), "one"), platform)
	t.Setenv("GOFLAGS", "-ldflags=-s")
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("GOAMD64", "v3")
	two := releaseFrom(t, filepath.Join(t.TempDir(), "another", "deeper"), platform)
	entries, err := os.ReadDir(one)
	if err != nil || len(entries) != 3 {
		t.Fatalf("%v, %v", entries, err)
	}
	var sums string
	for _, e := range entries {
		a, err := os.ReadFile(filepath.Join(one, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(two, e.Name()))
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is not the same: %d and %d bytes, %v", e.Name(), len(a), len(b), err)
		}
		if bytes.Contains(a, []byte(os.TempDir()+"/Test")) {
			t.Errorf("%s has a path of this machine", e.Name())
		}
		if e.Name() == "SHA256SUMS" {
			sums = string(a)
		}
	}
	for _, e := range entries {
		b, _ := os.ReadFile(filepath.Join(one, e.Name()))
		if want := fmt.Sprintf("%x  %s\n", sha256.Sum256(b), e.Name()); e.Name() != "SHA256SUMS" && !strings.Contains(sums, want) {
			t.Errorf("no %q in\n%s", want, sums)
		}
	}
	checkBill(t, one, entries[0].Name(), entries[1].Name(), entries[2].Name())
}

// checkBill holds the bill to the binary that it is of, and to what SPDX asks for.
func checkBill(t *testing.T, dir string, names ...string) {
	t.Helper()
	var d document
	var binary string
	for _, name := range names {
		if strings.HasSuffix(name, ".spdx.json") {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(b, &d); err != nil {
				t.Fatal(err)
			}
		} else if name != "SHA256SUMS" {
			binary = filepath.Join(dir, name)
		}
	}
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"probels v0.0.0-test", "stdlib " + strings.TrimPrefix(info.GoVersion, "go")}
	for _, m := range info.Deps {
		want = append(want, m.Path+" "+m.Version)
	}
	var got []string
	ids := map[string]bool{d.ID: true}
	for _, p := range d.Packages {
		got = append(got, p.Name+" "+p.Version)
		if p.Concluded == "" || p.Download == "" || p.Copyright == "" || ids[p.ID] || !strings.HasPrefix(p.ID, "SPDXRef-") {
			t.Errorf("%+v", p)
		}
		ids[p.ID] = true
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the bill has\n%q, the binary\n%q", got, want)
	}
	for _, r := range d.Relationships {
		if !ids[r.From] || !ids[r.To] {
			t.Errorf("%+v leads nowhere", r)
		}
	}
	if len(d.Relationships) != len(d.Packages) || d.Namespace == "" || d.Creation.Created != "1970-01-01T00:00:00Z" && d.Creation.Created != "0001-01-01T00:00:00Z" {
		t.Errorf("%+v", d)
	}
}
