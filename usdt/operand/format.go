package operand

import (
	"debug/elf"
	"strconv"
)

// String returns the argument in the machine's notation, one spelling for
// every way of writing it: ParseArg of it gives the same Arg, but for Text.
// Of an argument that could not be read it is Text.
func (a Arg) String() string {
	if a.Kind == Unparsed {
		return a.Text
	}
	var buf [64]byte
	b := buf[:0]
	if a.NoSize && a.Signed {
		b = append(b, "-\x00@"...)
	} else if !a.NoSize {
		if a.Signed {
			b = append(b, '-')
		}
		b = strconv.AppendInt(b, int64(a.Size), 10)
		if a.Float {
			b = append(b, 'f')
		}
		b = append(b, '@')
	}
	return string(a.Operand.append(b))
}

// String returns the operand in the notation of the machine that it was parsed
// for or, if it was put together otherwise, that its registers belong to; "?"
// if Kind is Unparsed.
func (o Operand) String() string {
	for _, r := range [...]*Reg{&o.Reg, &o.Base, &o.Index} {
		if o.machine == elf.EM_NONE {
			o.machine = r.machine
		}
	}
	var buf [64]byte
	return string(o.append(buf[:0]))
}

func (o *Operand) append(b []byte) []byte {
	switch o.Kind {
	case Constant:
		return o.appendConstant(b)
	case Register:
		return appendReg(b, o.Reg)
	case Memory:
		return o.appendMemory(b)
	}
	return append(b, '?')
}

func (o *Operand) appendConstant(b []byte) []byte {
	switch o.machine {
	case elf.EM_X86_64, elf.EM_386:
		b = append(b, '$')
	case elf.EM_ARM:
		b = append(b, '#')
	case elf.EM_AARCH64:
		if o.Symbol != "" {
			b = append(b, '#')
		}
	case elf.EM_PPC, elf.EM_PPC64:
		b = append(b, 'i')
		if o.Symbol != "" {
			b = append(b, '(')
			b = o.appendDisp(o.appendSymbol(b))
			return append(b, ')')
		}
	}
	switch {
	case o.Symbol != "":
		return o.appendDisp(o.appendSymbol(b))
	case o.Unsigned:
		return strconv.AppendUint(b, uint64(o.Value), 10)
	}
	return strconv.AppendInt(b, o.Value, 10)
}

func (o *Operand) appendMemory(b []byte) []byte {
	switch o.machine {
	case elf.EM_AARCH64, elf.EM_ARM:
		if o.Base.Name != "" {
			return o.appendBracketed(b)
		}
	case elf.EM_LOONGARCH:
		if o.Base.Name != "" {
			b = append(appendReg(b, o.Base), ',')
			if o.Index.Name != "" {
				return appendReg(b, o.Index)
			}
			return o.appendAddend(b)
		}
	case elf.EM_PPC, elf.EM_PPC64:
		if o.Index.Name != "" {
			b = append(appendReg(b, o.Base), ',')
			return appendReg(b, o.Index)
		}
	}
	if o.Segment != "" {
		b = append(b, '%')
		b = append(b, o.Segment...)
		b = append(b, ':')
	}
	first, second, scale := o.Base, o.Index, int32(0)
	switch o.machine {
	case elf.EM_S390:
		if o.Index.Name != "" {
			first, second = o.Index, o.Base
		}
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
		if o.Index.Name != "" {
			b, second = appendReg(b, o.Index), Reg{}
		} else {
			b = o.appendAddend(b)
		}
	default:
		scale = o.Scale
	}
	if !isMIPS(o.machine) {
		b = o.appendAddend(b)
	}
	if first.Name == "" && second.Name == "" {
		return b
	}
	b = append(b, '(')
	b = appendReg(b, first)
	if second.Name != "" {
		b = append(b, ',')
		b = appendReg(b, second)
		if scale != 0 {
			b = append(b, ',')
			b = strconv.AppendInt(b, int64(scale), 10)
		}
	}
	return append(b, ')')
}

