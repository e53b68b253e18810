package abi

import (
	"debug/elf"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/probels/probels/usdt/operand"
)

func s(k Kind, size int64) *Type { return &Type{Kind: k, Size: size} }

func record(fs ...*Type) *Type {
	t := &Type{Kind: Struct}
	align := int64(1)
	for _, f := range fs {
		t.Size = up(t.Size, f.align())
		t.Fields = append(t.Fields, Field{Type: f, Offset: t.Size})
		t.Size += f.Size
		align = max(align, f.align())
	}
	t.Size = up(t.Size, align)
	return t
}

func array(e *Type, n int64) *Type { return &Type{Kind: Array, Elem: e, Len: n, Size: n * e.Size} }

// show prints a value: "rdi", "&rsi" of one by reference, "rsp+8", "rax[0:8] xmm0[8:16]".
func show(v Value) string {
	if v.Err != nil {
		return "unknown"
	}
	var parts []string
	for _, p := range v.Places {
		text := p.Reg.Name
		if p.Kind == operand.Memory {
			text = fmt.Sprintf("%s+%d", p.Base.Name, p.Disp)
		}
		if len(v.Places) > 1 {
			text += fmt.Sprintf("[%d:%d]", p.Off, p.Off+p.Size)
		}
		if v.Indirect {
			text = "&" + text
		}
		if v.Entry {
			text += " at entry"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

var (
	c8, i16, i32, i64, i128 = s(Int, 1), s(Int, 2), s(Int, 4), s(Int, 8), s(Int, 16)
	f32, f64, f128          = s(Float, 4), s(Float, 8), s(Float, 16)
	ptr, ptr32, void        = s(Pointer, 8), s(Pointer, 4), &Type{Kind: Void}
	cxx                     = &Type{Kind: Struct, Size: 8, NotTrivial: true, Fields: []Field{{Type: i64}}}
	goString                = record(ptr, i64)
)

var locateTests = []struct {
	name string
	f    Func
	want string // parameters, " -> " and results
}{
	{"x86-64", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Results: []*Type{i32},
		Params: []*Type{i32, f64, record(i64, f32), record(f32, f32), i64, i64, ptr, i64, c8}},
		"rdi, xmm0, rsi[0:8] xmm1[8:16], xmm2, rdx, rcx, r8, r9, rsp+8 -> rax"},
	{"x86-64, in memory", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Results: []*Type{record(i64, i64, i64)},
		Params: []*Type{i64, record(i64, i64, i64), s(X87, 16), i128, f128}}, "rsi, rsp+8, rsp+40, rdx[0:8] rcx[8:16], xmm0 -> &rax"},
	{"x86-64, not enough registers", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Results: []*Type{record(f64, i64)},
		Params: []*Type{i64, i64, i64, i64, i64, record(i64, i64), i64}}, "rdi, rsi, rdx, rcx, r8, rsp+8, r9 -> xmm0[0:8] rax[8:16]"},
	{"x86-64, C++", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Results: []*Type{cxx}, Params: []*Type{ptr, cxx, {Kind: Struct, Size: 1}, i32}},
		"rsi, &rdx, , rcx -> &rax"},
	{"x86-64, complex", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Results: []*Type{{Kind: Complex, Size: 32, Elem: s(X87, 16)}},
		Params: []*Type{{Kind: Complex, Size: 8, Elem: f32}, {Kind: Complex, Size: 16, Elem: f64}}}, "xmm0, xmm1[0:8] xmm2[8:16] -> st(0)[0:16] st(1)[16:32]"},
	{"x86-64, bit-fields", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64,
		Params: []*Type{{Kind: Struct, Size: 16, Fields: []Field{{Type: f64}, {Type: i32, BitSize: 3, BitOff: 64}}}, i32}}, "xmm0[0:8] rdi[8:16], rsi -> "},
	{"x86-64, a vector for AVX", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Params: []*Type{i32, {Kind: Vector, Size: 32, Elem: f64, Len: 4}, i32}},
		"rdi, unknown, unknown -> "},
	{"x86-64, __int128 on the stack", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Params: []*Type{i64, i64, i64, i64, i64, i64, i64, i128, i64}},
		"rdi, rsi, rdx, rcx, r8, r9, rsp+8, unknown, unknown -> "},
	{"i386", Func{Machine: elf.EM_386, Class: elf.ELFCLASS32, Results: []*Type{i64}, Params: []*Type{c8, &Type{Kind: Int, Size: 8, Align: 4}, f64, record(i16, c8), ptr32}},
		"esp+4, esp+8, esp+16, esp+24, esp+28 -> eax[0:4] edx[4:8]"},
	{"i386, structure", Func{Machine: elf.EM_386, Class: elf.ELFCLASS32, Results: []*Type{record(i32)}, Params: []*Type{i32}}, "esp+8 -> &eax"},
	{"i386, regparm", Func{Machine: elf.EM_386, Class: elf.ELFCLASS32, Regparm: 3, Results: []*Type{f64}, Params: []*Type{i32, f32, ptr32, c8, i32}},
		"eax, esp+4, edx, ecx, esp+8 -> st(0)"},
	{"i386, fastcall", Func{Machine: elf.EM_386, Class: elf.ELFCLASS32, Convention: Fastcall, Params: []*Type{i32, i32, i32}}, "ecx, edx, esp+4 -> "},
	{"aarch64", Func{Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Results: []*Type{record(f32, f32, f32)},
		Params: []*Type{i32, record(f32, f32, f32), i128, record(i64, i64, i64), array(c8, 3), f64, f32, record(i64, i64), record(i64, i64), i64, c8}},
		"x0, v0[0:4] v1[4:8] v2[8:12], x2[0:8] x3[8:16], &x4, x5, v3, v4, x6[0:8] x7[8:16], sp+0, sp+16, sp+24 -> v0[0:4] v1[4:8] v2[8:12]"},
	{"aarch64, result in memory", Func{Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Results: []*Type{record(i64, i64, i64)}, Params: []*Type{i64, cxx}}, "x0, &x1 -> &x8 at entry"},
	{"aarch64, floats on the stack", Func{Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Results: []*Type{record(i64, i64)},
		Params: []*Type{array(f64, 4), array(f64, 3), array(f64, 2), f64, i64}},
		"v0[0:8] v1[8:16] v2[16:24] v3[24:32], v4[0:8] v5[8:16] v6[16:24], sp+0, sp+16, x0 -> x0[0:8] x1[8:16]"},
	{"Go", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Convention: Go, Results: []*Type{goString, f64, record(ptr, ptr)},
		Params: []*Type{goString, record(ptr, i64, i64), f32, array(i64, 1), array(i64, 2), record(), c8, {Kind: Complex, Size: 16, Elem: f64}}},
		"rax[0:8] rbx[8:16], rcx[0:8] rdi[8:16] rsi[16:24], xmm0, r8, rsp+8, , r9, xmm1[0:8] xmm2[8:16] -> rax[0:8] rbx[8:16], xmm0, rcx[0:8] rdi[8:16]"},
	{"Go, not enough registers", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Convention: Go,
		Params: []*Type{record(i64, i64, i64, i64, i64, i64, i64, i64), goString, i64, c8, i64}, Results: []*Type{array(i64, 2)}},
		"rax[0:8] rbx[8:16] rcx[16:24] rdi[24:32] rsi[32:40] r8[40:48] r9[48:56] r10[56:64], rsp+8, r11, rsp+24, rsp+32 -> rsp+40"},
	{"Go, aarch64", Func{Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Convention: Go, Params: []*Type{goString, f64, array(i64, 2)}}, "x0[0:8] x1[8:16], v0, sp+8 -> "},
	{"Go, riscv64", Func{Machine: elf.EM_RISCV, Class: elf.ELFCLASS64, Convention: Go, Params: []*Type{array(i64, 1), f64}}, "a0, fa0 -> "},
	{"Go's stack", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Convention: Go0, Params: []*Type{c8, goString, i32}, Results: []*Type{i64, c8}}, "rsp+8, rsp+16, rsp+32 -> rsp+40, rsp+48"},
	{"Go's stack, i386", Func{Machine: elf.EM_386, Class: elf.ELFCLASS32, Convention: Go, Params: []*Type{i32, c8}, Results: []*Type{i32}}, "esp+4, esp+8 -> esp+12"},
	{"Rust", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Convention: Rust, Params: []*Type{i32}, Results: []*Type{i32}}, "unknown -> unknown"},
	{"mips", Func{Machine: elf.EM_MIPS, Class: elf.ELFCLASS64, Params: []*Type{i32}}, "unknown -> "},
	{"a type within itself", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Params: []*Type{loop()}}, "unknown -> "},
	{"a member outside", Func{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Params: []*Type{{Kind: Struct, Size: 4, Fields: []Field{{Type: i64}}}}}, "unknown -> "},
	{"a huge array", Func{Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64, Params: []*Type{array(c8, 1<<40)}}, "&x0 -> "},
}

