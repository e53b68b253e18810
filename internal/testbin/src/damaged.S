// Notes that are wrong in one way each, between two that are right.
	.macro begin name="stapsdt", type=3
	.4byte 2f-1f, 4f-3f, \type
1:	.asciz "\name"
2:	.balign 4
3:
	.endm
	.macro end
4:	.balign 4
	.endm

	.text
	.globl code
	.type code, @function
code:	nop
	ret
	.size code, .-code

	.section .note.stapsdt, "", "note"
	begin
	.8byte code, 0, 0
	.asciz "damaged", "good_first", "-4@%edi"
	end
	begin				// shorter than its three addresses
	.8byte code
	.4byte 0
	end
	begin				// nothing after the addresses
	.8byte code, 0, 0
	end
	begin				// no end of the provider
	.8byte code, 0, 0
	.ascii "damaged!"
	end
	begin				// no end of the name
	.8byte code, 0, 0
	.asciz "damaged"
	.ascii "no_end"
	end
	begin				// no end of the arguments
	.8byte code, 0, 0
	.asciz "damaged", "no_end_of_args"
	.ascii "4@%eax"
	end
	begin				// no arguments at all, not even the empty string
	.8byte code, 0, 0
	.asciz "damaged", "no_args"
	end
	begin				// bytes after the arguments
	.8byte code, 0, 0
	.asciz "damaged", "trailing", "4@%eax", "more"
	end
	begin				// empty provider and name
	.8byte code, 0, 0
	.asciz "", "", ""
	end
	begin type=4			// another type
	.8byte code, 0, 0
	.asciz "damaged", "type4", ""
	end
	begin name="stapsdx"		// another owner
	.8byte code, 0, 0
	.asciz "damaged", "stapsdx", ""
	end
	begin				// a site outside every segment
	.8byte 0x7fffffffffff0000, 0, 0
	.asciz "damaged", "outside", ""
	end
	begin				// a semaphore in code
	.8byte code, 0, code
	.asciz "damaged", "semaphore_in_code", ""
	end
	begin				// arguments nobody can read, and one everybody can
	.8byte code, 0, 0
	.asciz "damaged", "bad_args", "4@%nonsense 8@ @ 999999999999@%rax -4@%esi ("
	end
	begin
	.8byte code, 0, 0
	.asciz "damaged", "good_last", "8@%rsi"
	end
	.4byte 8, 0x10000, 3		// its description would end far behind the section
	.asciz "stapsdt"
	.8byte code

	.section .note.GNU-stack, "", @progbits
