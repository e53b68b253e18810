package usdtbpf_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/rlimit"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/operand"
	"github.com/probels/probels/usdt/usdtbpf"
)

// values are those of testdata/args.c, by probe: the arguments' numbers, before they are cut
// to their sizes. free is one that the test does not know.
var (
	free     = int64(math.MinInt64)
	eight    = []int64{-5, 0xfb, -300, 0xfed4, -70000, 0xfffeee90, -5000000000, -0x123456789abcdf0}
	f15      = int64(math.Float32bits(1.5))
	d225     = int64(math.Float64bits(2.25)) | math.MinInt64
	elements = []int64{-4, 0xff03, -13, -1<<40 + 3, -15}
)

var values = map[string][]int64{
	"params": eight, "constants": eight, "hidden": eight, "shown": eight, "pointer": eight,
	"small":      {0, 'x', 0, 1, 4},
	"elements":   elements,
	"narrow":     {-4, -11, -1<<40 + 3},
	"vectors":    {-4, 0xff03, -13, -1<<40 + 3, -12, -1 << 40},
	"locals":     {3 - 70000, 7 - 5000000000, -4, 5 - 70000, 5 - 5000000000, -8},
	"parts":      {0x55, 0x55, 0x84, 0x84 - 0x100, 0x8455, 0x8455 - 0x10000},
	"shifted":    {0x84, 0x84 - 0x100, 0x12fb},
	"many":       {-70000, -5000000000, -5, 0xfed4, -70000, -5000000000, -69999, -4999999999, -4, -5, -0x123456789abcdf0, free},
	"floats":     {f15, d225},
	"floats_mem": {f15, d225},
	"structs":    {free, 3},
	"copied":     {-70000},
	"address":    {free, free}, // the same, though
	"thread":     nil,          // never reached
}

// A build is one way to make the program.
type build struct {
	cc, level, bits, pic, constraint string
}

func (b build) String() string {
	return strings.Join(strings.Fields(b.cc+" "+b.level+" "+b.bits+" "+b.pic+" "+b.constraint), " ")
}

// builds are the ways, all of them where PROBELS_LIVE_ALL is set.
func builds() []build {
	var out []build
	all := os.Getenv("PROBELS_LIVE_ALL") != ""
	for _, cc := range []string{"gcc", "clang"} {
		for _, bits := range []string{"-m64", "-m32"} {
			for _, pic := range []string{"-fno-pie -no-pie", "-fPIE -pie"} {
				for i, level := range []string{"-O0", "-O1", "-O2", "-O3", "-Os"} {
					for k, constraint := range []string{"", "nmr", "rm", "nro", "norx"} {
						few := k == 0 && i < 4 && (i != 1 || bits == "-m64") || i == 2 && bits == "-m64" && cc == "gcc"
						none := cc == "gcc" && level == "-Os" && bits == "-m32" && constraint == "rm" // it runs out of registers
						if all && !none || few {
							out = append(out, build{cc, level, bits, pic, constraint})
						}
					}
				}
			}
		}
	}
	return out
}

// make compiles the program.
func (b build) make(t *testing.T) string {
	t.Helper()
	prog := filepath.Join(t.TempDir(), "args")
	args := append([]string{"-g0", b.level, b.bits, "-ffreestanding", "-nostdlib", "-fno-stack-protector", "-w"}, strings.Fields(b.pic)...)
	if b.constraint != "" {
		args = append(args, "-DSTAP_SDT_ARG_CONSTRAINT="+b.constraint)
	}
	if b.constraint == "nmr" {
		args = append(args, "-DTHREAD")
	}
	// The header is the same for both, and where the one for 64 bits is.
	args = append(args, "-idirafter", "/usr/include/x86_64-linux-gnu", "-o", prog, "testdata/args.c")
	if out, err := exec.Command(skip.Tool(t, b.cc), args...).CombinedOutput(); err != nil {
		if strings.Contains(string(out), "sdt.h") {
			skip.Now(t, "needs sys/sdt.h (systemtap-sdt-dev)")
		}
		t.Fatalf("%v\n%s", err, out)
	}
	if err := exec.Command(prog).Run(); err != nil {
		skip.Nowf(t, "this system does not run %s programs: %v", b.bits, err)
	}
	return prog
}

var lacking = sync.OnceValue(func() string {
	if runtime.GOARCH != "amd64" || runtime.GOOS != "linux" {
		return "needs linux/amd64, for which the test programs are"
	}
	if os.Geteuid() != 0 {
		return "needs root, to attach uprobes"
	}
	if err := rlimit.RemoveMemlock(); err != nil {
		return "needs to raise RLIMIT_MEMLOCK: " + err.Error()
	}
	m, err := newResults()
	if err != nil {
		return "needs eBPF: " + err.Error()
	}
	m.Close()
	return ""
})

