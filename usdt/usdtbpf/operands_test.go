package usdtbpf_test

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/cilium/ebpf/asm"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/bpfrun"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
	"github.com/probels/probels/usdt/usdtbpf"
)

// table is the argument strings of the tables of package operand, by machine.
func table(t testing.TB) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for name, column := range map[string]int{"usdt_args.tsv": 1, "usdt_spec_lines.tsv": 2} {
		f, err := os.Open("../operand/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for sc := bufio.NewScanner(f); sc.Scan(); {
			c := strings.Split(sc.Text(), "\t")
			out[c[0]] = append(out[c[0]], c[column])
		}
	}
	// What compilers print and the tables lack.
	out["aarch64"] = append(out["aarch64"], "8@[x0, w1, sxtw 3] -4@[x0, w1, uxtw] 1@[x2, x3] 4@wzr 8@xzr -8@[sp, -16] 2@w7 -1@[x0, #:lo12:sym] 8@sp 4f@s0 8f@d8 4f@w2")
	out["arm"] = append(out["arm"], "4@[r4, ip, lsl #2] 4@[r4, -r5] 4@[r0, r1, lsr #8] -4@[r0, r1, asr #32] 2@[r0, r1, ror #5] 4@[r5, ip] -1@[fp, #-8] -2@r12 8@r2 8@[r4] 4@s0")
	out["s390x"] = append(out["s390x"], "-2@0(%r1,%r5) 8@%r11 4@8(%r0) -1@160(%r15) 4@%f0 8@8(%r0,%r1)")
	out["x86_64"] = append(out["x86_64"], "1@%ah -1@%bh 1@%sil 4@(%eax) -8@8(%eax,%ebx,4) 8@%fs:40 4@(%rax,%rbx,8) 8@sym(,%rax,8) 4@%xmm0 16@(%rsp) 2@%ax 8@4096 8@$sym+8 -1@%r15b 8@sym(%rbx) 4@%ah")
	out["i386"] = append(out["i386"], "-4@arr@GOTOFF(%ebx,%eax,4) -1@8+arr@GOTOFF(%ebx,%eax) 4@arr@GOTOFF(%ebx) 8@%eax 8@-8(%ebp) -4@(%eax,%ecx,8) 4@%ax 1@%dh 4@$sym 4@sym(,%eax,2)")
	out["riscv64"] = append(out["riscv64"], "-4@%lo(sym)(a5) 8@0(s0) 4@zero 8@x10 8@fa0")
	out["ppc64"] = append(out["ppc64"], "8@9,10 8@0,9 4@8(0) -8@sym@toc@l(9) 8@f1")
	return out
}

func (m *machine) random(rng *rand.Rand, fixed bool) *thread {
	t := &thread{machine: m, regs: map[string]uint64{}}
	for _, s := range m.slots {
		t.regs[s] = rng.Uint64()
		if m.is32() {
			t.regs[s] = uint64(rng.Uint32())
		}
	}
	if !fixed {
		t.bias = uint64(rng.Uint32()) &^ 0xfff << 12
		if m.is32() {
			t.bias = uint64(uint32(t.bias))
		}
	}
	t.regs["PC"] = t.bias + siteAddr
	if m.is32() {
		t.regs["PC"] = uint64(uint32(t.regs["PC"]))
	}
	return t
}

func (m *machine) place(fixed bool, args []operand.Arg) *usdtbpf.Place {
	p := &usdtbpf.Place{
		Machine: m.machine, Class: m.class, Order: m.order, Kernel: m.kernel, Fixed: fixed,
		Addr: siteAddr, Symbols: usdt.Symbols{},
	}
	p.Symbols.Names(args)
	p.Symbols["_GLOBAL_OFFSET_TABLE_"] = 0
	for name := range p.Symbols {
		if strings.Contains(name, "@GOTPCREL") || strings.Contains(name, "@GOTENT") {
			delete(p.Symbols, name)
		} else {
			p.Symbols[name] = elfsym.Addr(symbolAddr(name))
		}
	}
	return p
}

