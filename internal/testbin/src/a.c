// A static function whose name b.c has too.
#include "testbin.h"

static CALLED int helper(int i)
{
	return i + 10;
}

HIDDEN int call_helper_a(int i)
{
	return helper(i) + 1;
}
