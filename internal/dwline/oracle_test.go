package dwline

import (
	"debug/dwarf"
	"debug/elf"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

// files are more files to compare with debug/dwarf: go test ./internal/dwline -run Oracle -files a,b
var files = flag.String("files", "", "also compare these ELF files, separated by commas")

// sections reads what dwline needs of an ELF file. debug/elf inflates and relocates.
func sections(t testing.TB, name string) *Sections {
	t.Helper()
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
	s := &Sections{
		Line: data(".debug_line"), LineStr: data(".debug_line_str"), Str: data(".debug_str"),
		Big: f.ByteOrder == binary.BigEndian, AddrSize: 8, Zero: f.Type == elf.ET_REL,
	}
	if f.Class == elf.ELFCLASS32 {
		s.AddrSize = 4
	}
	return s
}

const source = `
#include <stdio.h>
static inline __attribute__((always_inline)) int twice(int x) {
	int y = x + x;
	if (y > 10)
		y -= 3;
	return y;
}
int table[16];
__attribute__((noinline)) int loop(int n) {
	int sum = 0;
	for (int i = 0; i < n; i++) {
		sum += twice(table[i & 15] + i);
		switch (sum & 3) { case 0: sum += 2; break; case 1: sum ^= 5; break; default: sum--; }
	}
	return sum;
}
__attribute__((cold, noinline)) void never(void) { puts("cold"); }
int main(int argc, char **argv) {
	if (argc > 3)
		never();
	return loop(argc) + twice(argc);
}
`

// compile builds the source below, or skips. The directory is the compilation's too.
func compile(t testing.TB, cc string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(skip.Tool(t, cc), append(args, "-o", "prog", "sub/main.c")...)
	cmd.Dir = dir
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sub", "main.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "prog")
}

// Rows and paths are those of the standard library's reader, but for dead sequences.
func TestOracle(t *testing.T) {
	for _, cc := range []string{"gcc", "clang"} {
		for _, v := range []string{"2", "3", "4", "5"} {
			for _, o := range []string{"-O0", "-O2"} {
				t.Run(cc+"-gdwarf-"+v+o, func(t *testing.T) {
					args := []string{"-gdwarf-" + v, o, "-ffunction-sections"}
					if cc == "gcc" && v == "5" && o == "-O2" {
						args = append(args, "-gdwarf64")
					}
					if rows := oracle(t, compile(t, cc, args...)); rows < 30 {
						t.Errorf("%d rows", rows)
					}
				})
			}
		}
	}
	for name := range strings.SplitSeq(*files, ",") {
		if name != "" {
			t.Run(filepath.Base(name), func(t *testing.T) { t.Log(oracle(t, name), "rows") })
		}
	}
}

// oracle compares a file, and returns how many rows there are.
func oracle(t *testing.T, name string) (rows int) {
	f, err := elf.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := f.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	s := sections(t, name)
	r := d.Reader()
	seen := map[uint64]bool{}
	for {
		e, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if e == nil {
			break
		}
		r.SkipChildren()
		off, ok := e.Val(dwarf.AttrStmtList).(int64)
		lr, err := d.LineReader(e)
		if err != nil || !ok || lr == nil || seen[uint64(off)] {
			continue
		}
		seen[uint64(off)] = true
		compDir, _ := e.Val(dwarf.AttrCompDir).(string)
		table, err := s.Table(uint64(off))
		if err != nil {
			t.Fatal(err)
		}
		rows += compare(t, table, lr, compDir)
	}
	return rows
}