var reasons = map[string]error{
	"size": usdtbpf.ErrSize, "segment": usdtbpf.ErrSegment, "symbol": usdtbpf.ErrSymbol,
	"register": usdtbpf.ErrRegister, "wide": usdtbpf.ErrWide,
}

// Every argument of the tables is read as its text says by the instructions, run in the
// interpreter, and by the function that goes by its Spec; or refused for the reason that it
// has.
func TestOperands(t *testing.T) {
	strs := table(t)
	for i := range machines {
		m := &machines[i]
		t.Run(m.String(), func(t *testing.T) {
			if len(strs[m.name]) == 0 {
				t.Fatal("no arguments")
			}
			rng := rand.New(rand.NewPCG(1, 2))
			values, refused, specs := 0, 0, 0
			for _, fixed := range []bool{false, true} {
				for _, spec := range strs[m.name] {
					args := operand.ParseArgs(m.machine, m.class, spec)
					p := m.place(fixed, args)
					for k := range args {
						a := &args[k]
						if a.Err != nil {
							continue // the tables have wrong ones too
						}
						th := m.random(rng, fixed)
						ins, err := p.Fetch(*a, -24)
						if why := th.unread(a); why != "" {
							if !errors.Is(err, reasons[why]) {
								t.Errorf("%s: %v, want %v", a.Text, err, reasons[why])
							}
							refused++
							continue
						}
						if err != nil {
							t.Error(err)
							continue
						}
						th.compare(t, a, fetchProgram(ins), nil)
						values++
						if th.viaSpec(t, p, a) {
							specs++
						}
					}
				}
			}
			t.Logf("%d values, %d of them by specs too, %d refused", values, specs, refused)
			if specs < values/2 {
				t.Errorf("of %d values only %d have a spec", values, specs)
			}
		})
	}
}

// fetchProgram leaves the value at the end of the stack.
func fetchProgram(ins asm.Instructions) asm.Instructions {
	prog := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}
	prog = append(prog, ins...)
	return append(prog,
		asm.LoadMem(asm.R1, asm.RFP, -24, asm.DWord), // it has all 8 bytes
		asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord),
		asm.Return(),
	)
}

func (th *thread) run(prog asm.Instructions, specs map[uint32][]byte) (uint64, uint64, error) {
	bm := bpfrun.Machine{
		Order: th.byteOrder(), Context: th.context(), Cookie: 5, Map: specs,
		User: func(addr uint64, p []byte) bool {
			for i := range p {
				p[i] = memory(addr + uint64(i))
			}
			return true
		},
	}
	r0, stack, err := bm.Run(prog)
	if err != nil {
		return 0, 0, err
	}
	return r0, th.byteOrder().Uint64(stack[len(stack)-8:]), nil
}

func (th *thread) compare(t *testing.T, a *operand.Arg, prog asm.Instructions, specs map[uint32][]byte) {
	t.Helper()
	r0, got, err := th.run(prog, specs)
	if want := th.value(a); err != nil || r0 != 0 || got != want {
		t.Errorf("%s: %s: 0x%x (R0 %d, %v), want 0x%x\n%v", th, a.Text, got, int64(r0), err, want, prog)
	}
}

// viaSpec reads the argument by ArgFunc as the third of four, if it has a form there.
func (th *thread) viaSpec(t *testing.T, p *usdtbpf.Place, a *operand.Arg) bool {
	t.Helper()
	other := operand.Arg{Size: 8, Operand: operand.Operand{Kind: operand.Constant, Value: 77}}
	s, err := p.Spec([]operand.Arg{other, other, *a, other})
	prog := specProgram(p, 2)
	b, merr := s.Marshal(304)
	if merr != nil {
		t.Fatal(merr)
	}
	specs := map[uint32][]byte{5: b}
	if err != nil {
		if !errors.Is(err, usdtbpf.ErrForm) {
			t.Errorf("%s: %v", a.Text, err)
		}
		if r0, v, err := th.run(prog, specs); err != nil || int32(r0) != -22 || v != 0 {
			t.Errorf("%s, without a form: R0 %d, value %d, %v", a.Text, int64(r0), v, err)
		}
		return false
	}
	// Where the addition wraps at 32 bits, the kernel's does not and finds no memory.
	if th.is32() && a.Kind == operand.Memory && th.unwrapped(a) != th.address(a) {
		return true
	}
	th.compare(t, a, prog, specs)
	return true
}

