package paste

import (
	"debug/elf"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt/consumer"
	"github.com/probels/probels/usdt/operand"
)

// site is a USDT probe at 0x1000 with arguments as a note of the machine has them.
func site(m elf.Machine, c elf.Class, spec string) Probe {
	return Probe{
		Path: "/bin/app", Provider: "app", Name: "done", Addr: 0x401000, Offset: 0x1000,
		Args: operand.ParseArgs(m, c, spec), Program: consumer.Program{Machine: m, Class: c, Type: elf.ET_DYN},
		Symbol: func(name string) (elfsym.Addr, bool) { return 0x403000, name == "known" },
	}
}

func written(t testing.TB, f Format, probes ...Probe) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, f, probes); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestUprobeEvents(t *testing.T) {
	for _, test := range []struct {
		m          elf.Machine
		c          elf.Class
		spec, want string // "" where there is no argument; "# " what the comments say
	}{
		{elf.EM_X86_64, elf.ELFCLASS64, "-4@%eax 8@%r12 1@%ah 2@-8(%rbp)", "arg0=%ax:s32 arg1=%r12:u64 arg2=%ax:b8@8/32 arg3=-8(%bp):u16"},
		{elf.EM_X86_64, elf.ELFCLASS64, "-8@$-5 4@known(%rip) 4@known+4(%rip)", `arg0=\-5:s64 arg1=@+0x3000:u32 arg2=@+0x3004:u32`},
		{elf.EM_X86_64, elf.ELFCLASS64, "4@unknown(%rip)", "# the file does not have the symbol unknown"},
		{elf.EM_X86_64, elf.ELFCLASS64, "4@%fs:16", "# relative to %fs"},
		{elf.EM_X86_64, elf.ELFCLASS64, "-1@%ah", "# a signed part of a register"},
		{elf.EM_386, elf.ELFCLASS32, "-4@4(%esp) 1@%dl", "arg0=+4(%sp):s32 arg1=%dx:u8"},
		{elf.EM_AARCH64, elf.ELFCLASS64, "4@w0 -8@x19 8@[sp, 16] 8@[x29, -8] -4@5", `arg0=%x0:u32 arg1=%x19:s64 arg2=+16(%sp):u64 arg3=-8(%x29):u64 arg4=\5:s32`},
		{elf.EM_AARCH64, elf.ELFCLASS64, "8@[x0, x1]", "# it has an index register"},
		{elf.EM_ARM, elf.ELFCLASS32, "4@r3 -2@[sp, #8] 4@#7", `arg0=%r3:u32 arg1=+8(%sp):s16 arg2=\7:u32`},
		{elf.EM_S390, elf.ELFCLASS64, "8@%r2 -4@164(%r15)", "arg0=%r2:u64 arg1=+164(%r15):s32"},
		{elf.EM_RISCV, elf.ELFCLASS64, "8@a0 -4@-20(s0)", "arg0=%a0:u64 arg1=-20(%s0):s32"},
		{elf.EM_PPC64, elf.ELFCLASS64, "8@3 -4@112(1)", "arg0=%gpr3:u64 arg1=+112(%gpr1):s32"},
		{elf.EM_PPC64, elf.ELFCLASS64, "8@%r3", "arg0=%gpr3:u64"},
	} {
		got := written(t, UprobeEvents, site(test.m, test.c, test.spec))
		want := "p:probels/app_done /bin/app:0x1000 " + test.want + "\n"
		if why, ok := strings.CutPrefix(test.want, "# "); ok {
			want = "# app:done arg0: " + why + "\np:probels/app_done /bin/app:0x1000\n"
		}
		if got != want {
			t.Errorf("%v %s:\n%s\nwant\n%s", test.m, test.spec, got, want)
		}
	}
}

func TestOtherMachines(t *testing.T) {
	for _, test := range []struct {
		f    Format
		m    elf.Machine
		spec string
		want string
	}{
		{Bpftrace, elf.EM_AARCH64, "-4@x0 -8@[sp, 16]", `usdt:/bin/app:app:done { printf("app:done arg0=%d arg1=%ld\n", (int32)arg0, (int64)arg1); }`},
		{Bpftrace, elf.EM_S390, "8@%r2", `usdt:/bin/app:app:done { printf("app:done arg0=0x%lx\n", arg0); }`},
		{Bpftrace, elf.EM_RISCV, "-4@a0", `usdt:/bin/app:app:done { printf("app:done arg0=%d\n", (int32)arg0); }`},
		{Libbpf, elf.EM_AARCH64, "-4@x0", "SEC(\"usdt//bin/app:app:done\")\nint BPF_USDT(app_done, __s32 arg0)\n{\n\tbpf_printk(\"app:done arg0=%ld\", (long)arg0);\n\treturn 0;\n}\n"},
		{Perf, elf.EM_PPC64, "8@%r3", "perf buildid-cache --add /bin/app\nperf probe sdt_app:done"},
	} {
		got := strings.TrimSpace(written(t, test.f, site(test.m, elf.ELFCLASS64, test.spec)))
		if got != strings.TrimSpace(test.want) {
			t.Errorf("%s %v %s:\n%s\nwant\n%s", test.f, test.m, test.spec, got, test.want)
		}
	}
}