// loop is a structure that contains itself.
func loop() *Type {
	t := &Type{Kind: Struct, Size: 8}
	t.Fields = []Field{{Type: t}}
	return t
}

func TestLocate(t *testing.T) {
	for _, tt := range locateTests {
		t.Run(tt.name, func(t *testing.T) {
			params, results := Locate(&tt.f)
			var ps, rs []string
			for _, v := range params {
				if v.Err != nil && !errors.Is(v.Err, ErrUnknown) {
					t.Errorf("%v", v.Err)
				}
				ps = append(ps, show(v))
			}
			for _, v := range results {
				rs = append(rs, show(v))
			}
			if got := strings.Join(ps, ", ") + " -> " + strings.Join(rs, ", "); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// Whatever types come: every place is of a register that exists and of bytes that the value has, no two
// parameters share a register or a byte of the stack, and a value is complete or not known.
func FuzzLocate(f *testing.F) {
	f.Add([]byte{0, 0, 4, 2, 8, 6, 3, 1, 0}, uint8(0))
	f.Add([]byte{6, 2, 2, 2, 0, 8, 1, 9, 8}, uint8(9))
	machines := []elf.Machine{elf.EM_X86_64, elf.EM_386, elf.EM_AARCH64, elf.EM_RISCV, elf.EM_PPC64, elf.EM_S390, elf.EM_LOONGARCH, elf.EM_ARM}
	f.Fuzz(func(t *testing.T, b []byte, how uint8) {
		fn := &Func{Machine: machines[int(how)%len(machines)], Class: elf.ELFCLASS64, Convention: Convention(how / 8 % 5), Regparm: int(how / 64)}
		if fn.Machine == elf.EM_386 || fn.Machine == elf.EM_ARM {
			fn.Class = elf.ELFCLASS32
		}
		for len(b) > 0 && len(fn.Params) < 20 {
			fn.Params = append(fn.Params, typeOf(&b, 0))
		}
		if len(fn.Params) > 0 {
			fn.Results, fn.Params = fn.Params[:1], fn.Params[1:]
		}
		params, results := Locate(fn)
		used := map[string]bool{}
		for i, v := range append(params, results...) {
			ty := fn.Results[0]
			if i < len(params) {
				ty = fn.Params[i]
			}
			if v.Err != nil && len(v.Places) > 0 || v.Indirect && len(v.Places) != 1 {
				t.Fatalf("%+v", v)
			}
			for _, p := range v.Places {
				if p.Off < 0 || p.Size <= 0 && !v.Indirect || p.Off+p.Size > ty.Size && ty.Kind != X87 && !v.Indirect {
					t.Fatalf("%+v of %d bytes", p, ty.Size)
				}
				name := p.Reg.Name
				if p.Kind == operand.Memory {
					name = fmt.Sprint(p.Base.Name, p.Disp)
				}
				if name == "" || i < len(params) && used[name] {
					t.Fatalf("%v has %q, which is no register or another's", fn.Machine, name)
				}
				if i < len(params) {
					used[name] = true
				}
			}
		}
	})
}

// typeOf makes a type of some bytes.
func typeOf(b *[]byte, depth int) *Type {
	next := func() byte {
		if len(*b) == 0 {
			return 0
		}
		c := (*b)[0]
		*b = (*b)[1:]
		return c
	}
	switch k := next() % 10; {
	case k < 3 || depth > 4:
		return s(Int, 1<<(next()%5))
	case k == 3:
		return s(Float, 2<<(next()%4))
	case k == 4:
		return s(X87, 16)
	case k == 5:
		return &Type{Kind: Complex, Size: 16, Elem: f64}
	case k == 6:
		return array(typeOf(b, depth+1), int64(next()%5))
	case k == 7:
		u := record(typeOf(b, depth+1))
		u.Kind = Union
		return u
	}
	var fs []*Type
	for range next() % 5 {
		fs = append(fs, typeOf(b, depth+1))
	}
	r := record(fs...)
	r.NotTrivial = next() > 250
	return r
}
