/* Probes whose arguments have known values, in every form that a compiler keeps a value in. The test
   has the values. No libc: it is built for i386 too, where one may not be installed. */
#include <sys/sdt.h>

typedef signed char i8;
typedef unsigned char u8;
typedef short i16;
typedef unsigned short u16;
typedef int i32;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define NOINLINE __attribute__((noinline))
#define KEEP() __asm__ volatile("" ::: "memory")

struct all {
	i8 a;
	u8 b;
	i16 c;
	u16 d;
	i32 e;
	u32 f;
	i64 g;
	u64 h;
	float x;
	double y;
};
#define ALL {-5, 0xfb, -300, 0xfed4, -70000, 0xfffeee90, -5000000000LL, 0xfedcba9876543210ULL, 1.5f, -2.25}

static struct all hidden = ALL;
struct all shown = ALL;
volatile struct all vol = ALL;
static i8 i8s[8] = {-1, -2, -3, -4, -5, -6, -7, -8};
static u16 u16s[8] = {0xff00, 0xff01, 0xff02, 0xff03, 0xff04, 0xff05, 0xff06, 0xff07};
i32 i32s[8] = {-10, -11, -12, -13, -14, -15, -16, -17};
static i64 i64s[8] = {-1099511627776LL, -1099511627775LL, -1099511627774LL, -1099511627773LL, 4, 5, 6, 7};
void *volatile where;
volatile int three = 3;
volatile u32 word = 0x12fb8455;

struct three {
	long a, b, c;
};

NOINLINE void params(i8 a, u8 b, i16 c, u16 d, i32 e, u32 f, i64 g, u64 h)
{
	DTRACE_PROBE8(t, params, a, b, c, d, e, f, g, h);
}

NOINLINE void constants(void)
{
	DTRACE_PROBE8(t, constants, (i8)-5, (u8)0xfb, (i16)-300, (u16)0xfed4, -70000, 0xfffeee90u, -5000000000LL, 0xfedcba9876543210ULL);
	DTRACE_PROBE5(t, small, 0, 'x', (void *)0, 1 == 1, sizeof(int));
}

NOINLINE void globals(void)
{
	DTRACE_PROBE8(t, hidden, hidden.a, hidden.b, hidden.c, hidden.d, hidden.e, hidden.f, hidden.g, hidden.h);
	DTRACE_PROBE8(t, shown, shown.a, shown.b, shown.c, shown.d, shown.e, shown.f, shown.g, shown.h);
	KEEP();
}

NOINLINE void pointer(struct all *p)
{
	DTRACE_PROBE8(t, pointer, p->a, p->b, p->c, p->d, p->e, p->f, p->g, p->h);
	KEEP();
}

NOINLINE void elements(long i)
{
	DTRACE_PROBE5(t, elements, i8s[i], u16s[i], i32s[i], i64s[i], i32s[i + 2]);
	KEEP();
}

NOINLINE void narrow(int i)
{
	DTRACE_PROBE3(t, narrow, i8s[i], i32s[i - 2], i64s[i]);
	KEEP();
}

NOINLINE void vectors(i8 *a, u16 *b, i32 *c, i64 *d, long i)
{
	DTRACE_PROBE6(t, vectors, a[i], b[i], c[i], d[i], c[i - 1], d[i - 3]);
	KEEP();
}

/* A leaf: its variables may be below the stack pointer. */
NOINLINE void locals(long n)
{
	i32 a[8];
	i64 b[4];
	i8 c[8];
	for (int i = 0; i < 8; i++) {
		a[i] = i - 70000;
		b[i & 3] = i - 5000000000LL;
		c[i] = -1 - i;
	}
	__asm__ volatile("" ::"r"(a), "r"(b), "r"(c) : "memory");
	DTRACE_PROBE6(t, locals, a[n], b[n], c[n], a[5], b[1], c[7]);
}

NOINLINE void parts(u32 x)
{
	DTRACE_PROBE6(t, parts, (u8)x, (i8)x, (u8)(x >> 8), (i8)(x >> 8), (u16)x, (i16)x);
	DTRACE_PROBE3(t, shifted, (u8)(x >> 8), (i8)(x >> 8), x >> 16);
}

/* Many at once, so that registers run out. */
NOINLINE void many(i32 a, i64 b, i8 c, u16 d, struct all *p)
{
	DTRACE_PROBE12(t, many, a, b, c, d, p->e, p->g, a + 1, b + 1, (i8)(c + 1), p->a, p->h, p);
	KEEP();
}

NOINLINE void floats(float f, double d)
{
	DTRACE_PROBE2(t, floats, f, d);
	DTRACE_PROBE2(t, floats_mem, hidden.x, hidden.y);
	KEEP();
}

NOINLINE void structs(long n)
{
	struct three s = {n, n + 1, n + 2};
	DTRACE_PROBE2(t, structs, s, n);
}

static inline __attribute__((always_inline)) void copied(i32 n)
{
	DTRACE_PROBE1(t, copied, n);
}

NOINLINE void copies(i32 n, i32 *p)
{
	copied(-70000);
	copied(n);
	copied(*p);
	copied(n & -1);
}

NOINLINE void address(void)
{
	where = &shown;
	KEEP();
	DTRACE_PROBE2(t, address, &shown, where);
}

#ifdef THREAD
__thread i32 local_to_thread = 5;
NOINLINE void thread(void)
{
	DTRACE_PROBE1(t, thread, local_to_thread);
}
#endif

void run(void)
{
	params(vol.a, vol.b, vol.c, vol.d, vol.e, vol.f, vol.g, vol.h);
	constants();
	globals();
	pointer((struct all *)&vol);
	elements(three);
	narrow(three);
	vectors(i8s, u16s, i32s, i64s, three);
	locals(three);
	parts(word);
	many(vol.e, vol.g, vol.a, vol.d, &shown);
	floats(vol.x, vol.y);
	structs(three);
	copies(vol.e, &hidden.e);
	address();
#ifdef THREAD
	if (three == 4)
		thread(); /* without a libc nobody sets the thread up: the operand is looked at, not read */
#endif
}

#ifdef __x86_64__
__asm__(".globl _start\n_start: xor %ebp, %ebp\nand $-16, %rsp\ncall run\nmov $60, %eax\nxor %edi, %edi\nsyscall\n");
#else
__asm__(".globl _start\n_start: xor %ebp, %ebp\nand $-16, %esp\ncall run\nmov $1, %eax\nxor %ebx, %ebx\nint $0x80\n");
#endif
