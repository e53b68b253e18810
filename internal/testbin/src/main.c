// A program that needs libtestbin.so. In a round it calls everything the library exports once;
// lib_func four times (twice here, twice by lib_round) and protected_func twice.
#include "testbin.h"

int ver_func(int), ver_func_old(int), same_func(int), lib_func(int), lib_weak(int), protected_func(int), lib_round(int);
__asm__(".symver ver_func_old, ver_func@V1");
#if !defined __mips__
int ifunc(int);
#else
# define ifunc(i) 0
#endif
int absent_func(int) __attribute__((weak)); // undefined and weak: an import that is nowhere

// Called through its address. In a program that is not PIE that address is the PLT entry's, and the
// undefined symbol has it for a value.
int (*volatile pointer)(int);

CALLED int main_func(int i)
{
	return i;
}

HIDDEN void run(int i)
{
	CALL(main_func(i));
	CALL(ver_func(i));
	CALL(ver_func_old(i));
	CALL(same_func(i));
	pointer = lib_func;
	CALL(pointer(i));
	CALL(lib_weak(i));
	CALL(protected_func(i));
	CALL(ifunc(i));
	CALL(lib_round(i));
	if (absent_func)
		CALL(absent_func(i));
}
