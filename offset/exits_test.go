package offset_test

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

type routine struct{ name, code string }

// coded is a program with functions one after the other from 0x401000 on.
func coded(t testing.TB, flags elf.ProgFlag, functions ...routine) *offset.Target {
	t.Helper()
	f := &elfwrite.File{Type: elf.ET_EXEC, Machine: elf.EM_X86_64}
	var code []byte
	for _, fn := range functions {
		f.Symbols = append(f.Symbols, elfwrite.Symbol{Name: fn.name, Value: 0x401000 + uint64(len(code)), Size: uint64(len(fn.code)),
			Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
		code = append(code, fn.code...)
	}
	f.Sections = []elfwrite.Section{{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x401000, Bytes: code}}
	f.Segments = []elfwrite.Segment{{Type: elf.PT_LOAD, Flags: elf.PF_R | flags, Covers: [2]string{".text", ".text"}, Align: 0x1000}}
	return target(t, f.Bytes())
}

// exitsOf is the exits of a function, one text each.
func exitsOf(t testing.TB, tg *offset.Target, name string) (offset.FuncExits, string) {
	t.Helper()
	r := resolve(t, tg, offset.Func(name))
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	found, err := tg.Exits(context.Background(), r.Locations...)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, x := range found[0].Exits {
		s := fmt.Sprintf("+%d %s", int64(x.Addend), x.Exit)
		if x.TargetName != "" {
			s += " " + x.TargetName
		}
		if x.Conditional {
			s += " if"
		}
		out = append(out, s)
	}
	for _, u := range found[0].Undecoded {
		out = append(out, fmt.Sprintf("undecoded 0x%x %d", uint64(u.Addr), u.Size))
	}
	return found[0], strings.Join(out, ", ")
}

func TestExits(t *testing.T) {
	const ret, nop = "\xc3", "\x90"
	for _, tt := range []struct {
		what, code, want string
	}{
		{"return", nop + ret, "+1 return"},
		{"two returns", "\x74\x01" + ret + ret, "+2 return, +3 return"},
		{"endless loop", "\xeb\xfe", ""},
		{"tail call", nop + "\xeb\xfc" + nop, "+1 tailcall before"},                                   // jmp to before, one byte ahead
		{"conditional tail call", "\x74\xfd" + ret, "+0 tailcall before if, +2 return"},               // je
		{"within another function", "\xe9\x02\x00\x00\x00" + ret, "+0 tailcall after+0x1, +5 return"}, // jmp
		{"its split off part", "\x0f\x84\x04\x00\x00\x00" + ret, "+6 return, +12 return"},             // je
		{"notrack", "\x3e\xff\xe0" + ret, "+3 return"},
		{"register", "\xff\xe0", "+0 unknown"},
		{"memory", "\xff\x60\x08", "+0 unknown"},
		{"global offset table", "\xff\x25\x00\x01\x00\x00", "+0 tailcall"},
		{"switch", "\x48\x63\x04\x82\x48\x01\xd0\xff\xe0" + ret, "+9 return"},                  // movslq (%rdx,%rax,4),%rax; add %rdx,%rax; jmp *%rax
		{"relative vtable", "\x48\x63\x00\x48\x01\xd0\xff\xe0" + ret, "+6 unknown, +8 return"}, // movslq (%rax),%rax
		{"no instruction", nop + "\x06" + ret, "undecoded 0x401002 2"},
		{"behind no instruction", "\x74\x01\x06" + ret, "+3 return, undecoded 0x401003 1"},
		{"cut", "\xe9\x00", "undecoded 0x401001 2"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			tg := coded(t, elf.PF_X, routine{"before", ret}, routine{"f", tt.code}, routine{"after", nop + nop + ret},
				routine{"f.cold", nop + nop + ret})
			e, got := exitsOf(t, tg, "f")
			if got != tt.want || e.Err != nil {
				t.Errorf("%s, %v; want %s", got, e.Err, tt.want)
			}
			if doubt := strings.Contains(tt.want, "un"); e.Complete() == doubt {
				t.Errorf("complete: %v", e.Complete())
			}
			for _, x := range e.Exits {
				inside := false
				for _, p := range e.Parts {
					inside = inside || x.Addr >= p.Start && x.Addr < p.End
				}
				if off, err := tg.File().Segments().Code(x.Addr); !inside || err != nil || off != x.Offset {
					t.Errorf("0x%x at 0x%x: %v", uint64(x.Addr), uint64(x.Offset), err)
				}
			}
		})
	}
	tg := coded(t, elf.PF_X, routine{"f", ret})
	found, err := tg.Exits(context.Background(), offset.Location{Path: tg.Path(), Addr: 0x409000})
	if err != nil || !errors.Is(found[0].Err, offset.ErrNoFunction) {
		t.Errorf("an address in no function: %v, %v", found[0].Err, err)
	}
}

// Every function of every machine's test program is read whole, and nearly all return.
func TestExitsMachines(t *testing.T) {
	for _, name := range []string{"amd64/probe-pie", "i386/probe-pie", "arm64/probe-pie", "arm/probe-arm", "arm/probe-pie", "s390x/probe-pie",
		"ppc64/probe-pie", "ppc64le/probe-pie", "riscv64/probe-pie", "mips64el/probe-pie"} {
		tg := open(t, name)
		var ls []offset.Location
		for p, err := range tg.Probes(context.Background(), offset.Query{Kinds: offset.KindFunc}) {
			if err != nil {
				t.Fatal(err)
			}
			l, err := p.Location()
			if err != nil {
				t.Fatal(err)
			}
			ls = append(ls, l)
		}
		found, err := tg.Exits(context.Background(), ls...)
		if err != nil {
			t.Fatal(err)
		}
		leaves := 0
		for _, e := range found {
			if e.Err != nil || len(e.Undecoded) > 0 {
				t.Errorf("%s: %s: %v, undecoded %v", name, e.Func.Name, e.Err, e.Undecoded)
			}
			if e.Has(offset.ExitReturn) || e.Has(offset.ExitTailCall) {
				leaves++
			}
		}
		if leaves < len(found)*4/5 || leaves < 25 {
			t.Errorf("%s: of %d functions %d can be left", name, len(found), leaves)
		}
		verdicts, err := tg.Verdicts(context.Background(), ls...)
		if err != nil {
			t.Fatal(err)
		}
		thumb := name == "arm/probe-pie"
		for _, v := range verdicts {
			if refused := v.Err != nil; refused != thumb && v.Location.Name != "_start" {
				t.Errorf("%s: %s: %v", name, v.Location.Name, v.Err)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	code := "\x48\x89\xe5\xf0\x83\x00\x01\xc3" // mov %rsp,%rbp; lock addl $1,(%rax); ret
	for _, tt := range []struct {
		flags  elf.ProgFlag
		addr   elfsym.Addr
		rule   offset.Rule
		before elfsym.Addr
		ok     bool
	}{
		{elf.PF_X, 0x401000, 0, 0, true},
		{elf.PF_X, 0x401001, offset.RuleBoundary, 0x401000, false},
		{elf.PF_X, 0x401003, offset.RuleInstruction, 0, false},
		{elf.PF_X, 0x401004, offset.RuleBoundary, 0x401003, false}, // behind the lock prefix
		{elf.PF_X, 0x401007, 0, 0, true},
		{elf.PF_X, 0x401008, offset.RuleMapping, 0, false},
		{elf.PF_X | elf.PF_W, 0x401000, offset.RuleWritable, 0, false},
		{elf.PF_W, 0x401000, offset.RuleMapping, 0, false},
	} {
		tg := coded(t, tt.flags, routine{"f", code})
		off, _ := tg.File().Segments().Offset(tt.addr)
		err := tg.Check(offset.Location{Path: tg.Path(), Addr: tt.addr, Offset: off})
		var refused *offset.RefusedError
		switch {
		case tt.ok:
			if err != nil {
				t.Error(err)
			}
		case !errors.As(err, &refused) || !errors.Is(err, offset.ErrRefused):
			t.Errorf("0x%x: %v", uint64(tt.addr), err)
		case refused.Rule != tt.rule || refused.Before != tt.before || tt.before != 0 && (refused.After <= tt.addr):
			t.Errorf("0x%x: %v: rule %v, before 0x%x, after 0x%x", uint64(tt.addr), err, refused.Rule, uint64(refused.Before), uint64(refused.After))
		}
	}
	tg := coded(t, elf.PF_X, routine{"f", code})
	off, _ := tg.File().Segments().Offset(0x401000)
	for _, l := range []offset.Location{
		{Path: tg.Path(), Addr: 0x401000, Offset: off + 3},
		{Path: "/another", Addr: 0x401000, Offset: off},
		{Path: tg.Path(), Addr: 0x401000, Offset: off, Semaphore: 0x401003, RefCtrOffset: 3},
		{Path: tg.Path(), Addr: 0x401000, Offset: off, Semaphore: 0x401000, RefCtrOffset: off},
	} {
		if err := tg.Check(l); !errors.Is(err, offset.ErrRefused) {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// USDT sites are places that the kernel takes; their long nops are known.
func TestCheckSites(t *testing.T) {
	fast := 0
	for _, name := range []string{"amd64/probe-pie", "amd64/probe-lld", "amd64/nops", "i386/probe-pie", "arm64/probe-pie", "s390x/probe-pie", "ppc64le/probe-pie", "riscv64/probe-pie"} {
		tg := open(t, name)
		for p, err := range tg.Probes(context.Background(), offset.Query{Kinds: offset.KindUSDT}) {
			if err != nil {
				t.Fatal(err)
			}
			l, err := p.Location()
			if err != nil {
				t.Fatal(err)
			}
			v, err := tg.Verdicts(context.Background(), l)
			if err != nil {
				t.Fatal(err)
			}
			if v[0].Err != nil {
				t.Errorf("%s: %s: %v", name, p.Name(), v[0].Err)
			}
			if v[0].FastNop > 0 {
				fast++
			}
		}
	}
	if fast == 0 {
		t.Log("no site is a long nop itself")
	}
}

func TestUretprobeWarning(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tg, err := offset.Open(exe, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	l, err := resolve(t, tg, offset.Func("fmt.Sprintf")).One()
	if err != nil {
		t.Fatal(err)
	}
	if tg.UretprobeWarning(l) == "" {
		t.Error("no warning of a uretprobe on a Go function")
	}
	c := open(t, "amd64/probe-pie")
	l, err = resolve(t, c, offset.Func("traced")).One()
	if err != nil || c.UretprobeWarning(l) != "" {
		t.Errorf("%v, %q of a C function", err, c.UretprobeWarning(l))
	}
}

func FuzzExits(f *testing.F) {
	f.Add([]byte("\x74\x01\x06\xc3"), uint8(1))
	f.Add([]byte("\x0f\x84\x05\x00\x00\x00\xc3"), uint8(3))
	f.Add([]byte("\xff\x24\xc5\x00\x10\x40\x00"), uint8(0))
	f.Fuzz(func(t *testing.T, code []byte, cut uint8) {
		if len(code) == 0 || len(code) > 256 {
			return
		}
		k := int(cut) % len(code)
		tg := coded(t, elf.PF_X, routine{"f", string(code[k:])}, routine{"f.cold", string(code[:k])})
		r := resolve(t, tg, offset.Func("f"))
		found, err := tg.Exits(context.Background(), r.Locations...)
		if err != nil {
			t.Fatal(err)
		}
		e := found[0]
		if len(e.Parts) > 2 {
			t.Fatalf("%d parts", len(e.Parts))
		}
		inside := func(a elfsym.Addr, n uint64) bool {
			for _, p := range e.Parts {
				if a >= p.Start && uint64(p.End-a) >= n && a < p.End {
					return true
				}
			}
			return false
		}
		for _, x := range e.Exits {
			if !inside(x.Addr, 1) || x.Exit == offset.ExitTailCall && x.Target != 0 && inside(x.Target, 1) {
				t.Fatalf("0x%x leaves for 0x%x", uint64(x.Addr), uint64(x.Target))
			}
			if err := tg.Check(x.Location); errors.Is(err, offset.ErrRefused) && err.(*offset.RefusedError).Rule == offset.RuleBoundary {
				t.Fatal(err)
			}
		}
		for _, u := range e.Undecoded {
			if u.Size == 0 || !inside(u.Addr, u.Size) {
				t.Fatalf("0x%x, %d bytes", uint64(u.Addr), u.Size)
			}
		}
	})
}

// All functions of libcrypto: 5,400 in 4.5 MB.
func BenchmarkExits(b *testing.B) {
	libs, _ := filepath.Glob("/usr/lib/*-linux-gnu/libcrypto.so.3")
	path := testbin.Path(b, "amd64/probe-pie")
	if len(libs) > 0 {
		path = libs[0]
	} else if skip.Forbidden() {
		b.Log("no libcrypto: the test program instead")
	}
	tg, err := offset.Open(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer tg.Close()
	var ls []offset.Location
	for p := range tg.Probes(context.Background(), offset.Query{Kinds: offset.KindFunc}) {
		if l, err := p.Location(); err == nil {
			ls = append(ls, l)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tg.Exits(context.Background(), ls...); err != nil {
			b.Fatal(err)
		}
	}
}
