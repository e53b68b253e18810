package abi

import "debug/elf"

// A goMachine is Go's conventions on one machine.
type goMachine struct {
	ints, floats []string
	sp           string
	frame        int64 // from the stack pointer at a function's entry to the arguments
}

func names(prefix string, ns ...string) (all []string) {
	for _, n := range ns {
		all = append(all, prefix+n)
	}
	return all
}

func goRegs(m elf.Machine) (g goMachine, ok bool) {
	switch m {
	case elf.EM_X86_64:
		return goMachine{[]string{"rax", "rbx", "rcx", "rdi", "rsi", "r8", "r9", "r10", "r11"},
			names("xmm", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"), "rsp", 8}, true
	case elf.EM_AARCH64:
		n := []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"}
		return goMachine{names("x", n...), names("v", n...), "sp", 8}, true
	case elf.EM_PPC64:
		return goMachine{names("r", "3", "4", "5", "6", "7", "8", "9", "10", "14", "15", "16", "17"),
			names("f", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"), "r1", 32}, true
	case elf.EM_RISCV:
		return goMachine{[]string{"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7"},
			[]string{"fa0", "fa1", "fa2", "fa3", "fa4", "fa5", "fa6", "fa7", "fs0", "fs1", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7"}, "sp", 8}, true
	case elf.EM_LOONGARCH:
		return goMachine{names("r", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17", "18", "19"),
			names("f", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"), "sp", 8}, true
	case elf.EM_S390:
		return goMachine{names("r", "2", "3", "4", "5", "6", "7", "8", "9"),
			names("f", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"), "r15", 8}, true
	}
	return g, false
}

// GoConvention is what functions written in Go have, compiled by Go 1.minor for machine m. Functions
// written in assembly are ABI0 whatever the version.
func GoConvention(m elf.Machine, minor int) Convention {
	since := map[elf.Machine]int{elf.EM_X86_64: 17, elf.EM_AARCH64: 18, elf.EM_PPC64: 18, elf.EM_RISCV: 19, elf.EM_LOONGARCH: 22, elf.EM_S390: 26}
	if v, ok := since[m]; ok && minor >= v {
		return Go
	}
	return Go0
}

// goABI is Go's conventions: ABIInternal, whose registers are those of goRegs, or ABI0, which has none.
type goABI struct {
	f            *Func
	m            goMachine
	ints, floats int
	stack        int64
	off          int64 // of the value that is being assigned
}

func newGo(f *Func) assigner {
	m, ok := goRegs(f.Machine)
	switch {
	case f.Machine == elf.EM_386:
		m, ok = goMachine{sp: "esp", frame: 4}, true
	case f.Machine == elf.EM_ARM:
		m, ok = goMachine{sp: "sp", frame: 4}, true
	}
	if !ok || f.reg(m.sp).Name == "" {
		return nil
	}
	if f.Convention == Go0 {
		m.ints, m.floats = nil, nil
	}
	return &goABI{f: f, m: m}
}

func (a *goABI) assign(params, results []Value) {
	for i, t := range a.f.Params {
		params[i] = a.value(t)
	}
	a.stack = up(a.stack, a.f.word())
	a.ints, a.floats = 0, 0
	for i, t := range a.f.Results {
		results[i] = a.value(t)
	}
}

// value gives registers to all of a value, or the stack.
func (a *goABI) value(t *Type) Value {
	ints, floats := a.ints, a.floats
	var v Value
	if t.Size > 0 {
		if a.register(t, 0, &v.Places) {
			return v
		}
		a.ints, a.floats = ints, floats
	}
	a.stack = up(a.stack, t.align())
	v.Places = nil
	if t.Size > 0 {
		v.Places = []Place{a.f.inMem(a.m.sp, a.m.frame+a.stack, 0, t.Size)}
	}
	a.stack += t.Size
	return v
}

func (a *goABI) register(t *Type, off int64, ps *[]Place) bool {
	switch t.Kind {
	case Int, Pointer:
		word := a.f.word()
		for at := int64(0); at < t.Size; at += word {
			if a.ints >= len(a.m.ints) {
				return false
			}
			*ps = append(*ps, a.f.inReg(a.m.ints[a.ints], off+at, min(word, t.Size-at)))
			a.ints++
		}
		return t.Size <= word
	case Float:
		if a.floats >= len(a.m.floats) {
			return false
		}
		*ps = append(*ps, a.f.inReg(a.m.floats[a.floats], off, t.Size))
		a.floats++
		return true
	case Complex:
		return a.register(t.Elem, off, ps) && a.register(t.Elem, off+t.Elem.Size, ps)
	case Array:
		return t.Len == 0 || t.Len == 1 && a.register(t.Elem, off, ps)
	case Struct:
		for _, m := range t.Fields {
			if !a.register(m.Type, off+m.Offset, ps) {
				return false
			}
		}
		return true
	}
	return false
}
