package dwarfinfo_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
)

const inlineSource = `#include <stdlib.h>
volatile int sink;
static inline __attribute__((always_inline)) void inner(int a) {
	sink = a;
}
static inline __attribute__((always_inline)) void outer(int a) {
	inner(a + 1);
}
__attribute__((noinline)) void direct(int a) {
	inner(a);
}
__attribute__((noinline)) void nested(int a) {
	outer(a);
	if (a == 77)
		abort();
}
int main(int argc, char **argv) { direct(argc); nested(argc); return 0; }
`

// Inlined finds every copy, and Frames at its first address tells the same story
// from the other end, and the same as addr2line's.
func TestInlined(t *testing.T) {
	for _, c := range []struct{ tool, flags string }{
		{"gcc", "-gdwarf-2 -O1"}, {"gcc", "-gdwarf-4 -O1"}, {"gcc", "-gdwarf-5 -O2"}, {"clang", "-gdwarf-4 -O2"}, {"clang", "-gdwarf-5 -O2"},
	} {
		d := open(t, build(t, c.tool, "inline.c", inlineSource, strings.Fields(c.flags)...))
		var got []string
		for in, err := range d.Inlined("inner", "outer") {
			if err != nil || in.Err != nil {
				t.Fatal(err, in)
			}
			if !in.Into.Contains(in.Entry) || filepath.Base(in.File) != "inline.c" {
				t.Errorf("%+v is not in %+v", in, in.Into)
			}
			got = append(got, fmt.Sprintf("%s<%s<%s:%d", in.Name, in.CallerName(), in.Into.Name, in.Line))
			frames, err := d.Frames(in.Ranges[0].Low)
			if err != nil || len(frames) < 2 {
				t.Errorf("%s %s: frames at 0x%x: %+v, %v", c.tool, c.flags, uint64(in.Entry), frames, err)
				continue
			}
			i := slices.IndexFunc(frames, func(f dwarfinfo.Frame) bool { return f.Name == in.Name })
			if i < 0 || frames[i+1].Line != in.Line || frames[i+1].File != in.File || !frames[i].Inlined() || frames[len(frames)-1].Func.Entry != in.Into.Entry {
				t.Errorf("%s %s: frames at %s: %+v", c.tool, c.flags, in.Name, frames)
			}
			if f := frames[0]; f.Name == "inner" && f.Line != 4 {
				t.Errorf("%s %s: the innermost is at %s:%d", c.tool, c.flags, f.File, f.Line)
			}
		}
		slices.Sort(got)
		want := "inner<direct<direct:10 inner<outer<nested:7 outer<nested<nested:13"
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s %s: inlined\n%s\nwant\n%s", c.tool, c.flags, g, want)
		}
		for f := range d.Lookup("direct") {
			for in, err := range f.Inlined() {
				if err != nil || c.tool == "gcc" && in.Into.Name != "main" {
					t.Errorf("%s was inlined: %+v, %v", f.Name, in, err)
				}
			}
			file, err := f.DeclFile()
			if err != nil || filepath.Base(file) != "inline.c" || !filepath.IsAbs(file) || f.Line != 9 {
				t.Errorf("direct is declared at %s:%d, %v", file, f.Line, err)
			}
		}
	}
}

func TestFramesNowhere(t *testing.T) {
	d := open(t, build(t, "gcc", "inline.c", inlineSource, "-g"))
	for _, a := range []elfsym.Addr{0, 1, 1 << 40, ^elfsym.Addr(0)} {
		if f, err := d.Frames(a); len(f) != 0 || err != nil {
			t.Errorf("at 0x%x: %+v, %v", uint64(a), f, err)
		}
	}
}
