// Sites as libbpf's usdt.h writes them, with their notes by hand. A site's address is that of its
// first nop; on a kernel that can, the faster place is one byte further. Each is run once in a round.
//
//	nops:nop    90
//	nops:nop5   90 0f 1f 44 00 00
//	nops:nop10  90 66 2e 0f 1f 84 00 00 00 00 00
//
// With -DALLOC the notes are in a segment (PT_NOTE), where they are found without section headers.
#ifdef ALLOC
#define NOTE "a"
#else
#define NOTE ""
#endif

	.macro note site, semaphore, name, args
	.pushsection .note.stapsdt, NOTE, "note"
	.balign 4
	.4byte 2f-1f, 4f-3f, 3
1:	.asciz "stapsdt"
2:	.balign 4
3:	.8byte \site, 0, \semaphore
	.asciz "nops", "\name", "\args"
4:	.balign 4
	.popsection
	.endm

	.macro function name
	.balign 16
	.globl \name
	.type \name, @function
\name:
	.endm

	.text
	function nop_func
100:	.byte 0x90
	ret
	.size nop_func, .-nop_func
	note 100b, 0, nop, "-4@%edi"

	function nop5_func
100:	.byte 0x90, 0x0f, 0x1f, 0x44, 0x00, 0x00
	ret
	.size nop5_func, .-nop5_func
	note 100b, nops_nop5_semaphore, nop5, "-4@%edi 8@-8(%rsp)"

	function nop10_func
100:	.byte 0x90, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00
	ret
	.size nop10_func, .-nop10_func
	note 100b, 0, nop10, "-4@%edi -4@$-9"

	.hidden run
	function run
	call nop_func
	call nop5_func
	call nop10_func
	ret
	.size run, .-run

	.section .probes, "aw"
	.balign 2
	.globl nops_nop5_semaphore
	.type nops_nop5_semaphore, @object
nops_nop5_semaphore:
	.2byte 0
	.size nops_nop5_semaphore, 2
	.section .note.GNU-stack, "", @progbits
