package insn

import (
	"encoding/hex"
	"testing"
)

// lengths64 are instructions of 64-bit mode as llvm-mc 19.1.7 assembles them: how many bytes each has is what
// that tool says. The APX, AVX10 and AMX forms among them no processor in common use runs.
var lengths64 = []struct{ code, text string }{
	{"d55801c1", `addq %r16, %r17`},
	{"d51981c778563412", `addq $305419896, %r31`},
	{"d5788b54c810", `movq 16(%r16,%r17,8), %r18`},
	{"d510bc78563412", `movl $305419896, %r20d`},
	{"d519b8f0debc9a78563412", `movabsq $1311768467463790320, %r24`},
	{"d50850", `pushp %rax`},
	{"d5195f", `popp %r31`},
	{"62fc7c18fff0", `push2 %r16, %rax`},
	{"62fc84108fc1", `pop2p %r17, %r31`},
	{"d500a1bc9a785634120000", `jmpabs $20015998343868`},
	{"62f46c1c01c1", `{nf} addl %eax, %ecx, %edx`},
	{"62fcf41483e811", `{nf} subq $17, %r16, %r17`},
	{"62f4651881c03412", `addw $4660, %ax, %bx`},
	{"d51869142478563412", `imulq $305419896, (%r20), %rdx`},
	{"6bd17f", `imull $127, %ecx, %edx`},
	{"62f4f41824c303", `shldq $3, %rax, %rbx, %rcx`},
	{"62f4f418adc3", `shrdq %cl, %rax, %rbx, %rcx`},
	{"62f46418c0c003", `rolb $3, %al, %bl`},
	{"62f46418d3f8", `sarl %cl, %eax, %ebx`},
	{"62fcf410f7d0", `notq %r16, %r17`},
	{"62fcfc0cf7e8", `{nf} imulq %r16`},
	{"62f4940439c3", `ccmpeq {dfv=zf} %rax, %rbx`},
	{"62f40405803812", `ccmpneb {dfv=} $18, (%rax)`},
	{"62ecfc084508", `cfcmovneq (%r16), %r17`},
	{"62f4741844d8", `cmovel %eax, %ebx, %ecx`},
	{"62fc7f1845c0", `setzune %r16b`},
	{"62ecfc08f1c8", `crc32q %r16, %r17`},
	{"62ecfc0861c1", `movbeq %r16, %r17`},
	{"62ec7e08f208", `invpcid (%r16), %r17`},
	{"62e1ff0893c1", `kmovq %k1, %r16`},
	{"62ec7f08f808", `enqcmd (%r16), %r17`},
	{"0f3accd101", `sha1rnds4 $1, %xmm1, %xmm2`},
	{"f3d5d8b8c8", `popcntq %r16, %r17`},
	{"f3d5d0bdc8", `lzcntl %r16d, %r17d`},
	{"c4e2735eda", `tdpbssd %tmm1, %tmm2, %tmm3`},
	{"62fa7b084b0c08", `tileloadd (%r16,%r17), %tmm1`},
	{"62ff7f08f8c078563412", `urdmsr $305419896, %r16`},
	{"62ec7e08f8c8", `uwrmsr %r16, %r17`},
	{"62e97440585001", `vaddps 64(%r16), %zmm17, %zmm18`},
	{"62020d407dfd", `vpermt2b %zmm29, %zmm30, %zmm31`},
	{"62f57d485bd1", `vcvtph2dq %ymm1, %zmm2`},
	{"62f56c4858d9", `vaddph %zmm1, %zmm2, %zmm3`},
	{"62f66e4856d9", `vfmaddcph %zmm1, %zmm2, %zmm3`},
	{"62f36c080ad901", `vrndscalesh $1, %xmm1, %xmm2, %xmm3`},
	{"c4e26adad9", `vsm4key4 %xmm1, %xmm2, %xmm3`},
	{"c4e26f50d9", `vpdpbssd %ymm1, %ymm2, %ymm3`},
	{"c4e279e619", `cmpbexadd %eax, %ebx, (%rcx)`},
	{"480f38fc03", `aaddq %rax, (%rbx)`},
	{"c4e3fbf0d803", `rorxq $3, %rax, %rbx`},
	{"c5f877", `vzeroupper`},
	{"c4e36148e210", `vpermil2ps $0, %xmm1, %xmm2, %xmm3, %xmm4`},
	{"8fe860a2e210", `vpcmov %xmm1, %xmm2, %xmm3, %xmm4`},
	{"8fe878c0d103", `vprotb $3, %xmm1, %xmm2`},
	{"8fea7810d878563412", `bextrl $305419896, %eax, %ebx`},
	{"f30f1efa", `endbr64`},
	{"c7f800000000", `xbegin .Ltmp0`},
	{"c6f803", `xabort $3`},
	{"0f0fd19e", `pfadd %mm1, %mm2`},
	{"488d3d00000000", `leaq (%rip), %rdi`},
	{"f3480f1ec8", `rdsspq %rax`},
	{"480f38f603", `wrssq %rax, (%rbx)`},
	{"c4e27b4b0c18", `tileloadd (%rax,%rbx), %tmm1`},
	{"c4e2725cda", `tdpbf16ps %tmm1, %tmm2, %tmm3`},
	{"c4e27b49f8", `tilezero %tmm7`},
	{"c4e27849c0", `tilerelease`},
}

// The whole is one instruction, whatever follows, and a byte less is not enough.
func TestLength64(t *testing.T) {
	for _, tt := range lengths64 {
		b, err := hex.DecodeString(tt.code)
		if err != nil {
			t.Fatal(err)
		}
		for _, more := range []string{"", "\x90\xc3\x00\xff", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
			i, err := decodeX86([]byte(string(b)+more), 0x1000, true)
			if err != nil || int(i.Len) != len(b) {
				t.Errorf("%s (%s): %d bytes, %v", tt.code, tt.text, i.Len, err)
			}
		}
		if i, err := decodeX86(b[:len(b)-1], 0x1000, true); err != ErrShort {
			t.Errorf("%s (%s) without its last byte: %d bytes, %v", tt.code, tt.text, i.Len, err)
		}
	}
}
