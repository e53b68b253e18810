// The same header with another constraint for its operands: memory where that can be, so that
// operands name symbols; and registers for floating point.
#include "testbin.h"
#if defined __powerpc64__
# define STAP_SDT_ARG_CONSTRAINT nZr
#else
# define STAP_SDT_ARG_CONSTRAINT m
#endif
#include <sys/sdt.h>

int exported_int = 7;             // an exported variable: through the GOT in a shared library
static int static_int = 8;
static short static_table[4] = {20, 21, 22, 23};
HIDDEN long hidden_long = 9;

// 7, 8, 22, static_table[i & 3], 9
HIDDEN CALLED void usdt_symbols(int i)
{
	long k = i & 3;
	KEEP(k);
	__asm__ volatile("" : "+m"(static_int), "+m"(static_table));
	STAP_PROBE5(probels, symbols, exported_int, static_int, static_table[2], static_table[k], hidden_long);
}
