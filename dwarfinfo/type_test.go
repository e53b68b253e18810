package dwarfinfo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
)

const typeSource = `
#include <stddef.h>
struct foo { int a; struct foo *next; };
union un { int i; float f; };
enum color { RED, GREEN = 7 };
typedef int (*compare_t)(const void *, const void *);
struct all {
	const char *s;
	int (*fp)(void *, size_t);
	char name[16];
	struct foo *f;
	const char *const *argv;
	int grid[3][4];
	int (*row)[4];
	char *ptrs[5];
	void (*(*sig)(int, void (*)(int)))(int);
	int (*table[2])(void);
	int (*old)();
	int (*va)(const char *, ...);
	volatile unsigned long v;
	char *restrict r;
	compare_t cmp;
	enum color c;
	_Bool flag;
	double _Complex z;
	const volatile int cv;
	struct { int x, y; } pos;
	union { int i1; char c1; };
	unsigned b1 : 3, b2 : 7;
	long long wide : 40;
	char *const cp;
	char rest[];
};
struct all *keep;
union un u; enum color col; compare_t cmp;
int main(void) { return keep != 0; }
`

var typeWant = map[string]string{
	"s": "const char *", "fp": "int (*)(void *, size_t)", "name": "char [16]", "f": "struct foo *", "argv": "const char * const *",
	"grid": "int [3][4]", "row": "int (*)[4]", "ptrs": "char *[5]", "sig": "void (*(*)(int, void (*)(int)))(int)", "table": "int (*[2])(void)",
	"old": "int (*)()", "va": "int (*)(const char *, ...)", "v": "volatile unsigned long", "r": "char * restrict", "cmp": "compare_t",
	"c": "enum color", "flag": "_Bool", "z": "complex double", "cv": "const volatile int", "pos": "struct {...}", "": "union {...}", "cp": "char * const", "rest": "char []",
	"b1": "unsigned int", "b2": "unsigned int", "wide": "long long",
}

// one is the type of a name, of which there must be one.
func one(t testing.TB, d *dwarfinfo.Data, name string) *dwarfinfo.Type {
	t.Helper()
	var all []*dwarfinfo.Type
	for typ, err := range d.TypeNamed(name) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, typ)
	}
	if len(all) != 1 {
		t.Fatalf("%d types are named %q: %v", len(all), name, all)
	}
	return all[0]
}

func TestTypesOfC(t *testing.T) {
	for _, tool := range []string{"gcc", "clang"} {
		for _, v := range []string{"-gdwarf-3", "-gdwarf-4", "-gdwarf-5", "-gdwarf-4 -fdebug-types-section"} {
			t.Run(tool+v, func(t *testing.T) {
				d := open(t, build(t, tool, "a.c", typeSource, strings.Fields(v)...))
				s := one(t, d, "struct all")
				if s.String() != "struct all" || s.Kind != dwarfinfo.Struct {
					t.Errorf("%v is a %v", s, s.Kind)
				}
				fs, err := s.Fields()
				if err != nil || len(fs) != len(typeWant) {
					t.Fatalf("%d fields, %v", len(fs), err)
				}
				end := int64(0)
				for _, f := range fs {
					got := f.Type.String()
					switch {
					case tool == "clang" && f.Name == "z": // clang calls it "complex"
						got += " double"
					case tool == "clang" && f.Name == "old" && got == "int (*)(void)":
						got = "int (*)()"
					}
					if got != typeWant[f.Name] {
						t.Errorf("%s is %q, not %q", f.Name, got, typeWant[f.Name])
					}
					if f.Offset < end-8 || f.Offset > s.Size() {
						t.Errorf("%s is at %d", f.Name, f.Offset)
					}
					end = f.Offset
				}
				bits := ""
				for _, f := range fs {
					if f.BitSize > 0 {
						bits += fmt.Sprintf("%s %d:%d ", f.Name, f.BitOffset-fs[21].BitOffset, f.BitSize)
					}
				}
				if bits != "b1 0:3 b2 3:7 wide 10:40 " && bits != "b1 0:3 b2 3:7 wide 64:40 " {
					t.Errorf("bit-fields are %s", bits)
				}
				if d := fs[1].Type.Declare("fp"); d != "int (*fp)(void *, size_t)" {
					t.Errorf("declared as %s", d)
				}
				if got := fs[3].Type.Strip().Elem().Strip(); got.Size() != 16 {
					t.Errorf("%v has %d bytes", got, got.Size())
				}
				es, err := one(t, d, "enum color").Enumerators()
				if err != nil || len(es) != 2 || es[1] != (dwarfinfo.Enumerator{Name: "GREEN", Value: 7}) {
					t.Errorf("%v, %v", es, err)
				}
			})
		}
	}
}
