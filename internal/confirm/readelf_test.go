package confirm

import (
	"encoding/hex"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// totals is what was compared, so that a comparison of nothing does not pass.
type totals struct{ files, symbols, functions, sites, args atomic.Int64 }

// TestFixtures compares the committed binaries of all machines.
func TestFixtures(t *testing.T) {
	compareAll(t, fixtures(t), totalsWanted{files: 80, symbols: 3000, functions: 1500, sites: 600})
}

// TestSystem compares files of this system and of PROBELS_CORPUS.
func TestSystem(t *testing.T) {
	skip.Short(t)
	compareAll(t, files(), totalsWanted{files: 50, symbols: 20000, functions: 5000})
}

type totalsWanted struct{ files, symbols, functions, sites int64 }

func compareAll(t *testing.T, paths []string, want totalsWanted) {
	tool := skip.Tool(t, "readelf")
	var n totals
	t.Run("files", func(t *testing.T) {
		for _, path := range paths {
			t.Run(strings.TrimPrefix(path, "/"), func(t *testing.T) {
				t.Parallel()
				compare(t, tool, path, &n)
			})
		}
	})
	t.Logf("%d files, %d symbols, %d functions, %d USDT sites, %d arguments",
		n.files.Load(), n.symbols.Load(), n.functions.Load(), n.sites.Load(), n.args.Load())
	if n.files.Load() < want.files || n.symbols.Load() < want.symbols || n.functions.Load() < want.functions || n.sites.Load() < want.sites {
		t.Errorf("want at least %+v", want)
	}
}

func compare(t *testing.T, tool, path string, n *totals) {
	r := readelf(t, tool, path)
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d := &differences{T: t}
	defer d.summary()
	n.files.Add(1)
	if got := hex.EncodeToString(f.BuildID()); got != r.buildID {
		d.Errorf("build-id %q, readelf has %q", got, r.buildID)
	}
	n.symbols.Add(int64(compareSymbols(d, f, r)))
	if strings.HasSuffix(path, "sdt-damaged.so") {
		return // readelf gives up at a damaged note, and we go on
	}
	sites, args := compareSites(d, f, r)
	n.sites.Add(int64(sites))
	n.args.Add(int64(args))
	tgt, err := offset.New(f, path, &offset.Options{OwnTables: true})
	switch {
	case errors.Is(err, offset.ErrDebugOnly), errors.Is(err, offset.ErrNotExecutable):
		return
	case err != nil:
		t.Fatal(err)
	}
	n.functions.Add(int64(compareOffsets(d, tgt, r)))
}

// differences reports the first few differences in a file, and counts the others.
type differences struct {
	*testing.T
	n int
}

const fewDifferences = 12

func (d *differences) Errorf(format string, args ...any) {
	if d.n++; d.n <= fewDifferences {
		d.T.Errorf(format, args...)
	}
}

func (d *differences) summary() {
	if d.n > fewDifferences {
		d.T.Errorf("%d differences in all", d.n)
	}
}
