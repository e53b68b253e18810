package livetest

import (
	"fmt"
	"testing"

	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// Addresses and offsets, as a disassembler or a stack trace gives them, also in files that have no
// name for them. An address within a function that is known to be an instruction is a USDT site's.
func TestAddresses(t *testing.T) {
	pie := target(t, testbin.Path(t, "amd64/probe-pie"))
	traced, site, within := one(t, pie, "traced"), one(t, pie, "probels:always"), one(t, pie, "guarded")
	for _, tt := range []struct {
		prog, spec string
		hits       int
	}{
		{"amd64/probe-pie", fmt.Sprintf("0x%x", traced.Addr), rounds},
		{"amd64/probe-pie", fmt.Sprintf("+0x%x", traced.Offset), rounds},
		{"amd64/probe-pie", fmt.Sprintf("0x%x", site.Addr), rounds},
		{"amd64/probe-pie", fmt.Sprintf("guarded+0x%x", site.Addr-within.Addr), rounds},
		{"amd64/probe-pie", fmt.Sprintf("guarded+%d", site.Addr-within.Addr), rounds},
		{"amd64/probe-pie", fmt.Sprintf("b.c:guarded+%d", site.Addr-within.Addr), -1}, // not a static
		// The same build without symbols, and without section headers.
		{"amd64/probe-stripped", fmt.Sprintf("0x%x", traced.Addr), rounds},
		{"amd64/probe-debuglink", fmt.Sprintf("0x%x", traced.Addr), rounds},
		{"amd64/probe-noshdr", fmt.Sprintf("0x%x", traced.Addr), rounds},
		{"amd64/probe-noshdr", fmt.Sprintf("+0x%x", traced.Offset), rounds},
		{"amd64/probe-noshdr", fmt.Sprintf("0x%x", site.Addr), rounds},
	} {
		t.Run(tt.prog+"/"+tt.spec, func(t *testing.T) {
			c := newCounter(t)
			prog := program(t, tt.prog)
			tgt := target(t, prog)
			if tt.hits < 0 {
				spec, _ := offset.ParseSpec(tt.spec)
				if res, err := tgt.Resolve(t.Context(), spec); err != nil || res[0].Err == nil {
					t.Errorf("resolves to %+v, %v", res[0].Locations, err)
				}
				return
			}
			c.location(t, one(t, tgt, tt.spec), 0)
			run(t, prog)
			if got := c.count(t, 0); got != tt.hits {
				t.Errorf("%d hits, want %d", got, tt.hits)
			}
		})
	}
}

// Of a segment that is writable and executable we give offsets, for they are right, but the kernel
// takes no uprobe in a process that has it mapped, and one that was taken before never fires.
func TestWritableCode(t *testing.T) {
	c := newCounter(t)
	prog := program(t, "amd64/probe-rwx")
	ls := resolve(t, target(t, prog), "traced")
	if len(ls) == 0 {
		return // not given: as good
	}
	c.location(t, ls[0], 0)
	run(t, prog)
	if got := c.count(t, 0); got != 0 {
		t.Errorf("%d hits: the kernel takes uprobes in writable code; say so where it is said that it does not", got)
	}
}