// results has a result for each of 12 arguments of each site.
func newResults() (*ebpf.Map, error) {
	return ebpf.NewMap(&ebpf.MapSpec{Name: "results", Type: ebpf.Array, KeySize: 4, ValueSize: 24, MaxEntries: 12 * 256})
}

type result struct {
	Err, Value int64
	Hits       uint64
}

func read(t *testing.T, m *ebpf.Map, site, arg int) (r result) {
	t.Helper()
	if err := m.Lookup(uint32(site*12+arg), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// keep is a function keep(key, err, value) that stores a result.
func keep(results *ebpf.Map) asm.Instructions {
	return asm.Instructions{
		asm.StoreMem(asm.RFP, -4, asm.R1, asm.Word).WithSymbol("keep"),
		asm.Mov.Reg(asm.R7, asm.R2),
		asm.Mov.Reg(asm.R8, asm.R3),
		asm.LoadMapPtr(asm.R1, results.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP), asm.Add.Imm(asm.R2, -4),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "kept"),
		asm.StoreMem(asm.R0, 0, asm.R7, asm.DWord),
		asm.StoreMem(asm.R0, 8, asm.R8, asm.DWord),
		asm.Mov.Imm(asm.R1, 1),
		asm.AddAtomic.Mem(asm.R0, asm.R1, asm.DWord, 16),
		asm.Mov.Imm(asm.R0, 0).WithSymbol("kept"),
		asm.Return(),
	}
}

// A live is a program whose probes are read.
type live struct {
	sites  []usdt.Site
	places []usdtbpf.Place
	locs   []offset.Location
}

func open(t *testing.T, prog string) *live {
	t.Helper()
	f, err := elfsym.Open(prog)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	l := &live{}
	for s, err := range usdt.Sites(f) {
		if err != nil {
			t.Fatal(err)
		}
		l.sites = append(l.sites, s)
		l.locs = append(l.locs, offset.Location{
			Kind: offset.KindUSDT, Path: prog, Provider: s.Provider, Name: s.Name, Addr: s.Addr, Offset: s.Offset,
			Semaphore: s.Semaphore, RefCtrOffset: s.RefCtrOffset, BuildID: fmt.Sprintf("%x", f.BuildID()),
		})
	}
	if l.places, err = usdtbpf.Places(f, l.sites); err != nil {
		t.Fatal(err)
	}
	return l
}

func load(t *testing.T, ins asm.Instructions) *ebpf.Program {
	t.Helper()
	p, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "read_args", Type: ebpf.Kprobe, AttachType: attach.ProgramType(), License: "GPL", Instructions: ins,
	})
	if err != nil {
		var v *ebpf.VerifierError
		if errors.As(err, &v) {
			t.Fatalf("%+40v", v)
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

func (l *live) attach(t *testing.T, p *ebpf.Program) {
	t.Helper()
	probes, err := attach.Attach(p, l.locs, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { probes.Close() })
}

func resultsMap(t *testing.T) *ebpf.Map {
	t.Helper()
	m, err := newResults()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// compiled attaches a program with the code of every site.
func (l *live) compiled(t *testing.T, errs [][]error) *ebpf.Map {
	results := resultsMap(t)
	var pieces []asm.Instructions
	for i := range l.sites {
		var piece asm.Instructions
		for k, a := range l.sites[i].Args() {
			ins, err := l.places[i].Fetch(a, -16)
			if errs[i] = append(errs[i], err); err != nil {
				continue
			}
			piece = append(piece, ins...)
			piece = append(piece,
				asm.Mov.Imm(asm.R1, int32(i*12+k)), asm.Mov.Reg(asm.R2, asm.R0),
				asm.LoadMem(asm.R3, asm.RFP, -16, asm.DWord), asm.Call.Label("keep"))
		}
		pieces = append(pieces, piece)
	}
	body, err := usdtbpf.Switch("site", pieces...)
	if err != nil {
		t.Fatal(err)
	}
	prog := append(asm.Instructions{asm.Mov.Reg(asm.R6, asm.R1)}, body...)
	l.attach(t, load(t, append(append(prog, asm.Return()), keep(results)...)))
	return results
}

// specs makes the Spec of every site.
func (l *live) specs(t *testing.T, errs [][]error) []usdtbpf.Spec {
	var out []usdtbpf.Spec
	for i := range l.sites {
		s, err := l.places[i].Spec(l.sites[i].Args())
		if err != nil && !slices.ContainsFunc(errs[i], func(e error) bool { return e != nil }) && !errors.Is(err, usdtbpf.ErrForm) {
			t.Errorf("%s: %v", l.sites[i].Spec, err)
		}
		out = append(out, s)
	}
	return out
}

// generic attaches a program that knows the sites by their specs.
func (l *live) generic(t *testing.T, specs []usdtbpf.Spec) *ebpf.Map {
	results := resultsMap(t)
	m, err := ebpf.NewMap(usdtbpf.MapSpec(len(specs)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := usdtbpf.Fill(m, specs); err != nil {
		t.Fatal(err)
	}
	prog := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1), asm.FnGetAttachCookie.Call(),
		asm.Mov.Reg(asm.R7, asm.R0), asm.Mul.Imm(asm.R7, 12),
	}
	for k := range int32(12) {
		prog = append(prog,
			asm.Mov.Reg(asm.R1, asm.R6), asm.Mov.Imm(asm.R2, k),
			asm.Mov.Imm(asm.R3, 0), asm.StoreMem(asm.RFP, -8, asm.R3, asm.DWord),
			asm.Mov.Reg(asm.R3, asm.RFP), asm.Add.Imm(asm.R3, -8),
			asm.Call.Label("usdt_arg"),
			asm.Mov.Reg(asm.R1, asm.R7), asm.Add.Imm(asm.R1, k), asm.Mov.Reg(asm.R2, asm.R0),
			asm.LoadMem(asm.R3, asm.RFP, -8, asm.DWord), asm.Call.Label("keep"))
	}
	prog = append(prog, asm.Mov.Imm(asm.R0, 0), asm.Return())
	prog = append(prog, l.places[0].ArgFunc("usdt_arg", m.FD())...)
	l.attach(t, load(t, append(prog, keep(results)...)))
	return results
}

// cut is a number as an argument has it.
func cut(v int64, a *operand.Arg) int64 {
	switch n := 64 - 8*a.Size; {
	case n == 0:
		return v
	case a.Signed:
		return v << n >> n
	default:
		return int64(uint64(v) << n >> n)
	}
}

// Every argument that gcc and clang make on x86-64, and for i386, has the value that the
// source gives it, or a reason why not.
func TestLive(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	var mu sync.Mutex
	total, forms := map[string]int{}, map[string]bool{}
	t.Cleanup(func() {
		t.Logf("%d different arguments; %v", len(forms), total)
		for _, why := range []string{"register", "segment", "structure", "wide"} {
			if total["no value: "+why] == 0 {
				t.Errorf("no argument was refused for this reason: %s", why)
			}
		}
	})
	for _, b := range builds() {
		t.Run(b.String(), func(t *testing.T) {
			t.Parallel()
			l := open(t, b.make(t))
			errs := make([][]error, len(l.sites))
			compiled := l.compiled(t, errs)
			generic := l.generic(t, l.specs(t, errs))
			if err := exec.Command(l.locs[0].Path).Run(); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			for i := range l.sites {
				s := &l.sites[i]
				want, ok := values[s.Name]
				args := s.Args()
				if !ok || s.Name != "thread" && len(args) != len(want) {
					t.Fatalf("%s has %d arguments", s.Name, len(args))
				}
				for k := range args {
					a := &args[k]
					forms[a.Text] = true
					if err := errs[i][k]; err != nil {
						total[refusal(t, err)]++
						if got := read(t, generic, i, k); got.Value != 0 || got.Err == 0 && s.Name != "thread" {
							t.Errorf("%s: refused, and read by spec: %+v", a.Text, got)
						}
						continue
					}
					if s.Name == "thread" {
						continue // a copy of it, which nobody made
					}
					got, bySpec := read(t, compiled, i, k), read(t, generic, i, k)
					if w := want[k]; w != free {
						if got != (result{0, cut(w, a), 1}) {
							t.Errorf("%s, %s: %+v, want %d", s.Name, a.Text, got, cut(w, a))
						}
					} else if got.Err != 0 || got.Hits != 1 {
						t.Errorf("%s, %s: %+v", s.Name, a.Text, got)
					}
					total["read"]++
					switch {
					case bySpec == got:
						total["read by spec"]++
					case bySpec.Err == -22 && bySpec.Value == 0:
						total["no form in a spec"]++
					default:
						t.Errorf("%s, %s: %+v by spec, %+v by code", s.Name, a.Text, bySpec, got)
					}
				}
				if s.Name == "address" {
					if a, b := read(t, compiled, i, 0), read(t, compiled, i, 1); a != b || a.Value == 0 {
						t.Errorf("%s: %+v and %+v", s.Spec, a, b)
					}
				}
			}
		})
	}
}

// refusal names the reason that an argument has no value; others than these are not to be.
func refusal(t *testing.T, err error) string {
	for name, e := range map[string]error{
		"register": usdtbpf.ErrRegister, "segment": usdtbpf.ErrSegment, "structure": usdtbpf.ErrSize, "wide": usdtbpf.ErrWide,
	} {
		if errors.Is(err, e) {
			return "no value: " + name
		}
	}
	var e *usdtbpf.Error
	if errors.Is(err, usdtbpf.ErrSymbol) && errors.As(err, &e) && strings.HasPrefix(e.Arg.Symbol, ".L") {
		return "no value: label of the assembler" // clang keeps constants in memory if it has to
	}
	t.Error(err)
	return "wrong"
}
