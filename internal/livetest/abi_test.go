package livetest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"

	"github.com/probels/probels/internal/abi"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt/operand"
)

const (
	regsSize  = 21 * 8 // x86-64's struct pt_regs
	stackSize = 1024
	rspOffset = 19 * 8
)

// A snapshot is an eBPF program that keeps, by the probe's cookie, the registers and the top of the
// stack of the last hit.
type snapshot struct {
	m     *ebpf.Map
	prog  *ebpf.Program
	multi bool // it is for many places at once (Linux 6.6): one after the other takes seconds
}

func newSnapshot(t *testing.T, probes int) *snapshot {
	t.Helper()
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	m, err := ebpf.NewMap(&ebpf.MapSpec{Name: "snapshot", Type: ebpf.Array, KeySize: 4, ValueSize: regsSize + stackSize, MaxEntries: uint32(probes)})
	if err != nil {
		t.Fatal(err)
	}
	ins := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.FnGetAttachCookie.Call(),
		asm.StoreMem(asm.RFP, -4, asm.R0, asm.Word),
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "end"),
		asm.Mov.Reg(asm.R7, asm.R0),
	}
	for off := int16(0); off < regsSize; off += 8 {
		ins = append(ins, asm.LoadMem(asm.R1, asm.R6, off, asm.DWord), asm.StoreMem(asm.R7, off, asm.R1, asm.DWord))
	}
	ins = append(ins,
		asm.Mov.Reg(asm.R1, asm.R7),
		asm.Add.Imm(asm.R1, regsSize),
		asm.Mov.Imm(asm.R2, stackSize),
		asm.LoadMem(asm.R3, asm.R6, rspOffset, asm.DWord),
		asm.FnProbeReadUser.Call(),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("end"),
		asm.Return(),
	)
	spec := &ebpf.ProgramSpec{Name: "snapshot", Type: ebpf.Kprobe, License: "GPL", Instructions: ins}
	multi := features.HaveBPFLinkUprobeMulti() == nil
	if multi {
		spec.AttachType = ebpf.AttachTraceUprobeMulti
	}
	p, err := ebpf.NewProgram(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(); m.Close() })
	return &snapshot{m, p, multi}
}

