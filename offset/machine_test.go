package offset_test

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

var machines = []string{
	"amd64/probe-pie", "amd64/probe-nopie", "amd64/probe-static-pie", "amd64/probe-lld", "amd64/probe-lld-nopie",
	"amd64/probe-gold", "amd64/probe-noseparate", "amd64/probe-pinned", "amd64/probe-clang", "x32/probe-nopie",
	"i386/probe-pie", "i386/probe-nopie", "arm64/probe-pie", "arm64/probe-nopie", "arm/probe-pie", "arm/probe-nopie",
	"arm/probe-arm", "riscv64/probe-pie", "riscv64/probe-nopie", "s390x/probe-pie", "s390x/probe-nopie",
	"ppc64le/probe-pie", "ppc64le/probe-nopie", "ppc64/probe-pie", "ppc64/probe-nopie", "mips64el/probe-pie", "mips64el/probe-nopie",
}

// Every form of a spec, on every machine, against what debug/elf has.
func TestResolveForms(t *testing.T) {
	for _, name := range machines {
		t.Run(name, func(t *testing.T) {
			f, tg := truthOf(t, name), open(t, name)
			code := func(addrs ...uint64) string {
				var offs []uint64
				for _, a := range addrs {
					offs = append(offs, f.place(a, elf.PF_X))
				}
				return hexes(offs)
			}
			traced, helpers := f.functions("traced")[0], f.functions("helper")
			if len(helpers) != 2 || traced.size < 8 {
				t.Fatalf("not the fixture that was expected: %v %v", helpers, traced)
			}
			var inlined []uint64
			for _, s := range f.sites("probels:inlined") {
				inlined = append(inlined, s.addr)
			}
			tail := f.functions("traced_tail")[0]
			for _, c := range []struct{ spec, want string }{
				{"traced", code(traced.entry)},
				{"traced+4", code(traced.addr + 4)},
				{"traced+0x4", code(traced.addr + 4)},
				{fmt.Sprintf("traced+%d", traced.size-4), code(traced.addr + traced.size - 4)},
				{"helper", code(helpers[0].entry, helpers[1].entry)},
				{"a.c:helper", code(helpers[0].entry)},
				{"b.c:helper", code(helpers[1].entry)},
				{"some/dir/b.c:helper+4", code(helpers[1].addr + 4)},
				{"alias_weak", code(f.functions("aliased")[0].entry)},
				{"traced*", code(traced.entry, tail.entry)},
				{"traced_t[a-c]??", code(tail.entry)},
				{"probels:inlined", code(inlined...)},
				{"*:inlined", code(inlined...)},
				{fmt.Sprintf("0x%x", traced.addr), code(traced.addr)},
				{fmt.Sprintf("0X%X", traced.addr+4), code(traced.addr + 4)},
				{"+" + code(traced.addr), code(traced.addr)},
				{fmt.Sprintf("+%d", f.place(traced.addr, elf.PF_X)), code(traced.addr)},
			} {
				r := typed(t, tg, c.spec)
				if got := places(r.Locations); got != c.want || r.Err != nil {
					t.Errorf("%s: %s, error %v, want %s", c.spec, got, r.Err, c.want)
				}
				for _, l := range r.Locations {
					if l.Path != tg.Path() || l.BuildID != tg.BuildID() || tg.BuildID() == "" {
						t.Errorf("%s: path %q, build-id %q", c.spec, l.Path, l.BuildID)
					}
					if uint64(l.Offset) != f.place(uint64(l.Addr), elf.PF_X) {
						t.Errorf("%s: address %#x does not go with offset %#x", c.spec, l.Addr, l.Offset)
					}
				}
			}
		})
	}
}

