// A shared library: versions, an ifunc, every visibility, thread-local data, and a probe with a semaphore.
#include "testbin.h"
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

volatile unsigned short probelib_entry_semaphore __attribute__((section(".probes"), visibility("hidden")));

// ver_func@V1 and ver_func@@V2 are two functions.
CALLED int ver_func_1(int i)
{
	return i + 1;
}
CALLED int ver_func_2(int i)
{
	return i + 2;
}
__asm__(".symver ver_func_1, ver_func@V1\n.symver ver_func_2, ver_func@@V2");

// same_func@V1 and same_func@@V2 are one.
CALLED int same_func_1(int i)
{
	return i + 3;
}
int same_func_2(int) __attribute__((alias("same_func_1")));
__asm__(".symver same_func_1, same_func@V1\n.symver same_func_2, same_func@@V2");

// Only an old version: a new program cannot link to it.
CALLED int old_func_1(int i)
{
	return i + 4;
}
__asm__(".symver old_func_1, old_func@V1");

CALLED int lib_func(int i)
{
	if (__builtin_expect(probelib_entry_semaphore, 0))
		STAP_PROBE1(probelib, entry, i);
	return i + 5;
}
int lib_weak(int) __attribute__((weak, alias("lib_func")));

__attribute__((visibility("protected"))) CALLED int protected_func(int i)
{
	return i + 6;
}
HIDDEN CALLED int hidden_func(int i)
{
	return i + 7;
}
static CALLED int local_func(int i)
{
	return hidden_func(i) + 8;
}
__attribute__((visibility("internal"))) CALLED int internal_func(int i)
{
	return local_func(i) + 9;
}

#if !defined __mips__ // its psABI has no ifunc
static CALLED int ifunc_generic(int i)
{
	return i + 10;
}
static CALLED int ifunc_tuned(int i)
{
	return i + 11;
}
static int which; // always 0
static CALLED int (*ifunc_resolver(void))(int)
{
	return which ? ifunc_generic : ifunc_tuned;
}
int ifunc(int) __attribute__((ifunc("ifunc_resolver")));
#endif

int lib_data = 12;
// Initial-exec, because the other way would call a function of libc.
__thread int lib_tls __attribute__((tls_model("initial-exec"))) = 13;

// Everything in this file once: lib_func twice, by both its names.
CALLED int lib_round(int i)
{
	CALL(lib_func(i));
	CALL(lib_weak(i));
	CALL(protected_func(i));
	CALL(internal_func(i));
	KEEP(lib_data);
	return lib_tls;
}
