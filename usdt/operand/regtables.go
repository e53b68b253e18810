package operand

// Numbers are the machines' own, which are also the order in struct pt_regs.

func aarch64Lookup(r *Reg, name string) {
	r.num = noReg
	switch name {
	case "sp":
		r.num, r.Width = 31, 8
		return
	case "wsp":
		r.num, r.Width = 31, 4
		return
	case "xzr":
		*r = Reg{Width: 8, class: regZero}
		return
	case "wzr":
		*r = Reg{Width: 4, class: regZero}
		return
	case "fp":
		r.num, r.Width = 29, 8
		return
	case "lr":
		r.num, r.Width = 30, 8
		return
	case "ip0":
		r.num, r.Width = 16, 8
		return
	case "ip1":
		r.num, r.Width = 17, 8
		return
	}
	if len(name) < 2 {
		return
	}
	r.num = regNumber(name[1:], 31)
	switch name[0] {
	case 'x':
		if r.Width = 8; r.num == 31 {
			r.Name = "sp"
		}
		return
	case 'w':
		if r.Width = 4; r.num == 31 {
			r.Name = "wsp"
		}
		return
	case 'v', 'q':
		r.Width = 16
	case 'd':
		r.Width = 8
	case 's':
		r.Width = 4
	case 'h':
		r.Width = 2
	case 'b':
		r.Width = 1
	default:
		r.num = noReg
	}
	r.class = regOther
}

func armLookup(r *Reg, name string) {
	r.num, r.Width = noReg, 4
	switch name {
	case "sb":
		r.num = 9
	case "sl":
		r.num = 10
	case "fp":
		r.num = 11
	case "ip":
		r.num = 12
	case "sp":
		r.num = 13
	case "lr":
		r.num = 14
	case "pc":
		r.num = 15
	}
	if r.num != noReg || len(name) < 2 {
		return
	}
	rest := name[1:]
	switch name[0] {
	case 'r':
		if r.num = regNumber(rest, 15); r.num == 13 {
			r.Name = "sp"
		}
	case 'a': // a1 to a4
		if n := regNumber(rest, 4); n != noReg && n > 0 {
			r.num = n - 1
		}
	case 'v': // v1 to v8
		if n := regNumber(rest, 8); n != noReg && n > 0 {
			r.num = n + 3
		}
	case 's':
		r.num, r.class = regNumber(rest, 31), regOther
	case 'd':
		r.num, r.class, r.Width = regNumber(rest, 31), regOther, 8
	case 'q':
		r.num, r.class, r.Width = regNumber(rest, 15), regOther, 16
	}
}

var ppcNames = [32]string{
	"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27", "r28", "r29", "r30", "r31",
}

func ppcLookup(r *Reg, name string) {
	if n := regNumber(name, 31); n != noReg {
		*r = Reg{num: n, Name: ppcNames[n]}
		return
	}
	r.num = noReg
	if len(name) < 2 {
		return
	}
	switch {
	case name[0] == 'r':
		r.num = regNumber(name[1:], 31)
	case name[0] == 'f':
		r.num, r.class, r.Width = regNumber(name[1:], 31), regOther, 8
	case name[0] == 'v' && name[1] == 's':
		r.num, r.class, r.Width = regNumber(name[2:], 63), regOther, 16
	case name[0] == 'v':
		r.num, r.class, r.Width = regNumber(name[1:], 31), regOther, 16
	}
}

func s390Lookup(r *Reg, name string) {
	r.num = noReg
	if len(name) < 2 {
		return
	}
	switch name[0] {
	case 'r':
		r.num = regNumber(name[1:], 15)
	case 'f':
		r.num, r.class, r.Width = regNumber(name[1:], 15), regOther, 8
	case 'v':
		r.num, r.class, r.Width = regNumber(name[1:], 31), regOther, 16
	case 'a':
		r.num, r.class, r.Width = regNumber(name[1:], 15), regOther, 4
	}
}