// The way back from an address: what covers it, and how far into it.
func TestResolveAddressNamesFunction(t *testing.T) {
	for _, name := range []string{"amd64/probe-pie", "ppc64/probe-nopie", "arm/probe-nopie"} {
		f, tg := truthOf(t, name), open(t, name)
		recursive := f.functions("recursive")[0]
		l, err := resolve(t, tg, offset.At(elfsym.Addr(recursive.addr+4))).One()
		if err != nil || l.Name != "recursive" || l.Addend != 4 || l.Kind != offset.KindAddr || l.Sources != elfsym.Symtab || l.Size != recursive.size {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
		// Of aliases a global one, and of those the first by name.
		l, err = resolve(t, tg, offset.At(elfsym.Addr(f.functions("aliased")[0].addr))).One()
		if err != nil || l.Name != "alias_strong" || l.Addend != 0 {
			t.Errorf("%s: %+v, %v", name, l, err)
		}
	}
}

func TestResolveSemaphore(t *testing.T) {
	for _, name := range machines {
		f, tg := truthOf(t, name), open(t, name)
		for _, probe := range []string{"guarded", "always", "plain"} {
			want := f.sites("probels:" + probe)
			r := resolve(t, tg, offset.USDT("probels", probe))
			l, err := r.One()
			if err != nil || len(want) != 1 {
				t.Fatalf("%s: %s: %v", name, probe, err)
			}
			var ref uint64
			if want[0].semaphore != 0 {
				ref = f.place(want[0].semaphore, elf.PF_W)
			}
			if uint64(l.RefCtrOffset) != ref || uint64(l.Semaphore) != want[0].semaphore || l.Provider != "probels" || l.Name != probe {
				t.Errorf("%s: %+v, want semaphore %#x at %#x", name, l, want[0].semaphore, ref)
			}
		}
	}
}

// On ppc64le a uprobe goes to the local entry, and a distance counts from the
// symbol, as a disassembler's does.
func TestLocalEntry(t *testing.T) {
	f, tg := truthOf(t, "ppc64le/probe-nopie"), open(t, "ppc64le/probe-nopie")
	traced := f.functions("traced")[0]
	if traced.entry != traced.addr+8 {
		t.Fatalf("not the fixture that was expected: %+v", traced)
	}
	l, err := typed(t, tg, "traced").One()
	if err != nil || uint64(l.Addr) != traced.entry || l.Addend != 0 {
		t.Errorf("traced: %+v, %v", l, err)
	}
	l, err = typed(t, tg, "traced+0x10").One()
	if err != nil || uint64(l.Addr) != traced.addr+0x10 || l.Addend != 0x10 {
		t.Errorf("traced+0x10: %+v, %v", l, err)
	}
	for p, err := range tg.Probes(context.Background(), offset.Query{Match: []string{"traced"}}) {
		if err != nil || uint64(p.Offset) != f.place(traced.addr, elf.PF_X) || uint64(p.EntryOffset) != f.place(traced.entry, elf.PF_X) {
			t.Errorf("%+v, %v", p, err)
		}
	}
}

// What it lists it can resolve: each probe's name stands for its own offset,
// among others perhaps, in every committed binary that can be opened.
func TestListedResolves(t *testing.T) {
	opened := 0
	for _, name := range testbin.All(t) {
		tg, err := offset.Open(testbin.Path(t, name), nil)
		if err != nil {
			if !errors.Is(err, offset.ErrNotExecutable) && !errors.Is(err, offset.ErrDebugOnly) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		defer tg.Close()
		opened++
		var probes []offset.Probe
		var specs []offset.Spec
		for p, err := range tg.Probes(context.Background(), offset.Query{}) {
			if err == nil {
				spec, err := offset.ParseSpec(p.Name())
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				probes, specs = append(probes, p), append(specs, spec)
			} else if name != "amd64/sdt-damaged.so" {
				t.Errorf("%s: %v", name, err)
			}
		}
		results, err := tg.Resolve(context.Background(), specs...)
		if err != nil && name != "amd64/sdt-damaged.so" {
			t.Errorf("%s: %v", name, err)
		}
		for i, p := range probes {
			if l, err := p.Location(); err != nil {
				if results[i].Err == nil {
					t.Errorf("%s: %s: %v, and Resolve has no error", name, p.Name(), err)
				}
			} else if !slices.Contains(results[i].Locations, l) {
				t.Errorf("%s: %s at %#x: resolved to %s, %v", name, p.Name(), l.Offset, places(results[i].Locations), results[i].Err)
			}
		}
	}
	if opened < 60 {
		t.Errorf("only %d files opened", opened)
	}
}
