package offset

import (
	"context"
	"reflect"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
)

// One address is answered without a table of all functions, many are with one,
// and the answers are the same.
func TestNearIsLazy(t *testing.T) {
	for _, name := range []string{"amd64/main", "amd64/libtestbin.so", "amd64/probe-minidebug", "amd64/probe-debuglink", "arm/main", "ppc64/main"} {
		target, err := Open(testbin.Path(t, name), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		all := &resolution{t: target, ctx: context.Background()}
		var at []elfsym.Addr
		for s := range all.allFunctions().All() {
			at = append(at, s.Addr, s.Addr+1)
		}
		if len(at) == 0 {
			t.Fatalf("%s: no functions", name)
		}
		one := &resolution{t: target, ctx: context.Background()}
		for i := range manyAddresses {
			a := at[i%len(at)]
			if got, want := one.near(a).Covering(a), all.functions.Covering(a); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: 0x%x is covered by %v, of all %v", name, uint64(a), got, want)
			}
		}
		if one.functions != nil {
			t.Errorf("%s: a table of all functions was made for %d addresses", name, manyAddresses)
		}
		if a := at[0]; one.near(a) != one.functions || one.functions == nil {
			t.Errorf("%s: no table of all functions for more", name)
		}
	}
}