// attach probes functions of one file, at their entries or, ret, their returns, with cookies from first
// on, step apart.
func (s *snapshot) attach(t *testing.T, ls []offset.Location, first, step int, ret bool) {
	t.Helper()
	exe, err := link.OpenExecutable(ls[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	var o link.UprobeMultiOptions
	for i, l := range ls {
		o.Addresses = append(o.Addresses, uint64(l.Offset))
		o.Cookies = append(o.Cookies, uint64(first+i*step))
	}
	var links []link.Link
	add := func(l link.Link, err error) {
		if err != nil {
			t.Fatal(err)
		}
		links = append(links, l)
	}
	switch {
	case s.multi && ret:
		add(exe.UretprobeMulti(nil, s.prog, &o))
	case s.multi:
		add(exe.UprobeMulti(nil, s.prog, &o))
	default:
		attach := exe.Uprobe
		if ret {
			attach = exe.Uretprobe
		}
		for i, a := range o.Addresses {
			add(attach("", s.prog, &link.UprobeOptions{Address: a, Cookie: o.Cookies[i]}))
		}
	}
	t.Cleanup(func() {
		for _, l := range links {
			l.Close()
		}
	})
}

// taken is what one probe saw.
type taken struct{ regs, stack []byte }

func (s *snapshot) take(t *testing.T, cookie int) taken {
	t.Helper()
	var b []byte
	if err := s.m.Lookup(uint32(cookie), &b); err != nil {
		t.Fatal(err)
	}
	if binary.LittleEndian.Uint64(b[rspOffset:]) == 0 {
		t.Fatalf("probe %d was not hit", cookie)
	}
	return taken{b[:regsSize], b[regsSize:]}
}

func (s taken) memory(addr uint64) []byte {
	off := addr - binary.LittleEndian.Uint64(s.regs[rspOffset:])
	if off >= uint64(len(s.stack)) {
		return nil
	}
	return s.stack[off:]
}

// read puts a value together as its places say. ok[i] tells whether byte i could be read: vector
// registers are not in pt_regs.
func (s taken) read(v abi.Value, size int) (b []byte, ok []bool) {
	b, ok = make([]byte, size), make([]bool, size)
	put := func(from []byte, off, n int64) {
		for i := range n {
			if i < int64(len(from)) {
				b[off+i], ok[off+i] = from[i], true
			}
		}
	}
	for _, p := range v.Places {
		reg := p.Reg
		if p.Kind == operand.Memory {
			reg = p.Base
		}
		at, has := reg.PtRegs(elf.EM_X86_64)
		if !has {
			continue
		}
		slot := s.regs[at:][:8]
		switch {
		case p.Kind == operand.Memory:
			from := s.memory(binary.LittleEndian.Uint64(slot) + uint64(p.Disp))
			if v.Indirect {
				from = s.memory(binary.LittleEndian.Uint64(from))
			}
			put(from, p.Off, p.Size)
		case v.Indirect:
			put(s.memory(binary.LittleEndian.Uint64(slot)), p.Off, p.Size)
		default:
			put(slot, p.Off, p.Size)
		}
	}
	return b, ok
}

// An abiType is a C type, with the bytes of it that are passed, for padding is not.
type abiType struct {
	c    string
	t    *abi.Type
	pads map[int64]bool
}

func scalar(k abi.Kind, size int64) *abi.Type { return &abi.Type{Kind: k, Size: size} }

func record(size int64, fs ...abi.Field) *abi.Type {
	return &abi.Type{Kind: abi.Struct, Size: size, Fields: fs}
}

var (
	tChar, tInt, tLong = scalar(abi.Int, 1), scalar(abi.Int, 4), scalar(abi.Int, 8)
	tFloat, tDouble    = scalar(abi.Float, 4), scalar(abi.Float, 8)
)

var abiTypes = []abiType{
	{"char", tChar, nil}, {"int", tInt, nil}, {"long", tLong, nil}, {"ptr", scalar(abi.Pointer, 8), nil},
	{"float", tFloat, nil}, {"double", tDouble, nil}, {"int128", scalar(abi.Int, 16), nil},
	{"ldouble", scalar(abi.X87, 16), map[int64]bool{10: true, 11: true, 12: true, 13: true, 14: true, 15: true}},
	{"cdouble", &abi.Type{Kind: abi.Complex, Size: 16, Elem: tDouble}, nil},
	{"s3", &abi.Type{Kind: abi.Struct, Size: 3, Fields: []abi.Field{{Type: &abi.Type{Kind: abi.Array, Size: 3, Elem: tChar, Len: 3}}}}, nil},
	{"sll", record(16, abi.Field{Type: tLong}, abi.Field{Type: tLong, Offset: 8}), nil},
	{"sid", record(16, abi.Field{Type: tInt}, abi.Field{Type: tDouble, Offset: 8}), map[int64]bool{4: true, 5: true, 6: true, 7: true}},
	{"sff", record(8, abi.Field{Type: tFloat}, abi.Field{Type: tFloat, Offset: 4}), nil},
	{"sfi", record(8, abi.Field{Type: tFloat}, abi.Field{Type: tInt, Offset: 4}), nil},
	{"slll", record(24, abi.Field{Type: tLong}, abi.Field{Type: tLong, Offset: 8}, abi.Field{Type: tLong, Offset: 16}), nil},
	{"uni", &abi.Type{Kind: abi.Union, Size: 8, Fields: []abi.Field{{Type: tDouble}, {Type: tLong}}}, nil},
	{"packed", record(9, abi.Field{Type: tChar}, abi.Field{Type: tLong, Offset: 1}), nil},
	{"big", &abi.Type{Kind: abi.Struct, Size: 40, Fields: []abi.Field{{Type: &abi.Type{Kind: abi.Array, Size: 40, Elem: tLong, Len: 5}}}}, nil},
}

const abiTypedefs = `
typedef void *ptr; typedef __int128 int128; typedef long double ldouble; typedef _Complex double cdouble;
typedef struct { char c[3]; } s3; typedef struct { long a, b; } sll; typedef struct { int a; double b; } sid;
typedef struct { float a, b; } sff; typedef struct { float a; int b; } sfi; typedef struct { long a, b, c; } slll;
typedef union { double d; long l; } uni; typedef struct __attribute__((packed)) { char c; long l; } packed; typedef struct { long l[5]; } big;
`

// The values that C functions are called with, and return, are where the convention says that they are.
func TestABIC(t *testing.T) {
	const funcs = 48
	r := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 64*64)
	for i := range data {
		data[i] = byte(1 + r.IntN(120)) // neither 0 nor a NaN's or a huge exponent
	}
	sigs, rets := make([][]abiType, funcs), make([]abiType, funcs)
	var decl, body, calls strings.Builder
	offs := map[[2]int]int{}
	next := 0
	for i := range sigs {
		rets[i] = abiTypes[r.IntN(len(abiTypes))]
		var ps, as []string
		at := r.IntN(len(data) - 64)
		offs[[2]int{i, -1}] = at
		fmt.Fprintf(&calls, "\t{ %s r;", rets[i].c)
		for k := range r.IntN(9) {
			ty := abiTypes[r.IntN(len(abiTypes))]
			sigs[i] = append(sigs[i], ty)
			at := (next * 37) % (len(data) - 64)
			next++
			offs[[2]int{i, k}] = at
			fmt.Fprintf(&calls, " %s a%d; __builtin_memcpy(&a%d, data + %d, sizeof a%d);", ty.c, k, k, at, k)
			ps, as = append(ps, ty.c), append(as, fmt.Sprintf("a%d", k))
		}
		if ps == nil {
			ps = []string{"void"}
		}
		fmt.Fprintf(&decl, "%s f%d(%s);\n", rets[i].c, i, strings.Join(ps, ", "))
		named := make([]string, len(ps))
		for k, p := range ps {
			if named[k] = p; p != "void" {
				named[k] += fmt.Sprintf(" p%d", k)
			}
		}
		fmt.Fprintf(&body, "%s f%d(%s) { %s r; __asm__ volatile(\"\" ::: \"memory\"); __builtin_memcpy(&r, data + %d, sizeof r); return r; }\n",
			rets[i].c, i, strings.Join(named, ", "), rets[i].c, at)
		fmt.Fprintf(&calls, " r = f%d(%s); __asm__ volatile(\"\" : : \"r\"(&r) : \"memory\"); }\n", i, strings.Join(as, ", "))
	}
	var bytesOf []string
	for _, b := range data {
		bytesOf = append(bytesOf, fmt.Sprint(b))
	}
	head := abiTypedefs + "extern unsigned char data[];\n" + decl.String()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"callee.c": head + body.String() + "unsigned char data[] = {" + strings.Join(bytesOf, ",") + "};\n",
		"caller.c": head + "int main(void) {\n" + calls.String() + "\treturn 0;\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, cc := range []string{"gcc", "clang"} {
		for _, o := range []string{"-O0", "-O2"} {
			t.Run(cc+o, func(t *testing.T) {
				s := newSnapshot(t, 2*funcs)
				prog := filepath.Join(dir, cc+o)
				cmd := exec.Command(skip.Tool(t, cc), o, "-w", "-o", prog, "callee.c", "caller.c")
				cmd.Dir = dir
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				tgt := target(t, prog)
				var ls []offset.Location
				for i := range sigs {
					ls = append(ls, one(t, tgt, fmt.Sprintf("f%d", i)))
				}
				s.attach(t, ls, 0, 2, false)
				s.attach(t, ls, 1, 2, true)
				if out, err := exec.Command(prog).CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
				compared, unknown := 0, 0
				for i, sig := range sigs {
					f := &abi.Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Results: []*abi.Type{rets[i].t}}
					for _, p := range sig {
						f.Params = append(f.Params, p.t)
					}
					params, results := abi.Locate(f)
					for k, v := range params {
						what := fmt.Sprintf("f%d, parameter %d of type %s", i, k, sig[k].c)
						n, u := same(t, what, s.take(t, 2*i), v, sig[k], data[offs[[2]int{i, k}]:])
						compared, unknown = compared+n, unknown+u
					}
					n, u := same(t, fmt.Sprintf("f%d, result of type %s", i, rets[i].c), s.take(t, 2*i+1), results[0], rets[i], data[offs[[2]int{i, -1}]:])
					compared, unknown = compared+n, unknown+u
				}
				if compared < 1500 || unknown > 8 {
					t.Errorf("%d bytes compared, %d values not known", compared, unknown)
				}
			})
		}
	}
}

