// Functions of every kind. run() is one round: where nothing else is said, each function is called
// once in a round, so N times by "probe N".
#include "testbin.h"

int counter;                                  // data symbols: never a place for a uprobe
const int constant_data[4] = {1, 2, 3, 4};
static int local_data[8];

HIDDEN int call_helper_a(int), call_helper_b(int); // a.c, b.c
HIDDEN void usdt_round(int);                       // usdt.c
HIDDEN int guarded(int);                           // b.c

CALLED int traced(int i)
{
	counter += i;
	return counter;
}

// Three names at one address: called three times in a round, once by each name.
CALLED int aliased(int i)
{
	KEEP(i);
	return i + 1;
}
int alias_strong(int) __attribute__((alias("aliased")));
int alias_weak(int) __attribute__((weak, alias("aliased")));

// Two exits at least; the branch to unlikely is splitter.cold, and never taken.
__attribute__((cold)) CALLED int unlikely(int i)
{
	return i * 3;
}
CALLED int splitter(int i)
{
	KEEP(i);
	if (__builtin_expect(i == -12345, 0)) {
		int r = unlikely(i);
		KEEP(r);
		return r + unlikely(r);
	}
	local_data[i & 7]++;
	return local_data[(i + 1) & 7];
}

// Ends by a jump into traced_tail, so that it has no return instruction of its own.
CALLED int traced_tail(int i)
{
	return i - 1;
}
CALLED int tail_caller(int i)
{
	counter++;
	return traced_tail(i);
}

// Three exits.
CALLED int exits(int i)
{
	KEEP(i);
	if (i & 1)
		return traced_tail(i + 1) + 5;
	if (i & 2)
		return i ^ counter;
	return traced_tail(i) * 7;
}

// Calls itself: 4 times in a round.
CALLED int recursive(int depth)
{
	if (depth == 0)
		return 0;
	int r = recursive(depth - 1);
	KEEP(r);
	return r + 1;
}

// Inlined into both callers; each copy is run once in a round.
static inline __attribute__((always_inline)) int inlined(int i)
{
	int twice = i * 2;
	KEEP(twice);
	counter += twice;
	return twice;
}
CALLED int inline_caller_1(int i)
{
	return inlined(i) + 1;
}
CALLED int inline_caller_2(int i)
{
	return inlined(i) - inlined(i + 1); // two copies here
}

// Symbols as hand-written assembler leaves them: no size, and no type.
int size0(int);
int notype(int);
#if defined __arm__ && defined __thumb__
# define MARK ".thumb_func\n"
#else
# define MARK
#endif
#if defined __powerpc64__ && _CALL_ELF != 2
# define FUNCTION(name) ".section .opd, \"aw\"\n.balign 8\n" name ": .quad .L." name ", .TOC.@tocbase, 0\n.text\n.L." name ":\n"
#else
# define FUNCTION(name) MARK name ":\n"
#endif
#if defined __x86_64__ || defined __i386__
# define RETURN "ret\n"
#elif defined __aarch64__ || defined __riscv
# define RETURN "ret\n"
#elif defined __arm__
# define RETURN "bx lr\n"
#elif defined __s390x__
# define RETURN "br %r14\n"
#elif defined __powerpc64__
# define RETURN "blr\n"
#elif defined __mips64
# define RETURN "jr $31\n"
#endif
__asm__(".text\n.balign 16\n"
	".globl size0\n.type size0, %function\n" FUNCTION("size0") RETURN
	".text\n.balign 16\n"
	".globl notype\n" FUNCTION("notype") RETURN);

HIDDEN void run(int i)
{
	KEEP(i);
	CALL(traced(i));
	CALL(aliased(i));
	CALL(alias_strong(i));
	CALL(alias_weak(i));
	CALL(splitter(i));
	CALL(tail_caller(i)); // traced_tail: once from here; exits calls it when i & 3 is not 2
	CALL(exits(i));
	CALL(recursive(3));
	CALL(inline_caller_1(i));
	CALL(inline_caller_2(i));
	CALL(size0(i));
	CALL(notype(i));
	CALL(call_helper_a(i));
	CALL(call_helper_b(i));
	usdt_round(i);
	CALL(guarded(i));
}