func (o *Operand) appendBracketed(b []byte) []byte {
	b = append(b, '[')
	b = appendReg(b, o.Base)
	switch {
	case o.Index.Name != "":
		b = append(b, ", "...)
		scale := o.Scale
		if scale < 0 {
			b = append(b, '-')
			scale = -scale
		}
		b = appendReg(b, o.Index)
		shift := int64(o.ShiftBy)
		for ; scale > 1; scale >>= 1 {
			shift++
		}
		name := [...]string{"lsl", "uxtw", "sxtw", "lsr", "asr", "ror"}[o.Extend%6]
		if shift != 0 || o.Extend != NoExtend {
			b = append(b, ", "...)
			b = append(b, name...)
		}
		if shift != 0 {
			b = append(b, ' ')
			b = o.appendHash(b)
			b = strconv.AppendInt(b, shift, 10)
		}
	case o.Symbol != "":
		b = append(b, ", #"...)
		b = o.appendAddend(b)
	case o.Disp != 0:
		b = append(b, ", "...)
		b = o.appendHash(b)
		b = strconv.AppendInt(b, o.Disp, 10)
	}
	return append(b, ']')
}

func (o *Operand) appendHash(b []byte) []byte {
	if o.machine == elf.EM_ARM {
		return append(b, '#')
	}
	return b
}

// appendAddend appends what is added to the registers, with the operator that
// Direct stands for.
func (o *Operand) appendAddend(b []byte) []byte {
	if o.Symbol == "" {
		return strconv.AppendInt(b, o.Disp, 10)
	}
	before, after := "", ""
	if o.Direct {
		switch o.machine {
		case elf.EM_AARCH64:
			before = ":lo12:"
		case elf.EM_RISCV, elf.EM_MIPS, elf.EM_MIPS_RS3_LE:
			before, after = "%lo(", ")"
		case elf.EM_LOONGARCH:
			before, after = "%pc_lo12(", ")"
		case elf.EM_PPC, elf.EM_PPC64:
			after = "@l"
		}
	}
	b = append(b, before...)
	b = o.appendSymbol(b)
	b = append(b, after...)
	return o.appendDisp(b)
}

func (o *Operand) appendDisp(b []byte) []byte {
	if o.Disp > 0 {
		b = append(b, '+')
	}
	if o.Disp != 0 {
		b = strconv.AppendInt(b, o.Disp, 10)
	}
	return b
}

// appendSymbol appends the symbol, in quotes where it would not be read back
// without them.
func (o *Operand) appendSymbol(b []byte) []byte {
	if o.plain() {
		return append(b, o.Symbol...)
	}
	b = append(b, '"')
	for i := 0; i < len(o.Symbol); i++ {
		if ch := o.Symbol[i]; ch == '"' || ch == '\\' {
			b = append(b, '\\')
		}
		b = append(b, o.Symbol[i])
	}
	return append(b, '"')
}

func (o *Operand) plain() bool {
	p := parser{m: o.machine, c: elf.ELFCLASS64, size: 8, s: o.Symbol, inside: o.Direct}
	var v value
	if o.Direct {
		v = p.symbol() // no room for the difference of two
	} else {
		v = p.expr(1)
	}
	if (o.machine == elf.EM_PPC || o.machine == elf.EM_PPC64) && (ppcConstant(o.Symbol) || o.Symbol == "i" && o.Disp < 0) {
		return false // "i-6" is the number
	}
	return !p.failed() && p.done() && v.num == 0 && v.whole() == o.Symbol
}

func appendReg(b []byte, r Reg) []byte {
	if r.Name == "" {
		return b
	}
	switch r.machine {
	case elf.EM_X86_64, elf.EM_386, elf.EM_S390:
		b = append(b, '%')
	case elf.EM_MIPS, elf.EM_MIPS_RS3_LE, elf.EM_LOONGARCH:
		b = append(b, '$')
	}
	return append(b, r.Name...)
}
