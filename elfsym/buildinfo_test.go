package elfsym_test

import (
	"bytes"
	"debug/elf"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// The one Go program that is always there is the test itself.
func TestGoVersionSelf(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := elfsym.Open(self)
	if err != nil {
		if runtime.GOOS == "darwin" || runtime.GOOS == "windows" {
			skip.Now(t, "needs programs that are ELF files")
		}
		t.Fatal(err)
	}
	defer f.Close()
	if got := f.GoVersion(); !strings.HasPrefix(runtime.Version(), got) || got == "" {
		t.Errorf("built by %q, want %q", got, runtime.Version())
	}
	info, err := f.GoBuildInfo()
	if err != nil || info == nil || info.GoVersion != f.GoVersion() {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestGoVersionNone(t *testing.T) {
	for _, name := range testbin.All(t) {
		if got := open(t, name).GoVersion(); got != "" {
			t.Errorf("%s was built by %s", name, got)
		}
	}
}

// Thousands of segments that mean the same bytes, in which there are thousands
// of magic texts with nothing behind.
func TestGoVersionHostile(t *testing.T) {
	magic := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	data := bytes.Repeat(magic, 10_000)
	w := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
	for i := range 5000 {
		w.Segments = append(w.Segments, elfwrite.Segment{Type: elf.PT_LOAD, Flags: rw, Vaddr: uint64(i) << 24, Filesz: uint64(len(data)), Memsz: uint64(len(data))})
	}
	w.Segments[0].Bytes = data
	at := parse(t, w.Bytes()).Segments().All()[0].Offset
	for i := range w.Segments[1:] {
		w.Segments[i+1].Offset = uint64(at)
	}
	b := w.Bytes()
	c := &counter{r: bytes.NewReader(b)}
	f, err := elfsym.NewFile(c, int64(len(b)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.GoVersion(); got != "" {
		t.Errorf("built by %q", got)
	}
	if c.bytes > 10*len(b) {
		t.Errorf("%d bytes were read of a file of %d", c.bytes, len(b))
	}
}
