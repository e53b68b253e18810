package offset

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/probels/probels/internal/skip"
)

const coldSource = `
extern int puts(const char *);
extern void abort(void);
__attribute__((cold, noinline)) static void fail(int i) { if (i == 77) abort(); puts("x"); }
__attribute__((noinline)) int first(int *p, int n)
{
	int sum = 0;
	for (int i = 0; i < n; i++) {
		if (__builtin_expect(p[i] < 0, 0)) {
			fail(i);
			fail(p[i]);
			if (p[i] == -9)
				return i;
			continue;
		}
		sum += p[i];
	}
	return sum;
}
__attribute__((noinline)) int second(int *p, int n) { if (!p) { fail(n); abort(); } return first(p, n + 1); }
__attribute__((noinline)) int third(int n, char **s) { return puts(s[n]); } // left by way of the PLT
int main(int argc, char **argv) { return second(&argc, argc) + third(0, argv) & 1; }
`

// Without symbols, a function has the exits that it has with them: what a jump
// into the part that the compiler moved away is, unwind information tells.
func TestExitsStripped(t *testing.T) {
	gcc, strip := skip.Tool(t, "gcc"), skip.Tool(t, "strip")
	dir := t.TempDir()
	src, named, bare := filepath.Join(dir, "cold.c"), filepath.Join(dir, "named"), filepath.Join(dir, "bare")
	if err := os.WriteFile(src, []byte(coldSource), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{gcc, "-O2", "-o", named, src}, {strip, "-o", bare, named}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	full, err := Open(named, &Options{OwnTables: true})
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	stripped, err := Open(bare, &Options{OwnTables: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stripped.Close()
	ctx := context.Background()
	parts := 0
	for _, name := range []string{"first", "second", "third", "main"} {
		results, err := full.Resolve(ctx, Func(name))
		if err != nil {
			t.Fatal(err)
		}
		l, err := results[0].One()
		if err != nil {
			t.Fatal(err)
		}
		want, err := full.Exits(ctx, l)
		if err != nil {
			t.Fatal(err)
		}
		results, err = stripped.Resolve(ctx, At(l.Addr))
		if err != nil {
			t.Fatal(err)
		}
		got, err := stripped.Exits(ctx, results[0].Locations...)
		if err != nil {
			t.Fatal(err)
		}
		text := func(e FuncExits) []string {
			var out []string
			for _, x := range e.Exits {
				if x.Exit == ExitUnknown && x.Reason != "" {
					continue // said to be in doubt: a part that has no frame yet looks like a function
				}
				out = append(out, fmt.Sprintf("%v at 0x%x to 0x%x", x.Exit, uint64(x.Addr), uint64(x.Target)))
			}
			return out
		}
		if want[0].Err != nil || got[0].Err != nil || len(want[0].Exits) == 0 || !slices.Equal(text(got[0]), text(want[0])) {
			t.Errorf("%s: %q, %v\nwith symbols %q, %v", name, text(got[0]), got[0].Err, text(want[0]), want[0].Err)
		}
		if name == "third" && (len(got[0].Exits) != 1 || got[0].Exits[0].Exit != ExitTailCall || got[0].Exits[0].TargetName != "puts@plt") {
			t.Errorf("third is left by a jump to puts@plt, and not by %+v", got[0].Exits)
		}
		parts = max(parts, len(got[0].Parts))
		if v, err := stripped.Verdicts(ctx, results[0].Locations...); err != nil || v[0].Err != nil || !v[0].Boundary {
			t.Errorf("%s: not known to be an instruction: %+v, %v", name, v[0], err)
		}
	}
	if parts < 2 {
		t.Error("no function has a part that was moved away: the test shows nothing")
	}
}
