package debuginfod_test

import (
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/debuglink/debuginfod"
	"github.com/probels/probels/elfsym"
)

// find looks for a file's debug file, with no directories on disk.
func find(t testing.TB, name string, c *debuginfod.Client) (*debuglink.Found, error) {
	t.Helper()
	f, err := elfsym.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return debuglink.Find(t.Context(), f, "/none", &debuglink.Options{Root: t.TempDir(), Fetcher: c})
}
