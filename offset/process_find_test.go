//go:build linux

package offset

import (
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

// A name means a mapped file as a loader or a person has it.
func TestProcessFind(t *testing.T) {
	f := newFakeProc(t)
	named := func(name, from string) {
		path := filepath.Join(t.TempDir(), name)
		f.must(os.WriteFile(path, testbin.Read(t, from), 0o755))
		f.load(path)
	}
	named("libtestbin.so.7.1", "amd64/libtestbin.so") // its SONAME is libtestbin.so
	named("libone.so.1", "amd64/rust-v0.so")
	named("libone.so.2", "amd64/rust-legacy.so")
	named("prog", "amd64/probe-pie")
	p := f.open(nil)
	for name, want := range map[string]string{
		"prog": "prog", "libone": "libone.so.1 libone.so.2", "one": "libone.so.1 libone.so.2", "libone.so.2": "libone.so.2", "lib*": "libtestbin.so.7.1 libone.so.1 libone.so.2",
		"libtestbin.so": "libtestbin.so.7.1", "libtestbin": "libtestbin.so.7.1", "testbin": "libtestbin.so.7.1", "libnothing": "", "libone.so.3": "", "": "",
	} {
		var got []string
		for _, o := range p.Find(name) {
			got = append(got, filepath.Base(o.MappedPath))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %v, want %s", name, got, want)
		}
	}
	res, err := p.Resolve(t.Context(), Func("lib_func").In("testbin"), Func("lib_func").In("libone"), Func("lib_func").In("nothing"))
	if err != nil || res[0].Err != nil || len(res[0].Locations) != 1 || res[1].Err == nil || !strings.Contains(res[2].Err.Error(), "no file nothing") {
		t.Errorf("%+v, %v", res, err)
	}
}

// Two segments of code that share a page of the file: each mapping has bytes of the other
// one, which say nothing about where the file is.
func TestProcessSharedPage(t *testing.T) {
	w := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_DYN, Sections: []elfwrite.Section{
		{Name: ".text", Type: elf.SHT_PROGBITS, Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Bytes: make([]byte, 0x4000)},
	}}
	segment := func(off, size, addr uint64) {
		w.Segments = append(w.Segments, elfwrite.Segment{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Edit: func(p *elf.Prog64) {
			p.Off, p.Filesz, p.Memsz, p.Vaddr, p.Align = off, size, size, addr, 0x1000
		}})
	}
	segment(0, 0x1800, 0)
	segment(0x1800, 0x1000, 0x3800)
	file := filepath.Join(t.TempDir(), "shared.so")
	if err := os.WriteFile(file, w.Bytes(), 0o755); err != nil {
		t.Fatal(err)
	}
	f := newFakeProc(t)
	bias := f.load(file)
	o := f.open(nil).objects[0]
	if got := o.Biases(); o.Err != nil || len(got) != 1 || got[0] != bias {
		t.Errorf("biases %x, want %x (%v)", got, bias, o.Err)
	}
	for at, want := range map[uint64]uint64{0x1000: 0x1000, 0x3900: 0x3900} {
		if a, err := o.Addr(bias + at); err != nil || uint64(a) != want {
			t.Errorf("0x%x: 0x%x, %v", at, a, err)
		}
	}
}

// With hidepid, /proc has no directory for a process of somebody else, which is not the
// same as no process.
func TestProcessHidden(t *testing.T) {
	f := newFakeProc(t)
	p, err := openProcess(t.Context(), f.proc, os.Getpid(), nil)
	if p != nil || !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrNoProcess) || !strings.Contains(err.Error(), "hidepid") {
		t.Errorf("%v", err)
	}
	if _, err = openProcess(t.Context(), f.proc, 1<<30, nil); !errors.Is(err, ErrNoProcess) {
		t.Errorf("%v", err)
	}
}
