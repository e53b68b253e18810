package dwloc

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/usdt/operand"
)

var amd64 = Context{Encoding: Encoding{AddrSize: 8, Version: 5}, Machine: elf.EM_X86_64, Class: elf.ELFCLASS64}

func with(change func(*Context)) *Context {
	c := amd64
	change(&c)
	return &c
}

var reduceTests = []struct {
	name    string
	expr    []byte
	c       *Context
	kind    Kind
	text    string
	operand string // "" if it is none
}{
	{"nothing", nil, &amd64, OptimizedOut, "optimized out", ""},
	{"register", []byte{opReg0 + 5}, &amd64, Register, "%rdi", "%rdi"},
	{"regx", []byte{opRegx, 17}, &amd64, Register, "%xmm0", "%xmm0"},
	{"unknown register", []byte{opRegx, 50}, &amd64, Register, "reg50", ""},
	{"breg", []byte{opBreg0 + 6, 0x6c}, &amd64, Memory, "-20(%rbp)", "-20(%rbp)"},
	{"bregx", []byte{opBregx, 7, 0x90, 1}, &amd64, Memory, "144(%rsp)", "144(%rsp)"},
	{"fbreg, unknown base", []byte{opFbreg, 0x6c}, &amd64, Memory, "*(frame-20)", ""},
	{"fbreg, register", []byte{opFbreg, 0x6c}, with(func(c *Context) { c.FrameBase = []byte{opReg0 + 6} }), Memory, "-20(%rbp)", "-20(%rbp)"},
	{"fbreg, breg", []byte{opFbreg, 0x6c}, with(func(c *Context) { c.FrameBase = []byte{opBreg0 + 7, 32} }), Memory, "12(%rsp)", "12(%rsp)"},
	{"fbreg, CFA unknown", []byte{opFbreg, 0x6c}, with(func(c *Context) { c.FrameBase = []byte{opCallFrameCFA} }), Memory, "*(cfa-20)", ""},
	{"fbreg, CFA", []byte{opFbreg, 0x6c}, with(func(c *Context) {
		c.FrameBase, c.HasCFA, c.CFAReg, c.CFAOffset = []byte{opCallFrameCFA}, true, 7, 8
	}), Memory, "-12(%rsp)", "-12(%rsp)"},
	{"fbreg of fbreg", []byte{opFbreg, 1}, with(func(c *Context) { c.FrameBase = []byte{opFbreg, 1} }), Memory, "*(frame+2)", ""},
	{"addr", []byte{opAddr, 0x10, 0x40, 0, 0, 0, 0, 0, 0}, &amd64, Memory, "0x4010", ""},
	{"addr + constant", []byte{opAddr, 0x10, 0x40, 0, 0, 0, 0, 0, 0, opPlusUconst, 8}, &amd64, Memory, "0x4018", ""},
	{"addrx", []byte{opAddrx, 2}, with(func(c *Context) { c.Addrx = func(n uint64) (uint64, error) { return 0x1000 * n, nil } }), Memory, "0x2000", ""},
	{"addrx, unknown", []byte{opAddrx, 2}, &amd64, Complex, "*(addrx(2))", ""},
	{"address as value", []byte{opAddr, 0x10, 0x40, 0, 0, 0, 0, 0, 0, opStackValue}, &amd64, Value, "0x4010", ""},
	{"TLS", []byte{opConst8s - 1, 16, 0, 0, 0, 0, 0, 0, 0, opFormTLS}, &amd64, Memory, "tls+16", ""},
	{"GNU TLS", []byte{opConst8s - 1, 16, 0, 0, 0, 0, 0, 0, 0, opGNUPushTLS}, &amd64, Memory, "tls+16", ""},
	{"literal", []byte{opLit0 + 3, opStackValue}, &amd64, Constant, "3", "$3"},
	{"negative", []byte{opConsts, 0x7f, opStackValue}, &amd64, Constant, "-1", "$-1"},
	{"arithmetic", []byte{opLit0 + 7, opLit0 + 3, opMul, opLit0 + 1, opMinus, opStackValue}, &amd64, Constant, "20", "$20"},
	{"implicit value", []byte{opImplicitValue, 4, 1, 2, 3, 4}, &amd64, Bytes, "{01 02 03 04}", ""},
	{"register's value", []byte{opBreg0 + 5, 0, opStackValue}, &amd64, Value, "%rdi", "%rdi"},
	{"register + 8", []byte{opBreg0 + 5, 8, opStackValue}, &amd64, Value, "%rdi+8", ""},
	{"load", []byte{opBreg0 + 7, 8, opDeref, opStackValue}, &amd64, Value, "*8(%rsp+8)", "8(%rsp)"},
	{"load of 4 bytes", []byte{opBreg0 + 7, 8, opDerefSize, 4, opStackValue}, &amd64, Value, "*4(%rsp+8)", ""},
	{"by reference", []byte{opFbreg, 0x6c, opDeref, opPlusUconst, 4}, with(func(c *Context) { c.FrameBase = []byte{opReg0 + 6} }), Memory, "*(*8(%rbp-20)+4)", ""},
	{"entry value", []byte{opEntryValue, 1, opReg0 + 5, opStackValue}, &amd64, Value, "entry(%rdi)", ""},
	{"entry value at the entry", []byte{opGNUEntryValue, 1, opReg0 + 5, opStackValue}, with(func(c *Context) { c.AtEntry = true }), Value, "%rdi", "%rdi"},
	{"implicit pointer", []byte{opImplicitPointer, 0x10, 0, 0, 0, 4}, &amd64, ImplicitPointer, "&<0x10>+4", ""},
	{"implicit pointer of version 2", []byte{opGNUImplicitPtr, 0x10, 0, 0, 0, 0, 0, 0, 0, 4}, with(func(c *Context) { c.Version = 2 }), ImplicitPointer, "&<0x10>+4", ""},
	{"two registers", []byte{opReg0, opPiece, 8, opReg0 + 1, opPiece, 8}, &amd64, Composite, "%rax[0:8] %rdx[8:16]", ""},
	{"a piece that is nowhere", []byte{opReg0, opPiece, 4, opPiece, 4, opBreg0 + 7, 4, opPiece, 4}, &amd64, Composite,
		"%rax[0:4] optimized out[4:8] 4(%rsp)[8:12]", ""},
	{"bit pieces", []byte{opReg0, opBitPiece, 3, 5, opLit0, opStackValue, opBitPiece, 5, 0}, &amd64, Composite, "%rax[bits 0:3 from 5] 0[bits 3:8 from 0]", ""},
	{"typed register", []byte{opRegvalType, 17, 0x2b, opConvert, 0x30, opStackValue}, &amd64, Value, "(type 0x30)(bits(type 0x2b, %xmm0))", ""},
	{"typed constant", []byte{opConstType, 0x2b, 4, 0, 0, 0x80, 0x3f, opStackValue}, &amd64, Constant, "1065353216 (type 0x2b)", ""},
	{"and", []byte{opBreg0, 0, opLit0 + 15, opAnd, opStackValue}, &amd64, Value, "(%rax & 15)", ""},
	{"sum of registers", []byte{opBreg0, 8, opBreg0 + 1, 0, opPlus}, &amd64, Complex, "*((%rax+8 + %rdx))", ""},
	{"swap", []byte{opLit0 + 1, opLit0 + 5, opSwap, opMinus, opStackValue}, &amd64, Constant, "4", "$4"},
	{"rot", []byte{opLit0 + 1, opLit0 + 2, opLit0 + 3, opRot, opDrop, opMinus, opStackValue}, &amd64, Constant, "2", "$2"},
	{"branch", []byte{opLit0, opBra, 2, 0, opLit0 + 1, opNop, opLit0 + 2, opStackValue}, &amd64, Constant, "2", "$2"},
	{"branch on a register", []byte{opBreg0, 0, opBra, 1, 0, opLit0 + 1, opLit0 + 2}, &amd64, Complex, "DW_OP_breg0 0; DW_OP_bra 1; DW_OP_lit1; DW_OP_lit2", ""},
	{"call", []byte{0x98, 1, 2}, &amd64, Complex, "DW_OP_call2 513", ""},
	{"parameter", []byte{opGNUParameterRef, 9, 0, 0, 0, opStackValue}, &amd64, Value, "parameter<0x9>", ""},
	{"uninitialised", []byte{opReg0, opGNUUninit}, &amd64, Register, "%rax", "%rax"},
	{"aarch64", []byte{opBreg0 + 31, 16}, with(func(c *Context) { c.Machine = elf.EM_AARCH64 }), Memory, "[sp, 16]", "[sp, 16]"},
	{"s390x", []byte{opReg0 + 17}, with(func(c *Context) { c.Machine, c.Big = elf.EM_S390, true }), Register, "%f2", "%f2"},
}

