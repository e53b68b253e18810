package offset_test

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
	"github.com/probels/probels/offset"
)

// put writes a file below a directory; an ELF file if link is given.
func put(t *testing.T, dir, name string, text string, l *elfwrite.Linking, syms ...elfwrite.Symbol) string {
	t.Helper()
	full := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	b := []byte(text)
	if l != nil {
		f := elfwrite.File{Machine: elf.EM_X86_64, Dynsyms: syms}
		f.Link(*l)
		b = f.Bytes()
	}
	if err := os.WriteFile(full, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return full
}

func defined(names ...string) (out []elfwrite.Symbol) {
	for _, n := range names {
		out = append(out, elfwrite.Symbol{Name: n, Value: 0x1000, Size: 4, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
	}
	return out
}

func imported(names ...string) (out []elfwrite.Symbol) {
	for _, n := range names {
		out = append(out, elfwrite.Symbol{Name: n, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL})
	}
	return out
}

func TestFindCommands(t *testing.T) {
	root := t.TempDir()
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	put(t, root, "shims/python3", "#!/usr/bin/env bash\nexec pyenv\n", nil)
	put(t, root, "version", "3.12.1\n", nil)
	old := put(t, root, "versions/3.6/bin/python3", "", &elfwrite.Linking{})
	set := put(t, root, "versions/3.12.1/bin/python3", "", &elfwrite.Linking{})
	next := put(t, root, "usr/bin/python3", "", &elfwrite.Linking{})
	put(t, root, "usr/bin/text", "echo no first line\n", nil)
	os.Symlink("/../../../../../../../usr/bin/env", filepath.Join(root, "usr/bin/out"))
	o := &offset.FindOptions{Root: root, Path: []string{"/none", "/shims", "/usr/bin", "relative"}}
	got, err := offset.Find(context.Background(), "python3", o)
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	s := got[0]
	if s.Kind != offset.FoundScript || s.Script.Interpreter != "/usr/bin/env" || s.Script.Program != "bash" || s.How != "/shims" ||
		!slices.Equal(s.Script.Shim, []string{set, old}) || s.Script.Default != set {
		t.Errorf("%+v %+v", s, s.Script)
	}
	if got[1].Kind != offset.FoundCommand || got[1].Path != next {
		t.Errorf("%+v", got[1])
	}
	if got, _ := offset.Find(context.Background(), "text", o); len(got) != 1 || got[0].Kind != offset.FoundScript || got[0].Script.Program != "" {
		t.Errorf("%+v", got)
	}
	for _, name := range []string{"out", "nothing", "", "../usr/bin/python3", "a\x00b"} {
		if got, err := offset.Find(context.Background(), name, o); len(got) != 0 || !errors.Is(err, offset.ErrNoSuchName) {
			t.Errorf("%q: %+v, %v", name, got, err)
		}
	}
}

func TestParseScript(t *testing.T) {
	for _, c := range []struct{ in, interpreter, program string }{
		{"#!/bin/sh\n", "/bin/sh", "/bin/sh"},
		{"#! /usr/bin/python3 -u\nx", "/usr/bin/python3", "/usr/bin/python3"},
		{"#!/usr/bin/env python3", "/usr/bin/env", "python3"},
		{"#!/usr/bin/env -S python3 -u", "/usr/bin/env", "python3"},
		{"#!/usr/bin/env -Spython3 -u", "/usr/bin/env", "python3"},
		{"#!/usr/bin/env -S A=1 -u HOME --split-string=ruby x", "/usr/bin/env", "ruby"},
		{"#!/usr/bin/env -i PATH=/bin perl", "/usr/bin/env", "perl"},
		{"#!\n", "", ""},
		{"#!/usr/bin/env", "/usr/bin/env", "/usr/bin/env"},
		{"#!/" + strings.Repeat("x", 400), "/" + strings.Repeat("x", 253), "/" + strings.Repeat("x", 253)},
	} {
		s, ok := offset.ParseScript([]byte(c.in))
		if !ok || s.Interpreter != c.interpreter || s.Program != c.program {
			t.Errorf("%q: %+v", c.in, s)
		}
	}
	if _, ok := offset.ParseScript([]byte("\x7fELF")); ok {
		t.Error("ELF is no script")
	}
}

func FuzzParseScript(f *testing.F) {
	for _, s := range []string{"#!/bin/sh\n", "#!/usr/bin/env -S python3 -u", "#!", "#!/usr/bin/env -u", "#!/usr/bin/env -S''"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, ok := offset.ParseScript(b)
		if ok != strings.HasPrefix(string(b), "#!") || ok != (s != nil) {
			t.Fatalf("%v, %+v", ok, s)
		}
		if ok && (s.Program == "") != (s.Interpreter == "") {
			t.Fatalf("%+v", s)
		}
	})
}

func TestFindMapped(t *testing.T) {
	maps := []offset.Mapped{{Path: "/usr/bin/python3.11"}, {Path: "/lib/libssl.so.1.1"}, {Path: "/lib/libssl.so.3.0.2", SONAME: "libssl.so.3"},
		{Path: "/lib/libglib-2.0.so.0.7400.6"}, {Path: "/lib/libc.so.6", SONAME: "libc.so.6"}}
	for name, want := range map[string]string{
		"libssl.so.3": "/lib/libssl.so.3.0.2", "libssl": "/lib/libssl.so.1.1 /lib/libssl.so.3.0.2", "ssl": "/lib/libssl.so.1.1 /lib/libssl.so.3.0.2",
		"libglib-2.0.so.0": "/lib/libglib-2.0.so.0.7400.6", "libc": "/lib/libc.so.6", "c": "/lib/libc.so.6", "python3.11": "/usr/bin/python3.11",
		"/lib/libc.so.6": "/lib/libc.so.6", "libssl.so.59": "", "libs": "", "": "",
	} {
		var got []string
		for _, m := range offset.FindMapped(name, maps) {
			got = append(got, m.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", name, got, want)
		}
	}
}

func TestNeededAndDefinedIn(t *testing.T) {
	root := t.TempDir()
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	p := put(t, root, "bin/p", "", &elfwrite.Linking{Needed: []string{"liba.so", "libgone.so"}, RunPath: "$ORIGIN/../opt"}, imported("work")...)
	put(t, root, "opt/liba.so", "", &elfwrite.Linking{SONAME: "liba.so", Needed: []string{"libb.so"}, RunPath: "$ORIGIN"}, imported("work")...)
	b := put(t, root, "opt/libb.so", "", &elfwrite.Linking{SONAME: "libb.so"}, defined("work")...)
	target, err := offset.Open(p, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	o := &offset.FindOptions{Root: root}
	libs, err := target.Needed(context.Background(), o)
	if err != nil || len(libs) != 3 || libs[0].Path != filepath.Join(root, "opt/liba.so") || libs[0].How != "DT_RUNPATH of /bin/p" ||
		libs[1].Err == nil || libs[1].Path != "" || libs[2].Path != b || libs[2].By != "/bin/../opt/liba.so" {
		t.Errorf("%+v, %v", libs, err)
	}
	if libs, err = target.DefinedIn(context.Background(), "work", o); len(libs) != 1 || libs[0].Path != b || err == nil {
		t.Errorf("%+v, %v: one library is missing, and that is told", libs, err)
	}
	if libs, _ = target.DefinedIn(context.Background(), "nowhere", o); len(libs) != 0 {
		t.Errorf("%+v", libs)
	}
	if _, err = target.Needed(context.Background(), &offset.FindOptions{Root: t.TempDir()}); err == nil {
		t.Error("a target outside of the root")
	}
}
