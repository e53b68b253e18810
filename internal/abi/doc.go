// Package abi tells where a function's parameters are at its first instruction, and where its result is when
// it returns, from their types, by the machine's calling convention.
//
// Debug information cannot: what it says of a parameter holds from the end of the prologue on at best, and
// without optimisation the place it names is not written yet when the function is entered. A convention is
// what caller and callee agree on, so it holds at the first instruction whatever the compiler does later.
//
// # What is known
//
//	C on x86-64     System V: classes by eightbyte
//	C on i386       System V: the stack; regparm and fastcall where the caller says so
//	C on aarch64    AAPCS64
//	Go              ABIInternal (see GoConvention) and ABI0, the stack, of older versions and of assembly
//
// Everything else, and every type whose place depends on what debug information does not tell (a vector
// that needs -mavx, a packed long double), is not known: its Value says why, and so do those behind it
// if their places depend on it. Rust's own convention is specified by nobody.
//
// # Traps
//
//   - A compiler may give a function that nobody outside can call a convention of its own: gcc's .isra and
//     .constprop copies, and on i386 static functions with optimisation, which get regparm.
//   - The upper bytes of a register that holds a narrow value are undefined, but where the convention says
//     otherwise.
//   - A structure "by reference" is a pointer to a copy of the caller's.
//   - Go's registers hold values at a function's own entry, not at a wrapper's.
//
// Sources: System V psABI for x86-64 and i386, Arm's AAPCS64, Go's abi-internal.md; and what gcc and clang generate.
package abi
