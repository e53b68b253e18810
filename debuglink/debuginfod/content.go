package debuginfod

import (
	"bytes"
	"fmt"
	"os"

	"github.com/probels/probels/elfsym"
)

// checkContent says whether a file is the one with a build-id: a server may
// answer with a page about its new address.
func checkContent(f *os.File, buildID []byte, what string) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	ef, err := elfsym.NewFile(f, info.Size(), nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrContent, err)
	}
	if got := ef.BuildID(); !bytes.Equal(got, buildID) {
		return fmt.Errorf("%w: it has build-id %x", ErrContent, got)
	}
	if what == "executable" && ef.DebugOnly() {
		return fmt.Errorf("%w: it is a debug file", ErrContent)
	}
	return nil
}
