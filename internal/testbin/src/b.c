// The other static helper, and the probe with a semaphore.
#include "testbin.h"
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

extern volatile unsigned short probels_guarded_semaphore, probels_always_semaphore;
__attribute__((section(".probes"))) volatile unsigned short probels_guarded_semaphore, probels_always_semaphore;

static CALLED int helper(int i)
{
	return i * 20 + 3;
}

HIDDEN int call_helper_b(int i)
{
	return helper(i) + 2;
}

// probels:guarded is run only while its semaphore is up; probels:always has one and ignores it.
HIDDEN CALLED int guarded(int i)
{
	if (__builtin_expect(probels_guarded_semaphore, 0))
		STAP_PROBE2(probels, guarded, i, probels_guarded_semaphore);
	STAP_PROBE1(probels, always, i);
	return i;
}
