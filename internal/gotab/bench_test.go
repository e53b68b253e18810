package gotab_test

import (
	"fmt"
	"testing"

	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/gotab/gotabtest"
)

// The largest Go programs have half a million functions.
func BenchmarkAll(b *testing.B) {
	const n = 500_000
	p := program(gotab.Go120, le64)
	p.Addr, p.Funcs, p.Size = tableAddr<<8, nil, n*64
	for i := range uint64(n) {
		p.Funcs = append(p.Funcs, gotabtest.Func{Name: fmt.Sprintf("github.com/some/module/package%d/service.(*Client).Method%d", i>>8, i), Entry: i * 64})
	}
	o := p.Write()
	m := &memory{code: [2]uint64{textAddr, textAddr + p.Size}, pieces: []piece{{p.Addr, o.Table}}}
	b.SetBytes(int64(len(o.Table)))
	for b.Loop() {
		tab, err := gotab.Parse(m, le64, p.Addr, 1<<62)
		if err != nil {
			b.Fatal(err)
		}
		tab.Bind(textAddr, nil)
		count := 0
		tab.All(func(_ gotab.Func, err error) bool {
			if err == nil {
				count++
			}
			return true
		})
		if count != n {
			b.Fatal(count)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/function")
}
