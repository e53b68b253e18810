/* A program that defines its own USDT probes. It takes an order for each line that it reads: "customer cents". */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "probes.h"

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

int main(void)
{
	char customer[64];
	int64_t cents;
	for (uint32_t order = 1; scanf("%63s %ld", customer, &cents) == 2; order++) {
		double begun = 0;
		if (SHOP_LISTENS(order__start))
			SHOP_ORDER_START(order, (const char *)customer);
		if (SHOP_LISTENS(order__done))
			begun = now(); /* costs something */
		printf("order %u of %s: %ld\n", order, customer, cents);
		fflush(stdout);
		if (begun != 0 && SHOP_LISTENS(order__done))
			SHOP_ORDER_DONE(order, cents, now() - begun);
	}
	return 0;
}