func TestReduce(t *testing.T) {
	for _, tt := range reduceTests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := Reduce(tt.expr, tt.c)
			if err != nil {
				t.Fatal(err)
			}
			if l.Kind != tt.kind || l.String() != tt.text {
				t.Errorf("got %d %s, want %d %s", l.Kind, l, tt.kind, tt.text)
			}
			got := ""
			if o, ok := l.Operand(); ok {
				got = o.String()
				if o.Kind == operand.Constant {
					got = "$" + fmt.Sprint(o.Value)
				}
			}
			if got != tt.operand {
				t.Errorf("operand %q, want %q", got, tt.operand)
			}
		})
	}
}

func TestReduceDamage(t *testing.T) {
	for _, tt := range []struct {
		name string
		expr []byte
	}{
		{"unknown operation", []byte{0x01}},
		{"no room for an operand", []byte{opBreg0, 0x80}},
		{"no room for an address", []byte{opAddr, 1, 2}},
		{"a block beyond the end", []byte{opImplicitValue, 9, 1}},
		{"empty stack", []byte{opDeref}},
		{"empty stack, stack_value", []byte{opStackValue}},
		{"pick too deep", []byte{opLit0, opPick, 4}},
		{"division by 0", []byte{opLit0 + 1, opLit0, opDiv}},
		{"something behind a register", []byte{opReg0, opLit0}},
		{"a register behind something", []byte{opLit0, opReg0}},
		{"loop", []byte{opSkip, 0xfd, 0xff}},
		{"growing loop", []byte{opLit0, opSkip, 0xfc, 0xff}},
		{"jump into the middle", []byte{opSkip, 1, 0, opConst1u, 1}},
		{"entry of entry of entry …", []byte{opEntryValue, 12, opEntryValue, 10, opEntryValue, 8, opEntryValue, 6, opEntryValue, 4, opEntryValue, 2, opEntryValue, 0}},
		{"nothing left", []byte{opLit0, opDrop}},
	} {
		if l, err := Reduce(tt.expr, &amd64); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, %v", tt.name, l, err)
		}
	}
}

