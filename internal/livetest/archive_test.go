package livetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// librarySources are the members of a small library. Two of them have a static of the same name.
var librarySources = map[string]string{
	"count.c": `
#include <string.h>
#include "lib.h"
static const char *const words[] = { "probe", "trace", "count", "offset" };
static __attribute__((noinline)) long step(long n) { for (long i = 0; i < 3; i++) n = n * 31 + (n >> 7) + 17; return n; }
long lib_count(const char *s) { long n = 0; for (int i = 0; i < 4; i++) if (strstr(s, words[i])) n += i + 1; return step(n) + lib_sum(s, strlen(s)); }
`,
	"sum.c": `
#include <stdio.h>
#include <stdlib.h>
#include "lib.h"
static __attribute__((noinline)) long step(long n) { return n ^ n << 5 ^ n >> 3; }
long lib_sum(const char *s, long n) { long h = 5381; while (n-- > 0) h = step(h) + *s++; if (!h) fprintf(stderr, "a sum of nothing\n"); return h; }
char *lib_name(long n) { char *b = malloc(40); if (!b) { perror("no memory for a name"); abort(); } snprintf(b, 40, "count-%ld of the library", n); return b; }
`,
	"unused.c": `
#include "lib.h"
long lib_unused(const char *s) { return lib_count(s) * 2 + lib_sum("never called", 12); }
`,
}

const libraryUser = `
#include <stdio.h>
#include <stdlib.h>
#include "lib.h"
int main(int argc, char **argv)
{
	long n = 0, rounds = argc > 1 ? atol(argv[1]) : 1;
	for (long i = 0; i < rounds; i++) { n += lib_count("a probe and an offset"); n += lib_count("another"); char *s = lib_name(n); n += lib_sum(s, 5); free(s); }
	printf("%ld\n", n);
	return rounds;
}
`

// A program with a library linked into it, whose names were stripped: the library's archive, of an unstripped
// build, tells where its functions are. The library is compiled again for the program.
func TestArchiveReference(t *testing.T) {
	for _, how := range [][]string{{"-O2"}, {"-O2", "-static"}, {"-O2", "-no-pie"}} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			c := newCounter(t)
			archive, prog := buildStatic(t, how)
			ref, problems, err := offset.OpenReference(t.Context(), archive, nil)
			if err != nil || len(problems) > 0 {
				t.Fatal(problems, err)
			}
			tgt, err := offset.Open(prog, &offset.Options{OwnTables: true, Reference: ref})
			if err != nil {
				t.Fatal(err)
			}
			defer tgt.Close()
			hits := map[string]int{"lib_count": 2, "lib_sum": 3, "lib_name": 1}
			firsts := map[string]uint64{}
			for name := range hits {
				ls := resolve(t, tgt, name)
				if len(ls) != 1 || ls[0].Confidence != offset.Certain {
					t.Fatalf("%s: %+v", name, ls)
				}
				firsts[name] = c.locations(t, ls, 0)
			}
			run(t, prog)
			for name, want := range hits {
				if n := c.count(t, firsts[name]); n != want*rounds {
					t.Errorf("%s: %d hits, want %d", name, n, want*rounds)
				}
			}
			// What was not linked is not there.
			found, _, err := offset.Match(t.Context(), ref, tgt, &offset.MatchOptions{Names: []string{"lib_unused"}})
			if err != nil || len(found) != 1 || found[0].Confidence >= offset.Likely {
				t.Errorf("lib_unused, which the program does not have: %+v, %v", found, err)
			}
		})
	}
}

// buildStatic makes the archive, and a stripped program with another build of the library.
func buildStatic(t *testing.T, flags []string) (archive, prog string) {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("lib.h", "long lib_count(const char *); long lib_sum(const char *, long); char *lib_name(long);\n")
	put("main.c", libraryUser)
	for name, text := range librarySources {
		put(name, text)
	}
	for _, tool := range []string{"gcc", "ar", "strip"} {
		skip.Tool(t, tool)
	}
	cmd := exec.Command("sh", append([]string{"-ec", `
gcc -O2 -c count.c sum.c unused.c && ar rc libreference.a count.o sum.o unused.o
rm -f *.o; gcc "$@" -c sum.c count.c unused.c && ar rc libused.a sum.o count.o unused.o
gcc "$@" -o prog main.c libused.a && strip prog`, "sh"}, flags...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "libreference.a"), filepath.Join(dir, "prog")
}
