package insn

// What follows an opcode; the zero value is nothing.
const (
	opModRM = 1 << iota // ModRM, with its SIB and displacement
	opIb                // an immediate of 1 byte
	opIw                // 2 bytes
	opIz                // 4 bytes, or 2 with operand size 16
	opIv                // as opIz, but 8 with REX.W
	opMoffs             // an address, of the address size
	opBad               // no instruction
	opNo64              // none in 64-bit mode
)

const (
	mo = opModRM
	mb = opModRM | opIb
	mz = opModRM | opIz
	ib = opIb
	iw = opIw
	iz = opIz
	iv = opIv
	of = opMoffs
	xx = opBad
	n6 = opNo64
	nb = opNo64 | opIb
	nm = opNo64 | opModRM
	bm = opNo64 | opModRM | opIb
	np = opNo64 | opIz | opIw // a far pointer
	wb = opIw | opIb          // enter
)

// x86Map0 are the opcodes of one byte. Prefixes and escape bytes are taken before
// it is looked at, and stand here as bad.
var x86Map0 = [256]uint8{
	mo, mo, mo, mo, ib, iz, n6, n6, mo, mo, mo, mo, ib, iz, n6, xx, // 00
	mo, mo, mo, mo, ib, iz, n6, n6, mo, mo, mo, mo, ib, iz, n6, n6, // 10
	mo, mo, mo, mo, ib, iz, xx, n6, mo, mo, mo, mo, ib, iz, xx, n6, // 20
	mo, mo, mo, mo, ib, iz, xx, n6, mo, mo, mo, mo, ib, iz, xx, n6, // 30
	n6, n6, n6, n6, n6, n6, n6, n6, n6, n6, n6, n6, n6, n6, n6, n6, // 40
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // 50
	n6, n6, nm, mo, xx, xx, xx, xx, iz, mz, ib, mb, 0, 0, 0, 0, // 60
	ib, ib, ib, ib, ib, ib, ib, ib, ib, ib, ib, ib, ib, ib, ib, ib, // 70
	mb, mz, bm, mb, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // 80
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, np, 0, 0, 0, 0, 0, // 90
	of, of, of, of, 0, 0, 0, 0, ib, iz, 0, 0, 0, 0, 0, 0, // a0
	ib, ib, ib, ib, ib, ib, ib, ib, iv, iv, iv, iv, iv, iv, iv, iv, // b0
	mb, mb, iw, 0, nm, nm, mb, mz, wb, 0, iw, 0, 0, ib, n6, 0, // c0
	mo, mo, mo, mo, nb, nb, n6, 0, mo, mo, mo, mo, mo, mo, mo, mo, // d0
	ib, ib, ib, ib, ib, ib, ib, ib, iz, iz, np, ib, 0, 0, 0, 0, // e0
	xx, 0, xx, xx, 0, 0, mo, mo, 0, 0, 0, 0, 0, 0, mo, mo, // f0
}

// x86Map1 are the opcodes behind 0f.
var x86Map1 = [256]uint8{
	mo, mo, mo, mo, xx, 0, 0, 0, 0, 0, xx, 0, xx, mo, 0, mb, // 00; 0f is 3DNow!
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // 10
	mo, mo, mo, mo, xx, xx, xx, xx, mo, mo, mo, mo, mo, mo, mo, mo, // 20
	0, 0, 0, 0, 0, 0, xx, 0, xx, xx, xx, xx, xx, xx, xx, xx, // 30
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // 40
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // 50
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // 60
	mb, mb, mb, mb, mo, mo, mo, 0, mo, mo, xx, xx, mo, mo, mo, mo, // 70
	iz, iz, iz, iz, iz, iz, iz, iz, iz, iz, iz, iz, iz, iz, iz, iz, // 80
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // 90
	0, 0, 0, mo, mb, mo, mo, mo, 0, 0, 0, mo, mb, mo, mo, mo, // a0; a6, a7 are VIA's
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mb, mo, mo, mo, mo, mo, // b0
	mo, mo, mb, mo, mb, mb, mb, mo, 0, 0, 0, 0, 0, 0, 0, 0, // c0
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // d0
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // e0
	mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, mo, // f0
}
