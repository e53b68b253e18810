package usdtbpf_test

import (
	"math/rand/v2"
	"testing"

	"github.com/probels/probels/usdt/operand"
)

// Whatever an argument is, it is refused, or its instructions are such that run, with the value
// that the operand has; and so by its spec.
func FuzzFetch(f *testing.F) {
	strs := table(f)
	for i := range machines {
		for k, s := range strs[machines[i].name] {
			if k%16 == 0 {
				f.Add(uint8(i), s)
			}
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		m := &machines[int(which)%len(machines)]
		args := operand.ParseArgs(m.machine, m.class, text)
		if len(args) > 12 {
			args = args[:12]
		}
		p := m.place(which >= 128, args)
		th := m.random(rand.New(rand.NewPCG(1, uint64(which))), which >= 128)
		for i := range args {
			ins, err := p.Fetch(args[i], -24)
			if (err == nil) != (ins != nil) {
				t.Fatalf("%s: %d instructions and %v", args[i].Text, len(ins), err)
			}
			if err == nil && args[i].Symbol == "" {
				th.compare(t, &args[i], fetchProgram(ins), nil)
				th.viaSpec(t, p, &args[i])
			}
		}
	})
}
