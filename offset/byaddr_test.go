package offset_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// A listing by address has what one by name has.
func TestByAddr(t *testing.T) {
	type line struct {
		kind offset.Kind
		addr elfsym.Addr
		text string
	}
	list := func(tg *offset.Target, q offset.Query) (out []line, errs []string) {
		q.Kinds, q.Sizes = offset.KindUSDT|offset.KindFunc|offset.KindPLT|offset.KindAnon|offset.KindData, true
		for p, err := range tg.Probes(context.Background(), q) {
			l := line{kind: p.Kind}
			switch {
			case err != nil:
				errs = append(errs, err.Error())
				continue
			case p.Site != nil:
				l.addr, l.text = p.Site.Addr, fmt.Sprintf("%+v", *p.Site)
			default:
				l.addr, l.text = p.Symbol.Addr, fmt.Sprintf("%x %x %v %+v", p.Offset, p.EntryOffset, p.Err, *p.Symbol)
			}
			out = append(out, l)
		}
		return out, errs
	}
	kinds := map[offset.Kind]int{}
	for _, name := range testbin.All(t) {
		tg, err := offset.Open(testbin.Path(t, name), nil)
		if err != nil {
			continue
		}
		defer tg.Close()
		want, wantErrs := list(tg, offset.Query{})
		// Kinds come one after the other, each by address.
		order := []offset.Kind{offset.KindUSDT, offset.KindFunc, offset.KindPLT, offset.KindAnon, offset.KindData}
		slices.SortStableFunc(want, func(a, b line) int {
			return cmp.Or(cmp.Compare(slices.Index(order, a.kind), slices.Index(order, b.kind)), cmp.Compare(a.addr, b.addr))
		})
		for _, match := range [][]string{nil, {"*"}} {
			got, errs := list(tg, offset.Query{ByAddr: true, Match: match})
			if !slices.Equal(errs, wantErrs) {
				t.Errorf("%s: errors %q, by name %q", name, errs, wantErrs)
			}
			for i := range got {
				kinds[got[i].kind]++
				if i < len(want) && got[i] != want[i] {
					if got[i].kind == offset.KindUSDT && got[i].addr == want[i].addr {
						continue // two at one address: by name there, and by note here
					}
					t.Errorf("%s: number %d is\n%+v, sorted\n%+v", name, i, got[i], want[i])
					break
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: %d by address, %d by name", name, len(got), len(want))
			}
		}
	}
	if len(kinds) != 5 {
		t.Errorf("only kinds %v", kinds)
	}
}
