//go:build unix

package elfsym_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

// A FIFO that nobody writes to must not be waited for.
func TestOpenFIFO(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		skip.Nowf(t, "needs a file system with FIFOs: %v", err)
	}
	_, err := elfsym.Open(name)
	wantError(t, "FIFO", err, elfsym.ErrNotRegular, "a FIFO")
}