// Every register that has a name is one that operands know, and no two numbers are the same register.
func TestReg(t *testing.T) {
	for _, m := range []struct {
		m     elf.Machine
		c     elf.Class
		named int
		want  map[uint64]string
	}{
		{elf.EM_X86_64, elf.ELFCLASS64, 17 + 32 + 8 + 8 + 8 + 16, map[uint64]string{0: "rax", 1: "rdx", 4: "rsi", 16: "rip", 17: "xmm0", 33: "st(0)", 67: "xmm16"}},
		{elf.EM_386, elf.ELFCLASS32, 9 + 24, map[uint64]string{1: "ecx", 4: "esp", 11: "st(0)", 21: "xmm0"}},
		{elf.EM_AARCH64, elf.ELFCLASS64, 64, map[uint64]string{0: "x0", 31: "sp", 64: "v0"}},
		{elf.EM_ARM, elf.ELFCLASS32, 16 + 64, map[uint64]string{0: "r0", 13: "sp", 256: "d0", 64: "s0"}},
		{elf.EM_RISCV, elf.ELFCLASS64, 96, map[uint64]string{10: "a0", 2: "sp", 42: "fa0", 63: "ft11"}},
		{elf.EM_S390, elf.ELFCLASS64, 64, map[uint64]string{2: "r2", 16: "f0", 17: "f2", 20: "f1", 68: "v16", 69: "v18"}},
		{elf.EM_PPC64, elf.ELFCLASS64, 96, map[uint64]string{3: "r3", 33: "f1", 77: "v0"}},
		{elf.EM_MIPS, elf.ELFCLASS64, 64, map[uint64]string{4: "4", 29: "sp", 32: "f0"}},
		{elf.EM_LOONGARCH, elf.ELFCLASS64, 64, map[uint64]string{4: "r4", 3: "sp", 32: "f0"}},
	} {
		named := map[string]uint64{}
		for n := range uint64(400) {
			name := regName(m.m, m.c, n)
			if name == "" {
				continue
			}
			r, ok := Reg(m.m, m.c, n)
			if !ok || r.Name == "" {
				t.Errorf("%v: operands have no register %s", m.m, name)
			}
			if before, ok := named[name]; ok {
				t.Errorf("%v: both %d and %d are %s", m.m, before, n, name)
			}
			named[name] = n
			if w, ok := m.want[n]; ok && w != r.Name && w != name {
				t.Errorf("%v: %d is %s, want %s", m.m, n, r.Name, w)
			}
		}
		if len(named) != m.named {
			t.Errorf("%v: %d registers, want %d", m.m, len(named), m.named)
		}
	}
}

