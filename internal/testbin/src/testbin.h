// Not inlined, not cloned, not dropped: the function is called as often as the source says.
#ifdef __clang__
# define CALLED __attribute__((noinline, used))
#else
# define CALLED __attribute__((noipa, used))
#endif
#define HIDDEN __attribute__((visibility("hidden")))

// Keeps a call from being merged, moved or thought free of effect.
#define KEEP(x) __asm__ volatile("" : "+r"(x) : : "memory")

// Calls a function and uses its result, so that no call of several is dropped.
#define CALL(f) do { int result = (f); KEEP(result); } while (0)

HIDDEN void run(int i); // one round, written by each program
