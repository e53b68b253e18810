package operand

import (
	"debug/elf"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		spec string
		want []string
	}{
		{"", nil},
		{"  ", nil},
		{":", nil},
		{" : ", nil},
		{"-", nil},
		{"8@%rax", []string{"8@%rax"}},
		{" 8@%rax\t4@%ebx\n", []string{"8@%rax", "4@%ebx"}},
		{"8@[sp, 12] 4@x0", []string{"8@[sp, 12]", "4@x0"}},
		{"8@[sp , 12 ] 4@x0", []string{"8@[sp , 12 ]", "4@x0"}},
		{"-4@[x21, #:lo12:.LANCHOR2] 8@x1", []string{"-4@[x21, #:lo12:.LANCHOR2]", "8@x1"}},
		{"8@foo@GOTPCREL(%rip) 4@%eax", []string{"8@foo@GOTPCREL(%rip)", "4@%eax"}},
		{"8@$a0, 8 4@$a1", []string{"8@$a0, 8", "4@$a1"}},
		{"8@$a0 ,8 4@$a1", []string{"8@$a0 ,8", "4@$a1"}},
		{"8@(  ($8+$10) -$50) 8@$1", []string{"8@(  ($8+$10) -$50)", "8@$1"}},
		{"8@$4 + $3 8@$1", []string{"8@$4 + $3", "8@$1"}},
		{"8@$4+ $3 8@$1", []string{"8@$4+ $3", "8@$1"}},
		{"8@$7 % $2 8@$1", []string{"8@$7 % $2", "8@$1"}},
		{"8@$1 << $2", []string{"8@$1 << $2"}},
		// without sizes, and mixed
		{"%rax -8(%rbp) $-1", []string{"%rax", "-8(%rbp)", "$-1"}},
		{"8@%rax %rbx 4@%ecx -8(%rbp)", []string{"8@%rax", "%rbx", "4@%ecx", "-8(%rbp)"}},
		{"48(18) i-1 -48(18)", []string{"48(18)", "i-1", "-48(18)"}},
		// damage stays where it is
		{"4@%eax% 8@%rbx", []string{"4@%eax%", "8@%rbx"}},
		{"4@%eax+ 8@%rbx", []string{"4@%eax+", "8@%rbx"}},
		{"4@[x0 8@x1 4@x2", []string{"4@[x0", "8@x1", "4@x2"}},
		{"4@[x0, 8@x1", []string{"4@[x0,", "8@x1"}},
		{"4@(%rax -8@%rbx", []string{"4@(%rax", "-8@%rbx"}},
		{"4@%rax) 8@(%rbx, %rcx)", []string{"4@%rax)", "8@(%rbx, %rcx)"}},
		{`4@"a 8@b"(%rip) 8@%rax`, []string{`4@"a 8@b"(%rip)`, "8@%rax"}},
		{`4@"a 8@%rax 4@%ebx`, []string{`4@"a`, "8@%rax", "4@%ebx"}},
		{"8@ 4@%eax", []string{"8@", "4@%eax"}},
		{"@%rax 4@%eax", []string{"@%rax", "4@%eax"}},
		{"-\x00@$r23 \x00@$r12", []string{"-\x00@$r23", "\x00@$r12"}},
	} {
		var got []string
		for _, a := range ParseArgs(elf.EM_X86_64, elf.ELFCLASS64, tt.spec) {
			got = append(got, a.Text)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.spec, got, tt.want)
		}
	}
}

// An argument in error keeps its place; the others stand.
func TestBadAmongGood(t *testing.T) {
	args := ParseArgs(elf.EM_AARCH64, elf.ELFCLASS64, "8@x0 4@[x32,200] 23-@16 -4@[sp, 12] 4@[x0")
	var got []string
	for _, a := range args {
		got = append(got, describe(a))
	}
	if want := []string{"u8 reg x0/8", "error", "error", "s4 mem sp +12", "error"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAppendArgs(t *testing.T) {
	dst := make([]Arg, 1, 4)
	dst[0].Text = "kept"
	full := dst[:4]
	full[1].Symbol = "stale"
	got := AppendArgs(dst, elf.EM_X86_64, elf.ELFCLASS64, "8@%rax 4@%ebx")
	if len(got) != 3 || got[0].Text != "kept" || got[1].Symbol != "" || got[2].Reg.Name != "ebx" {
		t.Errorf("%+v", got)
	}
}

// Time is linear in the text: quadratic, each of these would take
// minutes.
func TestLinear(t *testing.T) {
	const n = 1 << 17
	for name, s := range map[string]string{
		"digits":   "8@$" + strings.Repeat("1", n),
		"blanks":   "8@(" + strings.Repeat(" ", n),
		"parens":   strings.Repeat("(", n),
		"brackets": strings.Repeat("[ ", n/2),
		"quotes":   strings.Repeat(`" `, n/2+1),
		"signs":    "8@" + strings.Repeat("-", n),
		"spaced":   "8@$1" + strings.Repeat(" - ", n/3),
		"sums":     "8@$1" + strings.Repeat("+$1", n/3),
		"ats":      "8@a" + strings.Repeat("@", n),
		"commas":   "8@" + strings.Repeat(" ,", n/2),
		"sizes":    strings.Repeat("8@ ", n/3),
		"escapes":  `8@"` + strings.Repeat(`\`, n),
		"operator": strings.Repeat("%lo(", n/4),
	} {
		for _, m := range []elf.Machine{elf.EM_X86_64, elf.EM_RISCV, elf.EM_PPC64, elf.EM_ARM} {
			start := time.Now()
			args := ParseArgs(m, elf.ELFCLASS64, s)
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("%s, %v: %v for %d arguments", name, m, d, len(args))
			}
		}
	}
}