func listText(s *Lists, u *Unit, off uint64) string {
	var b strings.Builder
	for e, err := range s.All(u, off) {
		switch {
		case err != nil:
			fmt.Fprintf(&b, "%v\n", err)
		case e.Default:
			fmt.Fprintf(&b, "default %x\n", e.Expr)
		case e.HasViews:
			fmt.Fprintf(&b, "%x.%d %x.%d %x\n", e.Low, e.Begin, e.High, e.End, e.Expr)
		default:
			fmt.Fprintf(&b, "%x %x %x\n", e.Low, e.High, e.Expr)
		}
	}
	return b.String()
}

func TestLists(t *testing.T) {
	for _, big := range []bool{false, true} {
		var o binary.AppendByteOrder = binary.LittleEndian
		if big {
			o = binary.BigEndian
		}
		enc := func(version, addr int) Encoding { return Encoding{Big: big, AddrSize: addr, Version: version} }
		addr := o.AppendUint64(o.AppendUint64(o.AppendUint64(make([]byte, 8), 0x5000), 0x5010), 0x6000)
		a64 := func(vs ...uint64) (b []byte) {
			for _, v := range vs {
				b = o.AppendUint64(b, v)
			}
			return b
		}
		a32 := func(vs ...uint32) (b []byte) {
			for _, v := range vs {
				b = o.AppendUint32(b, v)
			}
			return b
		}
		expr2 := func(e ...byte) []byte { return append(o.AppendUint16(nil, uint16(len(e))), e...) }
		cat := slices.Concat[[]byte, byte]
		for _, tt := range []struct {
			name string
			u    Unit
			data []byte
			want string
			at   string // the expressions at 0x1014
		}{
			{"version 4", Unit{Encoding: enc(4, 8), Base: 0x1000},
				cat(a64(0x10, 0x20), expr2(0x50), a64(0x14, 0x18), expr2(0x51), a64(^uint64(0), 0x2000), a64(0x10, 0x10), expr2(0x52), a64(0, 0)),
				"1010 1020 50\n1014 1018 51\n2010 2010 52\n", "50 51"},
			{"version 2, 32 bits", Unit{Encoding: enc(2, 4), Base: 0x1000},
				cat(a32(0x10, 0x20), expr2(0x50), a32(0xffffffff, 0), a32(0x1014, 0x1018), expr2(0x51), a32(0, 0)), "1010 1020 50\n1014 1018 51\n", "50 51"},
			{"no end", Unit{Encoding: enc(4, 8)}, cat(a64(0x10, 0x20), expr2(0x50)), "10 20 50\nlocation+0x13: the location list has no end\n", ""},
			{"expression too long", Unit{Encoding: enc(4, 8)}, cat(a64(0x10, 0x20), []byte{9, 9, 1}), "location+0x12: an expression of 2313 bytes\n", ""},
			{"version 5", Unit{Encoding: enc(5, 8), Base: 0x1000, AddrBase: 8},
				cat([]byte{lleGNUViewPair, 1, 2, lleOffsetPair, 0x10, 0x20, 1, 0x50},
					[]byte{lleBaseAddrx, 0, lleOffsetPair, 0x10, 0x20, 1, 0x51, lleStartxEndx, 0, 2, 1, 0x52, lleStartxLength, 1, 4, 1, 0x53, lleBaseAddress}, a64(0x1010),
					[]byte{lleOffsetPair, 0, 8, 1, 0x54, lleStartEnd}, a64(1, 2), []byte{0, lleStartLength}, a64(0x1014), []byte{4, 2, 0x55, 0x56, lleDefault, 1, 0x57, lleEnd, 0}),
				"1010.1 1020.2 50\n5010 5020 51\n5000 6000 52\n5010 5014 53\n1010 1018 54\n1 2 \n1014 1018 5556\ndefault 57\n", "50 54 5556"},
			{"default only", Unit{Encoding: enc(5, 8)}, []byte{lleDefault, 1, 0x57, lleEnd}, "default 57\n", "57"},
			{"dropped code", Unit{Encoding: enc(5, 8)}, cat([]byte{lleBaseAddress}, a64(^uint64(0)), []byte{lleOffsetPair, 1, 0x90, 0x80, 1, 1, 0x50, lleEnd}),
				"ffffffffffffffff ffffffffffffffff 50\n", ""},
			{"unknown kind", Unit{Encoding: enc(5, 8)}, []byte{77}, "location+0x1: an entry of kind 77\n", ""},
			{"no such address", Unit{Encoding: enc(5, 8), AddrBase: 8}, []byte{lleBaseAddrx, 9, lleEnd}, "location+0x8: no address 9 in .debug_addr\n", ""},
			{"split", Unit{Encoding: enc(4, 8), AddrBase: 8, Split: true},
				cat([]byte{lleStartxLength, 0}, a32(0x10), expr2(0x50), []byte{lleBaseAddrx, 2, lleOffsetPair}, a32(1, 5), expr2(0x51), []byte{lleStartxEndx, 0, 1}, expr2(0x52), []byte{0}),
				"5000 5010 50\n6001 6005 51\n5000 5010 52\n", ""},
		} {
			s := &Lists{Data: tt.data, Addr: addr}
			if got := listText(s, &tt.u, 0); got != tt.want {
				t.Errorf("%s, big endian %v: got\n%swant\n%s", tt.name, big, got, tt.want)
			}
			es, _ := s.At(&tt.u, 0, 0x1014)
			var at []string
			for _, e := range es {
				at = append(at, fmt.Sprintf("%x", e.Expr))
			}
			if got := strings.Join(at, " "); got != tt.at {
				t.Errorf("%s: at 0x1014: %s, want %s", tt.name, got, tt.at)
			}
		}
		// An index, whose offsets are from its own beginning.
		s := &Lists{Data: cat(make([]byte, 12), a32(8, 9, 99), make([]byte, 8))}
		u := &Unit{Encoding: enc(5, 8), ListsBase: 12}
		if off, err := s.Offset(u, 1); err != nil || off != 21 {
			t.Errorf("list 1 at %d, %v", off, err)
		}
		for _, n := range []uint64{2, 5, ^uint64(0)} {
			if off, err := s.Offset(u, n); !errors.Is(err, ErrFormat) {
				t.Errorf("list %d at %d, %v", n, off, err)
			}
		}
	}
}

