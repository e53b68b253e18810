package gotab_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/probels/probels/internal/gotab"
	"github.com/probels/probels/internal/gotab/gotabtest"
)

// Names in the order of their functions, as the linker leaves them, in others, and longer
// than what is read at a time: the right ones, and no more read than twice the table.
func TestNameOrders(t *testing.T) {
	const n = 8_000
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("example.com/module/package.(*Type%d).Method", i)
	}
	names[n/2], names[n/2+1], names[n-1] = strings.Repeat("long", 8000), strings.Repeat("x", 60_000), strings.Repeat("last", 5000)
	rnd := rand.New(rand.NewPCG(1, 2))
	for order, at := range map[string]func(i int) int{
		"kept":      func(i int) int { return i },
		"turned":    func(i int) int { return n - 1 - i },
		"some back": func(i int) int { return max(0, i-i%50*10) },
		"some far":  func(i int) int { return (i + i%20/19*7000) % n },
		"none":      func(int) int { return rnd.IntN(n) },
		"shared":    func(int) int { return n / 2 },
	} {
		p := program(gotab.Go120, le64)
		p.Funcs, p.Size = nil, n*16
		for i := range uint64(n) {
			p.Funcs = append(p.Funcs, gotabtest.Func{Name: names[i], Entry: i * 16})
		}
		m, o := place(p)
		b := m.pieces[0].b
		nameOf := func(i int) []byte { return b[o.List+o.Records[i]+4:][:4] }
		offs := make([]uint32, n)
		for i := range offs {
			offs[i] = binary.LittleEndian.Uint32(nameOf(i))
		}
		want := make([]string, n)
		bytes := 0
		for i := range want {
			k := at(i)
			binary.LittleEndian.PutUint32(nameOf(i), offs[k])
			want[i] = names[k]
			bytes += len(want[i])
		}
		tab := bound(t, p, m)
		m.read = 0
		got, errs := list(tab)
		if bytes > 64<<20 {
			if len(errs) != 1 {
				t.Errorf("%s: %v", order, errs)
			}
		} else if len(got) != n || len(errs) != 0 {
			t.Errorf("%s: %d functions, %v", order, len(got), errs)
		}
		for i := range got {
			if got[i].Name != want[i] {
				t.Fatalf("%s: function %d is %.50q, want %.50q", order, i, got[i].Name, want[i])
			}
		}
		if m.read > 3*len(o.Table) {
			t.Errorf("%s: %d bytes read of %d", order, m.read, len(o.Table))
		}
	}
}