// same compares what is at a value's places with what was passed.
func same(t *testing.T, what string, s taken, v abi.Value, ty abiType, want []byte) (compared, unknown int) {
	t.Helper()
	if v.Err != nil { // an __int128 on the stack, of which there are a few
		return 0, 1
	}
	got, ok := s.read(v, int(ty.t.Size))
	for j := range got {
		if ok[j] && !ty.pads[int64(j)] {
			compared++
			if got[j] != want[j] {
				t.Errorf("%s: byte %d is %d, want %d; places %v", what, j, got[j], want[j], v.Places)
				return compared, unknown
			}
		}
	}
	return compared, unknown
}

const abiGo = `package main

import "os"

type big struct { a, b, c, d int64 }
type mixed struct { a int8; f float64; s string }
type T struct{ n int }

//go:noinline
func ints(a int8, b int32, c int64, d uint16, e *int, f, g, h, i, j, k int64) (int64, int8) { sink++; return c, a }
//go:noinline
func strings(s string, b []byte, e error, n int32) (string, int32) { sink++; return s, n }
//go:noinline
func structs(b big, m [1]int64, two [2]int64, n int64, x mixed) (big, [2]int64) { sink++; return b, two }
//go:noinline
func floats(a float64, n int64, b float32, c complex128, m int32) int32 { sink++; return m }
//go:noinline
func (t T) method(a int64) int64 { sink++; return a }

var sink int

func main() {
	s := "a string that is long"[:11]
	b := make([]byte, 13, 17)
	ints(1, 0x1020304, 0x1112131415161718, 0x2122, &sink, 0x31, 0x32, 0x33, 0x34, 0x35, 0x36)
	strings(s, b, os.ErrNotExist, 0x41424344)
	structs(big{0x51, 0x52, 0x53, 0x54}, [1]int64{0x55}, [2]int64{0x56, 0x57}, 0x58, mixed{0x59, 1, s})
	floats(1, 0x61, 2, 3, 0x62)
	T{0x71}.method(0x72)
}
`