// An expression of any bytes gives a location or an error; decoding covers it; a location has a text, and is
// an operand only if a probe can read it.
func FuzzReduce(f *testing.F) {
	for _, tt := range reduceTests {
		f.Add(tt.expr, tt.c.FrameBase, uint8(tt.c.Version), tt.c.Big)
	}
	f.Fuzz(func(t *testing.T, expr, base []byte, version uint8, big bool) {
		c := amd64
		c.FrameBase, c.Version, c.Big = base, int(version), big
		if version > 100 {
			c.AddrSize, c.Class, c.Machine = 4, elf.ELFCLASS32, elf.EM_386
		}
		ops, err := Decode(expr, c.Encoding)
		end := 0
		for i, o := range ops {
			if o.Off < end || i > 0 && o.Off == ops[i-1].Off || o.Off >= len(expr) {
				t.Fatalf("operation %d at %d", i, o.Off)
			}
			end = o.Off + 1 + len(o.Block)
		}
		l, rerr := Reduce(expr, &c)
		if err != nil && rerr == nil {
			t.Fatalf("reduced to %v, not decoded: %v", l, err)
		}
		if rerr != nil {
			if l.Kind != OptimizedOut {
				t.Fatalf("%v and %v", l, rerr)
			}
			return
		}
		if s := l.String(); s == "" || len(s) > 100000 {
			t.Fatalf("text of %d bytes", len(s))
		}
		if o, ok := l.Operand(); ok && o.Kind == operand.Unparsed {
			t.Fatal("an operand that is none")
		}
	})
}

// A list of any bytes ends; its expressions are bytes of the section; At gives entries that hold.
func FuzzLists(f *testing.F) {
	f.Add([]byte{lleGNUViewPair, 1, 2, lleOffsetPair, 0x10, 0x20, 1, 0x50, lleBaseAddrx, 0, lleStartLength, 1, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0x51, lleEnd}, uint8(5), false, uint64(0x10))
	f.Add(slices.Concat(bytes.Repeat([]byte{1, 0, 0, 0, 0, 0, 0, 0}, 2), []byte{1, 0, 0x50}, make([]byte, 16)), uint8(4), false, uint64(1))
	f.Add([]byte{lleStartxLength, 0, 4, 0, 0, 0, 1, 0, 0x50, 0}, uint8(4), true, uint64(0x5001))
	f.Fuzz(func(t *testing.T, data []byte, version uint8, split bool, addr uint64) {
		s := &Lists{Data: data, Addr: []byte{0, 0x50, 0, 0, 0, 0, 0, 0}}
		u := &Unit{Encoding: Encoding{AddrSize: 8, Version: int(version)}, Split: split}
		n := 0
		for e, err := range s.All(u, 0) {
			if n++; n > len(data)+1 {
				t.Fatal("more entries than bytes")
			}
			if err == nil && len(e.Expr) > len(data) {
				t.Fatal("an expression longer than the section")
			}
		}
		es, _ := s.At(u, 0, addr)
		for _, e := range es {
			if !e.Default && (addr < e.Low || addr >= e.High) {
				t.Fatalf("%+v does not hold at 0x%x", e, addr)
			}
		}
	})
}
