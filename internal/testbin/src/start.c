// The start of every program here: no libc, so that a program is a few KB and holds only what is
// written in these files.
//
//	PROG [N]    call run() N times (default 1) and exit with status N & 127
//	PROG N w    write "ready\n"; for each byte read from standard input call run() N times and write
//	            "done\n"; at end of input exit with status N & 127. A test can find the process, attach
//	            to it, and only then let it run.
#include "testbin.h"

#if defined __x86_64__ && defined __ILP32__
# define NR(amd64, i386, generic, arm, ppc, s390, mips) (0x40000000 + amd64)
#elif defined __x86_64__
# define NR(amd64, i386, generic, arm, ppc, s390, mips) amd64
#elif defined __i386__
# define NR(amd64, i386, generic, arm, ppc, s390, mips) i386
#elif defined __arm__
# define NR(amd64, i386, generic, arm, ppc, s390, mips) arm
#elif defined __powerpc64__
# define NR(amd64, i386, generic, arm, ppc, s390, mips) ppc
#elif defined __s390x__
# define NR(amd64, i386, generic, arm, ppc, s390, mips) s390
#elif defined __mips64
# define NR(amd64, i386, generic, arm, ppc, s390, mips) mips
#else
# define NR(amd64, i386, generic, arm, ppc, s390, mips) generic
#endif

#define NR_read NR(0, 3, 63, 3, 3, 3, 5000)
#define NR_write NR(1, 4, 64, 4, 4, 4, 5001)
#define NR_exit NR(60, 1, 93, 1, 1, 1, 5058)

// The kernel jumps to _start with the stack pointer at argc. Each passes that pointer to start().
#if defined __x86_64__

__asm__(".text\n.globl _start\n.type _start, @function\n_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movq %rsp, %rdi\n"
	"	andq $-16, %rsp\n"
	"	call start\n"
	"	hlt\n"
	".size _start, .-_start\n");

