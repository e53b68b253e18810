package dwarfinfo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
)

// inOrder says of .debug_info that it is best read from its start, as of one that
// is inflated, and counts what is read of it.
type inOrder struct {
	dwarfinfo.Sections
	reads *int
}

type inOrderSection struct {
	dwarfinfo.Section
	reads *int
}

func (inOrderSection) Sequential() bool { return true }

func (s inOrderSection) ReadAt(p []byte, off int64) (int, error) {
	*s.reads++
	return s.Section.ReadAt(p, off)
}

func (s inOrder) Section(name string) (dwarfinfo.Section, error) {
	sec, err := s.Sections.Section(name)
	if name == ".debug_info" && sec != nil {
		return inOrderSection{sec, s.reads}, err
	}
	return sec, err
}

// A compressed file and another have the same lines; of DWARF 5, without a look
// at .debug_info.
func TestLineAlone(t *testing.T) {
	source := `
static inline __attribute__((always_inline)) int twice(int x) { return x * 2; }
int other(int x) { return twice(x) + 1; }
static int (*volatile p)(int) = other;
int main(int argc, char **argv)
{
	int sum = 0;
	for (int i = 0; i < argc; i++)
		sum += p(i) + twice(argc);
	return sum;
}
`
	for _, version := range []string{"4", "5"} {
		t.Run("DWARF "+version, func(t *testing.T) {
			f, err := elfsym.Open(build(t, "gcc", "prog.c", source, "-O2", "-gdwarf-"+version))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s, c := dwarfinfo.FromELF(f)
			plain, err := dwarfinfo.New(s, c)
			if err != nil {
				t.Fatal(err)
			}
			reads := 0
			ordered, err := dwarfinfo.New(inOrder{s, &reads}, c)
			if err != nil {
				t.Fatal(err)
			}
			var addrs []elfsym.Addr
			for fn, err := range plain.Funcs() {
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range fn.Ranges {
					for a := r.Low; a < r.High; a++ {
						addrs = append(addrs, a)
					}
				}
			}
			if len(addrs) < 20 {
				t.Fatalf("%d addresses", len(addrs))
			}
			addrs = append(addrs, 0, 1, addrs[0]-1, 1<<40)
			lines := map[string]bool{}
			for _, a := range addrs {
				file, line, err := plain.LineAt(a)
				want := fmt.Sprint(file, line, err)
				file, line, err = ordered.LineAt(a)
				if got := fmt.Sprint(file, line, err); got != want {
					t.Errorf("%#x: %s, want %s", a, got, want)
				}
				lines[want] = true
			}
			if len(lines) < 5 {
				t.Error(lines)
			}
			reads = 0
			if _, _, err := ordered.LineAt(addrs[0]); err != nil || version == "5" && reads > 0 {
				t.Error(reads, err)
			}
		})
	}
}

// What was written in assembler has lines, and no functions in .debug_info.
func TestLineOfAssembler(t *testing.T) {
	source := ".text\n.globl _start\n.type _start, @function\n_start:\n\tnop\n\tnop\n\tud2\n.size _start, .-_start\n"
	f, err := elfsym.Open(build(t, "gcc", "start.s", source, "-nostdlib", "-static", "-Wa,-gdwarf-5"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := dwarfinfo.New(dwarfinfo.FromELF(f))
	if err != nil {
		t.Fatal(err)
	}
	file, line, err := d.LineAt(elfsym.Addr(f.Entry()) + 1)
	if err != nil || line != 6 || !strings.HasSuffix(file, "start.s") {
		t.Errorf("%q:%d, %v", file, line, err)
	}
}
