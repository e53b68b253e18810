/* The USDT probes of the program "shop", for <sys/sdt.h> (systemtap-sdt-dev). Each has a semaphore: a counter that the kernel
 * raises while somebody listens, so that the program prepares arguments, which cost something, only then. */
#ifndef SHOP_PROBES_H
#define SHOP_PROBES_H

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

/* The section .probes is writable and loaded; the note of a probe says where its counter is. */
#define SHOP_SEMAPHORE(name) unsigned short shop_##name##_semaphore __attribute__((used, section(".probes"), visibility("hidden")))
#define SHOP_LISTENS(name) __builtin_expect(*(volatile unsigned short *)&shop_##name##_semaphore, 0)

SHOP_SEMAPHORE(order__start);
SHOP_SEMAPHORE(order__done);

/* u32 order, char *customer */
#define SHOP_ORDER_START(order, customer) DTRACE_PROBE2(shop, order__start, order, customer)
/* u32 order, i64 cents, double seconds */
#define SHOP_ORDER_DONE(order, cents, seconds) DTRACE_PROBE3(shop, order__done, order, cents, seconds)

#endif