// So are those of Go.
func TestABIGo(t *testing.T) {
	dir := t.TempDir()
	src, prog := filepath.Join(dir, "main.go"), filepath.Join(dir, "prog")
	if err := os.WriteFile(src, []byte(abiGo), 0o644); err != nil {
		t.Fatal(err)
	}
	s := newSnapshot(t, 16)
	if out, err := exec.Command(skip.Tool(t, "go"), "build", "-o", prog, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	i8, i32, i64 := scalar(abi.Int, 1), scalar(abi.Int, 4), scalar(abi.Int, 8)
	word, f64, f32 := scalar(abi.Pointer, 8), scalar(abi.Float, 8), scalar(abi.Float, 4)
	words := func(n int64) *abi.Type {
		ty := record(8 * n)
		for i := range n {
			ty.Fields = append(ty.Fields, abi.Field{Type: word, Offset: 8 * i})
		}
		return ty
	}
	str := words(2)
	array := func(n int64) *abi.Type { return &abi.Type{Kind: abi.Array, Size: 8 * n, Elem: i64, Len: n} }
	mixed := record(32, abi.Field{Type: i8}, abi.Field{Type: f64, Offset: 8}, abi.Field{Type: str, Offset: 16})
	le := func(ns ...uint64) (b []byte) {
		for _, n := range ns {
			b = binary.LittleEndian.AppendUint64(b, n)
		}
		return b
	}
	tgt := target(t, prog)
	tests := []struct {
		name            string
		params, results []*abi.Type
		want            [][]byte // nil: not looked at
	}{
		{"main.ints", []*abi.Type{i8, i32, i64, scalar(abi.Int, 2), word, i64, i64, i64, i64, i64, i64}, nil,
			[][]byte{{1}, {4, 3, 2, 1}, le(0x1112131415161718), {0x22, 0x21}, nil, le(0x31), le(0x32), le(0x33), le(0x34), le(0x35), le(0x36)}},
		{"main.strings", []*abi.Type{str, words(3), words(2), i32}, nil, [][]byte{append(make([]byte, 8), le(11)...), append(make([]byte, 8), le(13, 17)...), nil, {0x44, 0x43, 0x42, 0x41}}},
		{"main.structs", []*abi.Type{array(4), array(1), array(2), i64, mixed}, nil, [][]byte{le(0x51, 0x52, 0x53, 0x54), le(0x55), le(0x56, 0x57), le(0x58), {0x59}}},
		{"main.floats", []*abi.Type{f64, i64, f32, {Kind: abi.Complex, Size: 16, Elem: f64}, i32}, nil, [][]byte{nil, le(0x61), nil, nil, {0x62, 0, 0, 0}}},
		{"main.T.method", []*abi.Type{record(8, abi.Field{Type: i64}), i64}, nil, [][]byte{le(0x71), le(0x72)}},
	}
	// The structure big, four numbers, is no array to Go: each has a register.
	tests[2].params[0] = record(32, abi.Field{Type: i64}, abi.Field{Type: i64, Offset: 8}, abi.Field{Type: i64, Offset: 16}, abi.Field{Type: i64, Offset: 24})
	var ls []offset.Location
	for _, tt := range tests {
		ls = append(ls, one(t, tgt, tt.name))
	}
	s.attach(t, ls, 0, 1, false)
	if out, err := exec.Command(prog).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for i, tt := range tests {
		params, _ := abi.Locate(&abi.Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Convention: abi.Go, Params: tt.params, Results: tt.results})
		for k, want := range tt.want {
			got, _ := s.take(t, i).read(params[k], int(tt.params[k].Size))
			// Of strings and slices the pointers are the program's own.
			if len(want) > 8 && bytes.Equal(want[:8], make([]byte, 8)) {
				got, want = got[8:], want[8:]
			}
			if want != nil && !bytes.HasPrefix(got, want) {
				t.Errorf("%s, parameter %d: %x, want %x; places %v, %v", tt.name, k, got, want, params[k].Places, params[k].Err)
			}
		}
	}
}
