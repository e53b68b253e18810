// USDT probes with arguments of every kind, as <sys/sdt.h> and the compiler write them. Where
// nothing else is said a site is run once in a round.
#include "testbin.h"
#include <sys/sdt.h>

struct pair { long a, b; };
struct triple { long a, b, c; };

HIDDEN volatile signed char v_i8 = -1;
HIDDEN volatile unsigned char v_u8 = 0xfe;
HIDDEN volatile short v_i16 = -300;
HIDDEN volatile unsigned short v_u16 = 0xfed4;
HIDDEN volatile int v_i32 = -70000;
HIDDEN volatile unsigned v_u32 = 0xfffeee90;
HIDDEN volatile long long v_i64 = -5000000000;
HIDDEN volatile unsigned long long v_u64 = 0xfedcba9876543210;
HIDDEN volatile float v_f32 = 1.5;
HIDDEN volatile double v_f64 = -2.25;
HIDDEN int table[8] = {100, 101, 102, 103, 104, 105, 106, 107};
HIDDEN long long longs[8] = {-10, -11, -12, -13, -14, -15, -16, -17};
HIDDEN void usdt_symbols(int);

// -1 0xfe -300 0xfed4 -70000 0xfffeee90 -5000000000 0xfedcba9876543210, in this order.
HIDDEN CALLED void usdt_ints(void)
{
	signed char a = v_i8; unsigned char b = v_u8; short c = v_i16; unsigned short d = v_u16;
	int e = v_i32; unsigned f = v_u32; long g = v_i64; unsigned long h = v_u64;
	STAP_PROBE4(probels, small, a, b, c, d);
	STAP_PROBE4(probels, ints, e, f, g, h);
}

// A pointer to a string, the address of a variable on the stack, a function, a null pointer.
HIDDEN CALLED void usdt_pointers(const char *s)
{
	int local = v_i32;
	KEEP(s);
	STAP_PROBE4(probels, pointers, s, &local, (void *)0, *s);
}

HIDDEN CALLED void usdt_floats(void)
{
	float f = v_f32;
	double d = v_f64;
	STAP_PROBE3(probels, floats, f, d, v_i32);
}

// 16 and 24 bytes by value, between two that everyone can read.
HIDDEN CALLED void usdt_structs(int i)
{
	KEEP(i);
#if defined __powerpc64__ // the constraint nZr takes no structure that needs more than a register
	STAP_PROBE2(probels, structs, i, v_u8);
#else
	struct pair p = {i, v_i32};
	struct triple t = {i, i + 1, v_i32};
	STAP_PROBE4(probels, structs, i, p, t, v_u8);
#endif
}

HIDDEN CALLED void usdt_constants(void)
{
	STAP_PROBE5(probels, constants, 42, -7, 'x', 0x89abcdefu, (unsigned char)200);
}

// table[i & 7], longs[i & 7]: base, index and scale where the machine has such an address.
HIDDEN CALLED void usdt_elements(int *t, long long *l, int i)
{
	long k = i & 7;
	KEEP(t);
	KEEP(l);
	KEEP(k);
	STAP_PROBE2(probels, elements, t[k], l[k]);
}

// Twelve arguments: not all fit in registers.
HIDDEN CALLED void usdt_many(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l)
{
	STAP_PROBE12(probels, many, a, b, c, d, e, f, g, h, i, j, k, l);
}

// One probe in an inline function: probels:inlined has three sites, each run once in a round.
static inline __attribute__((always_inline)) void site(int i)
{
	KEEP(i);
	STAP_PROBE1(probels, inlined, i);
}
HIDDEN CALLED void usdt_inlined_1(int i)
{
	site(i);
}
HIDDEN CALLED void usdt_inlined_2(int i)
{
	site(v_i32);
	site(i + 1);
}

// One name with arguments that differ by site.
HIDDEN CALLED void usdt_differ(int i)
{
	STAP_PROBE1(probels, differ, i);
	STAP_PROBE2(probels, differ, v_u8, v_i16);
}

// Another provider, a double underscore as DTrace writes a dash, and a name that a probe of probels has.
HIDDEN CALLED void usdt_names(int i)
{
	STAP_PROBE(other_provider, plain);
	STAP_PROBE1(other_provider, query__start, i);
}

HIDDEN CALLED void usdt_round(int i)
{
	STAP_PROBE(probels, plain);
	usdt_ints();
	usdt_pointers("text");
	usdt_floats();
	usdt_structs(i);
	usdt_constants();
	usdt_elements(table, longs, i);
	usdt_many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
	usdt_inlined_1(i);
	usdt_inlined_2(i);
	usdt_differ(i);
	usdt_names(i);
	usdt_symbols(i);
}
