// Floating-point values in floating-point registers, which the header's own constraints never choose.
#include "testbin.h"
#if defined __x86_64__
# define STAP_SDT_ARG_CONSTRAINT x
#elif defined __aarch64__ || defined __arm__
# define STAP_SDT_ARG_CONSTRAINT w
#else
# define STAP_SDT_ARG_CONSTRAINT f
#endif
#include <sys/sdt.h>

// 1.5, -2.25 for "usdt_fp 1": the values are those of a round's number.
HIDDEN CALLED void usdt_fp(float f, double d)
{
	STAP_PROBE2(probels, registers, f, d);
}

HIDDEN void run(int i)
{
	usdt_fp(i + 1.5f, i - 2.25);
}
