package dwloc

import (
	"bufio"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// files are more files to compare: go test ./internal/dwloc -run Oracle -files a,b
var files = flag.String("files", "", "also compare these ELF files, separated by commas")

const source = `
#include <stdio.h>
#include <stdlib.h>
__thread int local;
struct P { int x, y; double d; };
int table[16];
static int helper(int a, char *b) { return a + b[0]; }
__attribute__((noinline)) int loop(int n, struct P p, const char *s) {
	int sum = 0; struct P q = p; q.x += n; int unused = n * 4;
	for (int i = 0; i < n; i++) { int *ptr = &table[i & 15]; sum += *ptr + q.x + helper(i, (char *)s); local += sum; }
	printf("%d %s\n", sum, s);
	return sum + (int)p.d;
}
int main(int argc, char **argv) { struct P p = {argc, 2, 3.5}; return loop(argc, p, argv[0]) + atoi(argv[0]); }
`

// Lists and expressions are those that llvm-dwarfdump prints: every range, operation and number.
func TestOracle(t *testing.T) {
	dump := skip.Tool(t, "llvm-dwarfdump")
	dir := t.TempDir()
	src := filepath.Join(dir, "a.c")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, cc := range []string{"gcc", "clang"} {
		for _, v := range []string{"-gdwarf-2", "-gdwarf-4", "-gdwarf-5"} {
			t.Run(cc+v, func(t *testing.T) {
				prog := filepath.Join(dir, cc+v)
				if out, err := exec.Command(skip.Tool(t, cc), v, "-O2", "-o", prog, src).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				if lists, single := oracle(t, dump, prog); lists < 5 || single < 1 {
					t.Errorf("%d lists, %d expressions", lists, single)
				}
			})
		}
	}
	for name := range strings.SplitSeq(*files, ",") {
		if name != "" {
			t.Run(filepath.Base(name), func(t *testing.T) {
				lists, single := oracle(t, dump, name)
				t.Logf("%s: %d lists, %d expressions; kinds so far %v", name, lists, single, kinds)
			})
		}
	}
}

var (
	unitLine   = regexp.MustCompile(`^0x[0-9a-f]+: \w+ Unit: .*format = DWARF(\d+), version = 0x0*(\d+).*addr_size = 0x0*(\d+)`)
	lowLine    = regexp.MustCompile(`DW_AT_low_pc\s+\(0x([0-9a-f]+)\)`)
	addrLine   = regexp.MustCompile(`DW_AT_(?:GNU_)?addr_base\s+\(0x([0-9a-f]+)\)`)
	listsLine  = regexp.MustCompile(`DW_AT_loclists_base\s+\(0x([0-9a-f]+)\)`)
	listLine   = regexp.MustCompile(`(?:\(indexed \(0x([0-9a-f]+)\) loclist = |\()0x([0-9a-f]+): *$`)
	entryLine  = regexp.MustCompile(`^\s+\[0x([0-9a-f]+),\s+0x([0-9a-f]+)\)(?: "[^"]*")?: (.*?)\)?$`)
	singleLine = regexp.MustCompile(`DW_AT_(?:location|frame_base|call_value|GNU_call_site_value|call_target|GNU_call_site_target)\s+\((DW_OP.*)\)$`)
)

// oracle walks through what llvm-dwarfdump prints for a file.
func oracle(t *testing.T, dump, name string) (lists, single int) {
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data := func(name string) []byte {
		if s := f.Section(name); s != nil {
			b, err := s.Data()
			if err != nil {
				t.Fatal(err)
			}
			return b
		}
		return nil
	}
	v4, v5 := &Lists{Data: data(".debug_loc")}, &Lists{Data: data(".debug_loclists"), Addr: data(".debug_addr")}
	cmd := exec.Command(dump, name)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewScanner(out)
	in.Buffer(nil, 1<<20)
	u := &Unit{}
	top, bad := false, 0
	var want []string
	var off uint64
	flush := func() {
		if want == nil {
			return
		}
		lists++
		s := v4
		if u.Version >= 5 {
			s = v5
		}
		var got []string
		for e, err := range s.All(u, off) {
			if err != nil {
				t.Fatalf("list 0x%x: %v", off, err)
			}
			// A list's empty ranges are printed by none.
			ops, err := Decode(e.Expr, u.Encoding)
			if err != nil {
				t.Fatalf("list 0x%x: %v", off, err)
			}
			reduceAll(t, e.Expr, u, f)
			got = append(got, fmt.Sprintf("%x %x %s", e.Low, e.High, flat(ops, u)))
		}
		if !same(got, want) && bad < 5 {
			bad++
			t.Errorf("list 0x%x of %s: got\n%s\nwant\n%s", off, name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		want = nil
	}
	for in.Scan() {
		line := in.Text()
		if m := entryLine.FindStringSubmatch(line); m != nil && want != nil {
			low, _ := strconv.ParseUint(m[1], 16, 64)
			high, _ := strconv.ParseUint(m[2], 16, 64)
			want = append(want, fmt.Sprintf("%x %x %s", low, high, theirs(m[3])))
			continue
		}
		flush()
		if m := unitLine.FindStringSubmatch(line); m != nil {
			u = &Unit{}
			u.Big = f.ByteOrder == binary.BigEndian
			u.Is64 = m[1] == "64"
			u.Version, _ = strconv.Atoi(m[2])
			u.AddrSize, _ = strconv.Atoi(m[3])
			top = true
			continue
		}
		if strings.Contains(line, ":   DW_TAG_") || strings.Contains(line, ":     DW_TAG") {
			top = false
		}
		if top {
			for _, a := range []struct {
				re *regexp.Regexp
				v  *uint64
			}{{lowLine, &u.Base}, {addrLine, &u.AddrBase}, {listsLine, &u.ListsBase}} {
				if m := a.re.FindStringSubmatch(line); m != nil {
					*a.v, _ = strconv.ParseUint(m[1], 16, 64)
				}
			}
		}
		if m := listLine.FindStringSubmatch(line); m != nil && strings.Contains(line, "DW_AT_") {
			off, _ = strconv.ParseUint(m[2], 16, 64)
			want = []string{}
			if m[1] != "" {
				n, _ := strconv.ParseUint(m[1], 16, 64)
				if o, err := v5.Offset(u, n); err != nil || o != off {
					t.Errorf("list %d is at 0x%x, %v; want 0x%x", n, o, err, off)
				}
			}
			continue
		}
		if singleLine.MatchString(line) {
			single++
		}
	}
	flush()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return lists, single
}

// reduceAll reduces an expression of a compiler: none is damaged.
func reduceAll(t *testing.T, expr []byte, u *Unit, f *elf.File) {
	c := &Context{Encoding: u.Encoding, Machine: f.Machine, Class: f.Class, FrameBase: []byte{opCallFrameCFA}}
	l, err := Reduce(expr, c)
	if err != nil && strings.Contains(err.Error(), "form_tls_address of an empty stack") {
		return // GCC 12 writes it in front of the offset now and then
	}
	if err != nil {
		t.Fatalf("% x: %v", expr, err)
	}
	if l.String() == "" {
		t.Fatalf("% x: no text", expr)
	}
	kinds[l.Kind]++
	if l.Kind == Complex {
		complexes[l.String()]++
	}
}

var (
	kinds     = map[Kind]int{}
	complexes = map[string]int{}
)

// flat is an expression as names and numbers.
func flat(ops []Op, u *Unit) string {
	var parts []string
	for _, o := range ops {
		s := o.Code.String()
		switch o.Code {
		case opEntryValue, opGNUEntryValue:
			inner, err := Decode(o.Block, u.Encoding)
			if err != nil {
				return err.Error()
			}
			parts = append(parts, s, flat(inner, u))
			continue
		case opImplicitValue:
			s += fmt.Sprintf(" %d", len(o.Block))
		case opConvert, opGNUConvert, opReinterpret, opGNUReinterpret, opDerefType, opGNUDerefType, // of types it prints the place in the section
			opConstType, opGNUConstType, opImplicitPointer, opGNUImplicitPtr, opRegvalType, opGNURegvalType, opGNUParameterRef:
		default:
			for i, v := range []uint64{o.A, o.B} {
				if a := o.Code.args()[i]; a != none && !(i == 0 && (o.Code == opRegx || o.Code == opBregx)) {
					s += fmt.Sprintf(" %d", int64(v))
				}
			}
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

var (
	quoted   = regexp.MustCompile(` ?"[^"]*"`)
	register = regexp.MustCompile(` ([A-Z][A-Z0-9_]*|[a-z]+[0-9]+)\b`)
	num      = regexp.MustCompile(`[+-]?(0x[0-9a-f]+|\d+)`)
)

// theirs is llvm-dwarfdump's text of an expression, likewise.
func theirs(s string) string {
	s = quoted.ReplaceAllString(s, "")
	s = strings.NewReplacer("DW_OP_entry_value(", "DW_OP_entry_value, ", "DW_OP_GNU_entry_value(", "DW_OP_GNU_entry_value, ", ")", "", "(", "").Replace(s)
	if s == "" || s == "<empty>" {
		return ""
	}
	// LLVM 14 has no implicit_pointer.
	s, _, cut := strings.Cut(s, "<decoding error>")
	var parts []string
	for _, p := range strings.Split(s, ", ") {
		name, rest, _ := strings.Cut(p, " ")
		switch strings.TrimPrefix(strings.TrimPrefix(name, "DW_OP_"), "GNU_") {
		case "const_type", "implicit_pointer", "regval_type", "parameter_ref", "convert", "reinterpret", "deref_type":
			rest = ""
		case "implicit_value":
			rest, _, _ = strings.Cut(rest, " ")
		case "regx":
			rest = ""
		}
		for _, x := range num.FindAllString(register.ReplaceAllString(" "+rest, " "), -1) {
			v, err := strconv.ParseInt(x, 0, 64)
			if err != nil {
				w, _ := strconv.ParseUint(x, 0, 64)
				v = int64(w)
			}
			name += fmt.Sprintf(" %d", v)
		}
		parts = append(parts, name)
	}
	if cut {
		return strings.TrimSuffix(strings.Join(parts, ", "), ", ") + cutMark
	}
	return strings.Join(parts, ", ")
}

// cutMark stands where llvm-dwarfdump gave up.
const cutMark = " …"

// same compares line by line, as far as llvm-dwarfdump got in each.
func same(got, want []string) bool {
	if len(got) != len(want) {
		return false
	}
	for i, w := range want {
		if p, ok := strings.CutSuffix(w, cutMark); got[i] != w && !(ok && strings.HasPrefix(got[i], strings.TrimRight(p, ", "))) {
			return false
		}
	}
	return true
}