func compare(t *testing.T, table *Table, lr *dwarf.LineReader, compDir string) (rows int) {
	fs, err := table.Files()
	if err != nil {
		t.Fatal(err)
	}
	paths := make([]string, fs.End())
	for i := fs.First(); i < fs.End(); i++ {
		if paths[i], err = fs.Path(i, compDir); err != nil {
			t.Fatal(err)
		}
		// The standard library cleans what it joins, and of version 5 leaves directories relative.
		got, want := filepath.Clean(paths[i]), filepath.Clean(lr.Files()[i].Name)
		for strings.HasPrefix(want, "../") {
			want = want[3:]
		}
		if got != want && !strings.HasSuffix(got, "/"+want) {
			t.Fatalf("table 0x%x file %d is %s, want %s", table.Off, i, got, want)
		}
	}
	var want []dwarf.LineEntry
	var e dwarf.LineEntry
	begin, top := 0, ^uint64(0)>>(64-8*table.AddrSize)
	for {
		if err := lr.Next(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if want = append(want, e); e.EndSequence {
			if first := want[begin].Address; first == 0 && !table.s.Zero || first == top {
				want = want[:begin]
			}
			begin = len(want)
		}
	}
	for row, err := range table.Rows() {
		if err != nil {
			t.Fatalf("table 0x%x: %v", table.Off, err)
		}
		if rows == len(want) {
			t.Fatalf("table 0x%x: more than %d rows", table.Off, rows)
		}
		w := want[rows]
		rows++
		if row.EndSequence != w.EndSequence || row.Addr != w.Address {
			t.Fatalf("table 0x%x: row %d is %+v, want %+v", table.Off, rows-1, row, w)
		}
		if row.EndSequence {
			continue
		}
		got := dwarf.LineEntry{
			Address: row.Addr, OpIndex: int(row.OpIndex), File: w.File, Line: int(row.Line), Column: int(row.Column),
			IsStmt: row.IsStmt, BasicBlock: row.BasicBlock, PrologueEnd: row.PrologueEnd, EpilogueBegin: row.EpilogueBegin,
			ISA: int(row.ISA), Discriminator: int(row.Discriminator),
		}
		if got != w || w.File != lr.Files()[row.File] {
			t.Fatalf("table 0x%x: row %d is %+v, want %+v", table.Off, rows-1, row, w)
		}
	}
	if rows != len(want) {
		t.Fatalf("table 0x%x: %d rows, want %d", table.Off, rows, len(want))
	}
	covered(t, table, want)
	return rows
}

// covered holds Sequences to the rows, and At to a scan of them.
func covered(t *testing.T, table *Table, want []dwarf.LineEntry) {
	seqs, err := table.Sequences()
	if err != nil {
		t.Fatal(err)
	}
	var ranges [][2]uint64
	begin := 0
	for i, e := range want {
		if e.EndSequence {
			if want[begin].Address < e.Address {
				ranges = append(ranges, [2]uint64{want[begin].Address, e.Address})
			}
			begin = i + 1
		}
	}
	slices.SortStableFunc(ranges, func(a, b [2]uint64) int { return int(int64(a[0] - b[0])) })
	if len(seqs) != len(ranges) {
		t.Fatalf("%d sequences, want %d", len(seqs), len(ranges))
	}
	for i, q := range seqs {
		if q.Low != ranges[i][0] || q.High != ranges[i][1] {
			t.Fatalf("sequence %d is %x to %x, want %x", i, q.Low, q.High, ranges[i])
		}
		n := 0
		var first Row
		for r, err := range table.RowsOf(q) {
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				first = r
			}
			n++
		}
		if n < 2 || first.Addr != q.Low {
			t.Fatalf("sequence %d: %d rows, the first at %x, not %x", i, n, first.Addr, q.Low)
		}
	}
	for i := 0; i+1 < len(want); i += 1 + len(want)/7 {
		if e, next := want[i], want[i+1]; !e.EndSequence && e.Address < next.Address {
			row, end, ok, err := table.At(e.Address, seqs...)
			if err != nil || !ok || int(row.Line) != e.Line || end != next.Address {
				t.Fatalf("At(0x%x) = %+v, %x, %v, %v; want line %d to %x", e.Address, row, end, ok, err, e.Line, next.Address)
			}
		}
	}
}

// eu-addr2line and we name the same file and line for addresses all over a file. (That of binutils 2.40
// names the unit's own file for functions from a header file in DWARF 5.)
func TestAddr2line(t *testing.T) {
	tool := skip.Tool(t, "eu-addr2line")
	names := []string{compile(t, "gcc", "-g", "-O2"), compile(t, "clang", "-g", "-gdwarf-aranges", "-O2")}
	for name := range strings.SplitSeq(*files, ",") {
		if name != "" {
			names = append(names, name)
		}
	}
	for _, name := range names {
		s := sections(t, name)
		x, err := s.NewIndex()
		if err != nil {
			t.Fatal(err)
		}
		var in strings.Builder
		var addrs []uint64
		for i := 0; i < x.Len(); i += 1 + x.Len()/200 {
			q := x.spans[i]
			for a := q.Low; a < q.High; a += 1 + (q.High-q.Low)/5 {
				addrs = append(addrs, a)
				fmt.Fprintf(&in, "0x%x\n", a)
			}
		}
		cmd := exec.Command(tool, "-e", name)
		cmd.Stdin = strings.NewReader(in.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		differ := 0
		for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			hits, err := x.Locate(addrs[i])
			if err != nil || len(hits) == 0 {
				t.Errorf("%s: 0x%x: %d hits, %v", name, addrs[i], len(hits), err)
				continue
			}
			if again, err := s.Locate(addrs[i]); i%16 == 0 && (err != nil || len(again) == 0 || again[0].Row != hits[0].Row) {
				t.Errorf("%s: 0x%x: %+v, then %+v, %v", name, addrs[i], hits, again, err)
			}
			want, _, _ := strings.Cut(line, " ") // " (discriminator 2)"
			// Of several (a thunk that many units have, and the linker kept one of) it names one.
			var got []string
			for _, h := range hits {
				fs, err := h.Table.Files()
				if err != nil {
					t.Fatal(err)
				}
				e, err := fs.File(h.File)
				if err != nil {
					t.Fatal(err)
				}
				at := fmt.Sprintf("%s:%d", filepath.Base(e.Name), h.Line)
				if h.Column != 0 {
					at += fmt.Sprintf(":%d", h.Column)
				}
				got = append(got, at)
			}
			if !slices.Contains(got, filepath.Base(want)) {
				differ++
				if differ < 10 {
					t.Logf("%s: 0x%x is %s, addr2line says %s", name, addrs[i], got, line)
				}
			}
		}
		if differ > 0 {
			t.Errorf("%s: %d of %d addresses differ", name, differ, len(addrs))
		}
		t.Logf("%s: %d of %d differ", filepath.Base(name), differ, len(addrs))
	}
}