// unwrapped is the address in 64 bits.
func (th *thread) unwrapped(a *operand.Arg) uint64 {
	wide := *th.machine
	wide.class = elf.ELFCLASS64
	if a.Symbol == "" || a.Direct && a.Index.Name == "" {
		return (&thread{&wide, th.regs, th.bias}).address(a)
	}
	return 1 << 63
}

func specProgram(p *usdtbpf.Place, arg int32) asm.Instructions {
	prog := asm.Instructions{
		asm.Mov.Imm(asm.R2, arg),
		asm.Mov.Imm(asm.R4, -1),
		asm.StoreMem(asm.RFP, -8, asm.R4, asm.DWord),
		asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -8),
		asm.Call.Label("usdt_arg"),
		asm.Return(),
	}
	return append(prog, p.ArgFunc("usdt_arg", 0)...)
}

// What ArgFunc says of what is not there.
func TestArgFuncErrors(t *testing.T) {
	for i := range machines {
		m := &machines[i]
		p := m.place(true, nil)
		s, err := p.Spec([]operand.Arg{{Size: 4, Operand: operand.Operand{Kind: operand.Constant, Value: 7}}})
		if err != nil {
			t.Fatal(err)
		}
		b, err := s.Marshal(304)
		if err != nil {
			t.Fatal(err)
		}
		th := m.random(rand.New(rand.NewPCG(1, 2)), true)
		for _, tt := range []struct {
			arg, id int32
			want    int32
			value   uint64
		}{{0, 5, 0, 7}, {1, 5, -2, 0}, {12, 5, -2, 0}, {-1, 5, -2, 0}, {0, 4, -3, 0}} {
			r0, v, err := th.run(specProgram(p, tt.arg), map[uint32][]byte{uint32(tt.id): b})
			if err != nil || int32(r0) != tt.want || v != tt.value {
				t.Errorf("%s: argument %d of spec %d: %d, value %d, %v; want %d", m, tt.arg, tt.id, int32(r0), v, err, tt.want)
			}
		}
	}
}

// A fault is -EFAULT and a value of 0.
func TestFault(t *testing.T) {
	for i := range machines {
		m := &machines[i]
		for _, size := range []int{1, 2, 4, 8} {
			a := operand.Arg{Size: size, Signed: true, Operand: operand.Operand{Kind: operand.Memory, Symbol: "s", Direct: true}}
			p := m.place(false, []operand.Arg{a})
			ins, err := p.Fetch(a, -24)
			if err != nil {
				t.Fatal(err)
			}
			th := m.random(rand.New(rand.NewPCG(1, 2)), false)
			bm := bpfrun.Machine{Order: th.byteOrder(), Context: th.context()}
			r0, stack, err := bm.Run(fetchProgram(ins))
			if v := th.byteOrder().Uint64(stack[len(stack)-8:]); err != nil || int64(r0) != -14 || v != 0 {
				t.Errorf("%s, %d bytes: R0 %d, value 0x%x, %v", m, size, int64(r0), v, err)
			}
		}
	}
}

// Address is what Fetch reads at, and that of structures, which Fetch refuses.
func TestAddress(t *testing.T) {
	for i := range machines {
		m := &machines[i]
		if m.machine != elf.EM_X86_64 && m.machine != elf.EM_AARCH64 && m.machine != elf.EM_S390 {
			continue
		}
		text := map[elf.Machine]string{elf.EM_X86_64: "24@-64(%rbp,%rax,8)", elf.EM_AARCH64: "24@[x3, w4, sxtw 2]", elf.EM_S390: "24@160(%r15)"}[m.machine]
		a := operand.ParseArg(m.machine, m.class, text)
		p := m.place(false, nil)
		if _, err := p.Fetch(a, -8); !errors.Is(err, usdtbpf.ErrSize) || !strings.Contains(err.Error(), text) {
			t.Errorf("Fetch of %s: %v", text, err)
		}
		ins, err := p.Address(a, -24)
		if err != nil {
			t.Fatal(err)
		}
		th := m.random(rand.New(rand.NewPCG(1, 2)), false)
		if r0, v, err := th.run(fetchProgram(ins), nil); err != nil || r0 != 0 || v != th.address(&a) {
			t.Errorf("%s: 0x%x (%v), want 0x%x", text, v, err, th.address(&a))
		}
	}
	p := machines[0].place(false, nil)
	if _, err := p.Address(operand.ParseArg(elf.EM_X86_64, elf.ELFCLASS64, "8@%rax"), -8); err == nil {
		t.Error("a register has an address")
	}
}

