// Package operand reads assembler operands: the argument strings of USDT
// probes, "8@%rbp -4@112(%rsp)", for every machine that Linux programs are
// built for, whatever machine it runs on. It also has the machines' registers
// and says where a kernel keeps them.
//
// # Where the strings come from
//
// A macro of <sys/sdt.h>, DTRACE_PROBE2(prov, name, a, b), expands to an asm
// statement whose one instruction is a nop and whose inputs are a and b. The
// compiler thus keeps both values somewhere when the nop is reached, and
// prints where, in the operand syntax of its assembler, into the template:
// a string in the section .note.stapsdt. Nobody ever assembled that string. It
// says what an instruction at the nop would have to name to get at the value.
// The constraint in the asm decides what may come: by default a number, memory
// or a general register ("nor"; on powerpc "nZr", on arm "g"), and a program may
// set STAP_SDT_ARG_CONSTRAINT before including the header. Notes are also
// written by hand in assembly and by libraries that copied the macro.
//
// # The grammar
//
// Arguments are separated by blanks. Each is
//
//	[ [-] N [f] @ ] operand
//
// N is the value's size in bytes, a minus says that it is signed, an f that it
// is a floating-point number (only newer versions of the header write that).
// Structures have sizes of their own, 12 or 40. Without "N@" the value is a
// word of the program, unsigned. Blanks also stand inside an operand: "[sp, 12]".
//
// An operand is one of three things.
//
//   - A constant. Value is what was written: "8@$-1" is an unsigned 8-byte value
//     of all ones, but Value is -1. Reduce it to Size. A float's is its bits.
//   - A register. The size before the @ governs, not the register's: "1@%eax" is
//     one byte, the lowest.
//   - Memory, of which the operand gives the address. On a big-endian machine
//     too, that is where the value of Size bytes begins.
//
// How they are written depends on the machine of the file:
//
//	machine    constant  register   memory
//	x86        $5        %eax       -8(%rbp,%rcx,4)  sym+8(%rip)  %fs:40  4096
//	aarch64    5  #5     x0 w3 sp   [x0, 8]  [x0, w1, sxtw 2]  [x0, #:lo12:sym]
//	arm        #5  5     r0 fp      [r0, #8]  [r0, -r1, lsl #2]  .L4+8
//	powerpc    i5        5  r5      8(5)  9,10  sym@toc@l(9)
//	s390       5         %r5        8(%r5)  8(%r1,%r5), the index first
//	riscv      5         a0 x10     8(s0)  %lo(sym)(a5)
//	mips       5         $5 $fp     8($fp)  %lo(sym)($2)
//	loongarch  5         $r12 $a0   $r12,8  $r12,$r13
//
// On powerpc a bare number is a register. Numbers are decimal, 0x hexadecimal,
// 0b binary or octal with a leading 0. Displacements may be sums ("4+4(%esp)",
// which i386's libc has). Constants may be expressions, as GDB evaluates them:
// || then && then + - == != <> < <= > >= then | & ^ then * / % << >>, the latter
// binding tightest, unary - + ~ !, parentheses. Comparisons are 1 or 0.
//
// # Symbols
//
// "sym+8(%rip)" is the variable's address, "$sym+8" the address as a value.
// Operators that only say how instructions share an address between them
// (":lo12:", "%lo()", "@l", "@toc@l", "%pc_lo12()") are taken off, and Direct is
// set: the address is the symbol's, the base register holds another part of the
// same thing. Operators that name something else, as a slot of the global offset
// table that holds the address (@GOTPCREL, @GOTENT, ":got_lo12:") or an offset
// into thread-local storage (@tpoff, "%tprel_lo()"), stay in Symbol. Names that
// begin with ".L", and section anchors among them (.LANCHOR0), are in no symbol
// table.
//
// Outside x86, a symbol with no mark at all is the address as a value, if it
// could be one, and else a variable; on s390, where compilers write both the
// same way, an argument that could be either is an error.
//
// # Traps
//
//   - A value wider than the register named ("-8@%ecx" on i386, "8@r2" on arm,
//     "16@%rdi") lies in that register and others after it in the compiler's own
//     order, which the string does not tell. Of a number, a little-endian
//     program's register has the low half.
//   - Some header versions named a 16-bit register for a 32-bit value on i386
//     ("-4@%ax"). The size governs: read the wider register.
//   - A memory operand below the stack pointer ("-4@-20(%rsp)") is in the red
//     zone and valid at the nop only.
//   - Register 0 as a base is the number 0 on powerpc and s390; see Reg.Zero.
//
// Sources: <sys/sdt.h> of SystemTap; the manual of the GNU assembler on symbols,
// expressions and each machine's operands; the kernel's <asm/ptrace.h> of each
// machine; and what gcc 12 and clang 14 printed for a C file with arguments of
// every type, under several constraints, at each level of optimisation.
package operand