func riscvLookup(r *Reg, name string) {
	r.num = noReg
	switch name {
	case "zero":
		*r = Reg{class: regZero}
		return
	case "pc":
		*r = Reg{class: regPC}
		return
	case "ra":
		r.num = 1
	case "sp":
		r.num = 2
	case "gp":
		r.num = 3
	case "tp":
		r.num = 4
	case "fp":
		r.num = 8
	}
	if r.num != noReg || len(name) < 2 {
		return
	}
	n := regNumber(name[1:], 31)
	switch ch := name[0]; {
	case ch == 'f':
		r.class, r.Width = regOther, 8
		max, rest := uint8(31), name[1:]
		switch name[1] {
		case 'a':
			max, rest = 7, name[2:]
		case 's', 't':
			max, rest = 11, name[2:]
		}
		r.num = regNumber(rest, max)
	case n == noReg:
	case ch == 'x' && n == 0:
		*r = Reg{class: regZero}
		return
	case ch == 'x':
		if r.num = n; n == 2 {
			r.Name = "sp"
		}
	case ch == 'v':
		r.num, r.class, r.Width = n, regOther, 16 // at least
	case ch == 'a' && n <= 7:
		r.num = 10 + n
	case ch == 's' && n <= 1:
		r.num = 8 + n
	case ch == 's' && n <= 11:
		r.num = 16 + n
	case ch == 't' && n <= 2:
		r.num = 5 + n
	case ch == 't' && n <= 6:
		r.num = 25 + n
	}
}

// mipsLookup: wide is the 64-bit ABIs' naming, where a4 to a7 took the place
// of t0 to t3. Compilers write numbers, and names only for sp, fp, gp and ra.
func mipsLookup(r *Reg, name string, wide bool) {
	r.num = noReg
	switch name {
	case "0", "zero":
		*r = Reg{class: regZero}
		return
	case "at":
		r.num = 1
	case "gp":
		r.num = 28
	case "sp":
		r.num = 29
	case "fp", "s8":
		r.num = 30
	case "ra":
		r.num = 31
	}
	if r.num != noReg || len(name) == 0 {
		return
	}
	if r.num = regNumber(name, 31); r.num != noReg {
		if r.num == 29 {
			r.Name = "sp"
		}
		return
	}
	n := regNumber(name[1:], 31)
	if n == noReg {
		return
	}
	switch ch := name[0]; {
	case ch == 'f':
		r.num, r.class, r.Width = n, regOther, 8
	case ch == 'w':
		r.num, r.class, r.Width = n, regOther, 16
	case ch == 'v' && n <= 1:
		r.num = 2 + n
	case ch == 'a' && (n <= 3 || wide && n <= 7):
		r.num = 4 + n
	case ch == 't' && (n == 8 || n == 9):
		r.num = 16 + n
	case ch == 't' && n <= 7 && !wide:
		r.num = 8 + n
	case ch == 't' && n <= 3:
		r.num = 12 + n
	case ch == 's' && n <= 7:
		r.num = 16 + n
	case ch == 'k' && n <= 1:
		r.num = 26 + n
	}
}

func loongarchLookup(r *Reg, name string) {
	r.num = noReg
	switch name {
	case "zero", "r0":
		*r = Reg{class: regZero}
		return
	case "ra":
		r.num = 1
	case "tp":
		r.num = 2
	case "sp":
		r.num = 3
	case "fp", "s9":
		r.num = 22
	}
	if r.num != noReg || len(name) < 2 {
		return
	}
	n := regNumber(name[1:], 31)
	switch ch := name[0]; {
	case ch == 'r' && n != noReg:
		if r.num = n; n == 3 {
			r.Name = "sp"
		}
	case ch == 'f':
		r.class, r.Width = regOther, 8
		max, rest := uint8(31), name[1:]
		switch name[1] {
		case 'a', 's':
			max, rest = 7, name[2:]
		case 't':
			max, rest = 15, name[2:]
		}
		r.num = regNumber(rest, max)
	case ch == 'v' && name[1] == 'r':
		r.num, r.class, r.Width = regNumber(name[2:], 31), regOther, 16
	case ch == 'x' && name[1] == 'r':
		r.num, r.class, r.Width = regNumber(name[2:], 31), regOther, 32
	case n == noReg:
	case ch == 'a' && n <= 7, ch == 'v' && n <= 1:
		r.num = 4 + n
	case ch == 't' && n <= 8:
		r.num = 12 + n
	case ch == 's' && n <= 8:
		r.num = 23 + n
	}
}