func TestLabels(t *testing.T) {
	p := site(elf.EM_X86_64, elf.ELFCLASS64, "4@%eax 4@%ebx 4@%ecx 4@%edx 4@%esi 4@%edi 8@%r8 4@%r9d")
	p.Names = []string{"size", "int", "a b", "twice", "twice", "ctx", "path", strings.Repeat("x", 32)}
	p.Types = []string{"", "", "", "", "", "", "const char *", ""}
	got := written(t, UprobeEvents, p)
	want := "p:probels/app_done /bin/app:0x1000 size=%ax:u32 arg1=%bx:u32 arg2=%cx:u32 arg3=%dx:u32 arg4=%si:u32 arg5=%di:u32 path=+0(%r8):string arg7=%r9:u32\n"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// Names that a tool would read as something else are commented out, or the place is given by a number.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		f          Format
		path, name string
		want       string
	}{
		{Bpftrace, "/opt/a+b/x", "f", `uprobe:"/opt/a+b/x":f { printf("f\n"); }`},
		{Bpftrace, "/x", `a"b\c`, `uprobe:/x:"a\"b\\c" { printf("a\"b\\c\n"); }`},
		{Bpftrace, "/x", "a%d", `uprobe:/x:"a%d" { printf("a%%d\n"); }`},
		{Bpftrace, "/x", "a+b", `uprobe:/x:0x401000 { printf("a+b\n"); }`},
		{Bpftrace, "/x", "a\nb", `// a\nb: bpftrace has no way to write its name`},
		{Bpftrace, "/x", "a*", `// a*: bpftrace would take its name for a pattern`},
		{Perf, "/a b/it's", "f", `perf probe -x '/a b/it'\''s' f=0x1000  # f`},
		{Perf, "/x", "f;rm\n-rf", `perf probe -x /x f_rm__rf=0x1000  # f;rm\n-rf`},
		{Perf, "/a\nb", "f", `# f: a shell has no plain way to write its path`},
		{UprobeEvents, "/a b", "f", `# f: uprobe_events has no way to write the path /a b`},
		{UprobeEvents, "/x", "9.f", `p:probels/_9_f /x:0x1000`},
		{Libbpf, "/x", "a*/b", "/* bpf_program__attach_uprobe(prog, false, -1, \"/x\", 0x1000): a* /b */\nSEC(\"uprobe\")\nint BPF_KPROBE(on_a__b)\n{\n\tbpf_printk(\"a*/b\");\n\treturn 0;\n}"},
		{Libbpf, "/x", "a\x01b", "/* bpf_program__attach_uprobe(prog, false, -1, \"/x\", 0x1000): a\\x01b */\nSEC(\"uprobe\")\nint BPF_KPROBE(on_a_b)\n{\n\tbpf_printk(\"a\\001b\");\n\treturn 0;\n}"},
	} {
		got := strings.TrimSpace(written(t, test.f, Probe{Path: test.path, Name: test.name, Addr: 0x401000, Offset: 0x1000}))
		if got != test.want {
			t.Errorf("%s %q %q:\n%s\nwant\n%s", test.f, test.path, test.name, got, test.want)
		}
	}
	// As many as there are names given so far, each event's is its own.
	f := Probe{Path: "/x", Name: "f", Addr: 1, Offset: 1, Shared: true}
	g := f
	g.Addr, g.Offset = 2, 2
	if got, want := written(t, UprobeEvents, f, g), "p:probels/f /x:0x1\np:probels/f_2 /x:0x2\n"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := ParseFormat("dtrace"); err == nil {
		t.Error("there is a format dtrace")
	}
}

// Whatever a file says, its names stay within the lines and comments that are theirs.
func FuzzWrite(f *testing.F) {
	f.Add("/bin/app", "app", "done", "4@%eax 8@known(%rip)", uint16(elf.EM_X86_64), true)
	f.Add("/a b/it's", "", "f;rm\n-rf", "", uint16(elf.EM_X86_64), false)
	f.Add("/a+b", "p*/", "a\"\\%s\n*/", "-8@[sp, 16]", uint16(elf.EM_AARCH64), true)
	f.Add("\xff", "", "", "8@%r3", uint16(elf.EM_PPC64), false)
	f.Fuzz(func(t *testing.T, path, provider, name, spec string, machine uint16, shared bool) {
		p := site(elf.Machine(machine), elf.ELFCLASS64, spec)
		p.Path, p.Provider, p.Name, p.Shared = path, provider, name, shared
		for _, format := range Formats() {
			got := written(t, format, p)
			lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
			for _, line := range lines {
				for _, r := range line {
					if r != '\t' && (r < ' ' || r == 0x7f) {
						t.Fatalf("%s: control character in %q", format, line)
					}
				}
				switch format {
				case Bpftrace:
					if !strings.HasPrefix(line, "//") && !strings.HasPrefix(line, "usdt:") && !strings.HasPrefix(line, "uprobe:") {
						t.Fatalf("line %q", line)
					}
				case Perf:
					if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "perf ") {
						t.Fatalf("line %q", line)
					}
				case UprobeEvents:
					if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "p:probels/") {
						t.Fatalf("line %q", line)
					}
				case Libbpf:
					if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "/*"); ok && strings.Index(rest, "*/") != len(rest)-2 {
						t.Fatalf("comment %q", line)
					}
				}
			}
			if format == Cilium {
				if _, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() error {\n"+got+"}\n", 0); err != nil {
					t.Fatalf("%v\n%s", err, got)
				}
			}
		}
	})
}
