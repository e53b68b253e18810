// Package dwloc reads DWARF's location descriptions, versions 2 to 5 and GNU's extensions of them: where a
// variable's value is, as an expression that holds everywhere or as a list of expressions by address.
//
// # The format
//
// An expression is a program for a stack machine: one byte of opcode, operands behind it. "DW_OP_fbreg -20"
// pushes the address 20 below the function's frame base; what is on top at the end is the address of the
// value. Three kinds of expression are none of that: DW_OP_reg5 says that the value is in register 5,
// DW_OP_stack_value that what was computed is the value itself, DW_OP_implicit_value that the value
// follows. DW_OP_piece puts a value together from several such places, and an empty expression says that
// there is none: the compiler has optimised the value out.
//
// Decode takes an expression apart. Reduce runs it, not on numbers but on terms of the form
// *(*(register + displacement) + displacement): that is what a probe can follow, and what nearly all
// expressions of compilers come to. What does not is told as a formula.
//
// A location list, in .debug_loc up to version 4 and .debug_loclists since, has an expression for each
// range of addresses. Ranges may overlap, and the value is then in all the places; outside all of them
// the value is in none.
//
// # Registers
//
// Expressions name registers by numbers that each machine's ABI assigns, and that are seldom the
// machine's own: on x86-64, 1 is rdx and 4 rsi; on s390x, 17 is f2. See Reg.
//
// # Traps
//
//   - A frame base may be a register (DW_OP_reg6: what rbp holds), or DW_OP_call_frame_cfa, which only the
//     unwind tables define. At a function's first instruction it is not set up yet where it is rbp.
//   - DW_OP_entry_value is what a register held when the function was entered. Later it need not be there.
//   - Of a value with a type of its own (DW_OP_convert and its like) the type is a DIE, named here by its
//     offset in the unit.
//
// Sources: DWARF 5, sections 2.5, 2.6 and 7.7; GNU's extensions as GCC's dwarf2.def and its wiki list them;
// the processors' ABI documents for the registers.
package dwloc