static long syscall3(long nr, long a, long b, long c)
{
	long long r = nr; // the whole of rax, also where long has 32 bits
	__asm__ volatile("syscall" : "+a"(r) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return r;
}

#elif defined __i386__

__asm__(".text\n.globl _start\n.type _start, @function\n_start:\n"
	"	xorl %ebp, %ebp\n"
	"	movl %esp, %eax\n"
	"	andl $-16, %esp\n"
	"	subl $12, %esp\n"
	"	pushl %eax\n"
	"	call start\n"
	"	hlt\n"
	".size _start, .-_start\n");

static long syscall3(long nr, long a, long b, long c)
{
	__asm__ volatile("int $0x80" : "+a"(nr) : "b"(a), "c"(b), "d"(c) : "memory");
	return nr;
}

#elif defined __aarch64__

__asm__(".text\n.globl _start\n.type _start, %function\n_start:\n"
	"	mov x29, #0\n"
	"	mov x30, #0\n"
	"	mov x0, sp\n"
	"	and sp, x0, #-16\n"
	"	bl start\n"
	"	brk #0\n"
	".size _start, .-_start\n");

static long syscall3(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

#elif defined __arm__

__asm__(".text\n.arm\n.globl _start\n.type _start, %function\n_start:\n"
	"	mov fp, #0\n"
	"	mov lr, #0\n"
	"	mov r0, sp\n"
	"	bic sp, sp, #7\n"
	"	bl start\n"
	"	udf #0\n"
	".size _start, .-_start\n"
# ifdef __thumb__
	".thumb\n"
# endif
	);

__attribute__((target("arm"))) // r7 is the frame pointer of Thumb code
static long syscall3(long nr, long a, long b, long c)
{
	register long r7 __asm__("r7") = nr, r0 __asm__("r0") = a, r1 __asm__("r1") = b, r2 __asm__("r2") = c;
	__asm__ volatile("svc #0" : "+r"(r0) : "r"(r7), "r"(r1), "r"(r2) : "memory");
	return r0;
}

#elif defined __riscv

__asm__(".text\n.globl _start\n.type _start, @function\n_start:\n"
	".option push\n.option norelax\n"
	"	lla gp, __global_pointer$\n"
	".option pop\n"
	"	mv a0, sp\n"
	"	andi sp, sp, -16\n"
	"	call start\n"
	"	ebreak\n"
	".size _start, .-_start\n");

static long syscall3(long nr, long a, long b, long c)
{
	register long a7 __asm__("a7") = nr, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
	return a0;
}

#elif defined __s390x__

__asm__(".text\n.globl _start\n.type _start, @function\n_start:\n"
	"	lgr %r2, %r15\n"
	"	aghi %r15, -160\n"
	"	brasl %r14, start\n"
	"	.insn e, 0\n"
	".size _start, .-_start\n");

static long syscall3(long nr, long a, long b, long c)
{
	register long r1 __asm__("r1") = nr, r2 __asm__("r2") = a, r3 __asm__("r3") = b, r4 __asm__("r4") = c;
	__asm__ volatile("svc 0" : "+d"(r2) : "d"(r1), "d"(r3), "d"(r4) : "memory");
	return r2;
}

#elif defined __powerpc64__

// glibc's loader leaves a zero where the kernel has argc, and passes argv in r4 with argc just below it.
# define POWERPC_ARGUMENTS \
	"	mr 3, 1\n" \
	"	ld 5, 0(1)\n" \
	"	cmpdi 5, 0\n" \
	"	bne 1f\n" \
	"	addi 3, 4, -8\n" \
	"1:\n"

# if _CALL_ELF == 2
__asm__(".text\n.globl _start\n.type _start, @function\n_start:\n"
	"0:	addis 2, 12, .TOC.-0b@ha\n"
	"	addi 2, 2, .TOC.-0b@l\n"
	"	.localentry _start, .-_start\n"
	POWERPC_ARGUMENTS
	"	clrrdi 1, 1, 4\n"
	"	stdu 1, -128(1)\n"
	"	bl start\n"
	"	nop\n"
	"	trap\n"
	".size _start, .-_start\n");
# else // ELFv1: the symbol is a descriptor in .opd; the kernel reads code address and TOC from it
__asm__(".section .opd, \"aw\"\n.balign 8\n.globl _start\n.type _start, @function\n_start:\n"
	"	.quad .L._start, .TOC.@tocbase, 0\n"
	".text\n.L._start:\n"
	POWERPC_ARGUMENTS
	"	clrrdi 1, 1, 4\n"
	"	stdu 1, -128(1)\n"
	"	bl start\n"
	"	nop\n"
	"	trap\n"
	".size _start, .-.L._start\n");
# endif

static long syscall3(long nr, long a, long b, long c)
{
	register long r0 __asm__("r0") = nr, r3 __asm__("r3") = a, r4 __asm__("r4") = b, r5 __asm__("r5") = c;
	__asm__ volatile("sc" : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5) : :
		"r6", "r7", "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "memory");
	return r3;
}

#elif defined __mips64

// __start is where this machine's linker lets a program begin
__asm__(".text\n.globl _start, __start\n.type _start, @function\n.ent _start\n_start:\n__start:\n"
	"	.set noreorder\n"
	"	bal 1f\n"
	"	nop\n"
	"1:	.cpsetup $31, $25, 1b\n"
	"	.set reorder\n"
	"	move $4, $29\n"
	"	and $29, $29, -16\n"
	"	dla $25, start\n"
	"	jalr $25\n"
	"	break\n"
	".end _start\n.size _start, .-_start\n");

static long syscall3(long nr, long a, long b, long c)
{
	register long v0 __asm__("$2") = nr, a0 __asm__("$4") = a, a1 __asm__("$5") = b, a2 __asm__("$6") = c, a3 __asm__("$7");
	__asm__ volatile("syscall" : "+r"(v0), "=r"(a3) : "r"(a0), "r"(a1), "r"(a2) :
		"$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "hi", "lo", "memory");
	return v0;
}

#else
# error "no _start for this machine"
#endif

static int number(const char *s)
{
	int n = 0;
	while (*s >= '0' && *s <= '9')
		n = 10 * n + *s++ - '0';
	return n;
}

static void loop(int n)
{
	for (int i = 0; i < n; i++)
		run(i);
}

__attribute__((noreturn, used)) HIDDEN void start(long *sp)
{
	char **argv = (char **)(sp + 1), byte;
	int n = sp[0] > 1 ? number(argv[1]) : 1;

	if (sp[0] > 2) {
		syscall3(NR_write, 1, (long)"ready\n", 6);
		while (syscall3(NR_read, 0, (long)&byte, 1) == 1) {
			loop(n);
			syscall3(NR_write, 1, (long)"done\n", 5);
		}
	} else {
		loop(n);
	}
	for (;;)
		syscall3(NR_exit, n & 127, 0, 0);
}