// The pieces of a Switch run by cookie, and none for a cookie that no piece has.
func TestSwitch(t *testing.T) {
	piece := func(n int64) asm.Instructions {
		return asm.Instructions{asm.Mov.Imm(asm.R1, int32(n)), asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord)}
	}
	body, err := usdtbpf.Switch("site", piece(10), nil, piece(12))
	if err != nil {
		t.Fatal(err)
	}
	prog := asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1), asm.Mov.Imm(asm.R1, -1), asm.StoreMem(asm.RFP, -8, asm.R1, asm.DWord)}
	prog = append(append(prog, body...), asm.Return())
	for cookie, want := range []int64{10, -1, 12, -1} {
		bm := bpfrun.Machine{Order: machines[0].byteOrder(), Context: make([]byte, 168), Cookie: uint64(cookie)}
		_, stack, err := bm.Run(prog)
		if got := int64(bm.Order.Uint64(stack[len(stack)-8:])); err != nil || got != want {
			t.Errorf("cookie %d: %d, %v; want %d", cookie, got, err, want)
		}
	}
	if _, err := usdtbpf.Switch("x", make(asm.Instructions, 33000)); err == nil {
		t.Error("a jump over 33,000 instructions")
	}
}

// The layouts, byte by byte, as compilers make them of the two versions of the header.
func TestMarshal(t *testing.T) {
	p := machines[0].place(false, nil)
	args := operand.ParseArgs(elf.EM_X86_64, elf.ELFCLASS64, "-4@$-9 1@%ah -2@16(%rbp) 8@8(%rsp,%rdx,4)")
	s, err := p.Spec(args)
	if err != nil {
		t.Fatal(err)
	}
	s.Cookie = 0x1122334455667788
	old, err := s.Marshal(208)
	if !errors.Is(err, usdtbpf.ErrForm) || !strings.Contains(fmt.Sprint(err), "argument 3") {
		t.Errorf("an index before 1.7: %v", err)
	}
	const oldWant = "f7ffffffffffffff 00000000 0000 01 20" + "0000000000000000 01000000 5100 00 38" +
		"1000000000000000 02000000 2000 01 30" + "0800000000000000 ff000000 9800 00 00"
	if got := fmt.Sprintf("%x", old[:64]); got != strings.ReplaceAll(oldWant, " ", "") {
		t.Errorf("old: %s", got)
	}
	if got := fmt.Sprintf("%x", old[192:]); got != "88776655443322110400000000000000" {
		t.Errorf("the old one's end: %s", got)
	}
	b, err := s.Marshal(304)
	if err != nil {
		t.Fatal(err)
	}
	const want = "0800000000000000 03 00 6020 0000 9800 00 00 000000000000"
	if got := fmt.Sprintf("%x", b[72:96]); got != strings.ReplaceAll(want, " ", "") {
		t.Errorf("new: %s", got)
	}
	if got := fmt.Sprintf("%x", b[288:]); got != "88776655443322110400000000000000" {
		t.Errorf("the new one's end: %s", got)
	}
	if b, err := s.Marshal(200); b != nil || err == nil {
		t.Errorf("200 bytes: %x, %v", b, err)
	}
	many := make([]operand.Arg, 13)
	for i := range many {
		many[i] = args[0]
	}
	if _, err := p.Spec(many); err == nil {
		t.Error("13 arguments")
	}
}
