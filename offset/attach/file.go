package attach

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// A file is one that locations are in, open, so that what is checked is what is
// attached to.
type file struct {
	fd      *os.File
	elf     *elfsym.File
	buildID string
}

// openFile opens path, of whatever mount namespace, without waiting for a FIFO.
func openFile(path string) (*file, error) {
	fd, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := fd.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: elfsym.ErrNotRegular}
	}
	var f *elfsym.File
	if err == nil {
		f, err = elfsym.NewFile(fd, st.Size(), nil)
	}
	if err != nil {
		fd.Close()
		return nil, err
	}
	return &file{fd: fd, elf: f, buildID: hex.EncodeToString(f.BuildID())}, nil
}

func (f *file) close() { f.fd.Close() }

// path is the open file's, for the kernel and for nobody else.
func (f *file) path() string { return fmt.Sprintf("/proc/self/fd/%d", f.fd.Fd()) }

// check refuses a location that is not what it was when it was resolved.
func (f *file) check(l *offset.Location) error {
	// One that was resolved in a file with a build-id carries it, so none is another
	// too, but for a location that somebody put together.
	if l.BuildID != f.buildID && (l.BuildID != "" || l.Addr != 0) {
		return fmt.Errorf("%w: its build-id is %s, that of the location %s", ErrOtherBuild, cmp.Or(f.buildID, "none"), cmp.Or(l.BuildID, "none"))
	}
	segs := f.elf.Segments()
	addr := l.Addr
	if addr == 0 { // a location that somebody put together
		var err error
		if addr, err = segs.Addr(l.Offset); err != nil {
			return err
		}
	}
	off, err := segs.Code(addr)
	if err != nil {
		return err
	}
	if off != l.Offset {
		return fmt.Errorf("%w: address 0x%x is at 0x%x in it", ErrOtherBuild, uint64(addr), uint64(off))
	}
	if l.Semaphore != 0 {
		off, err := segs.Data(l.Semaphore)
		if err != nil {
			return fmt.Errorf("semaphore: %w", err)
		}
		if off != l.RefCtrOffset {
			return fmt.Errorf("%w: the semaphore at 0x%x is at 0x%x in it", ErrOtherBuild, uint64(l.Semaphore), uint64(off))
		}
	}
	if l.RefCtrOffset%2 != 0 {
		return errors.New("the semaphore is at an odd offset, which the kernel refuses")
	}
	return nil
}

// checkReturn refuses a return probe that would go wrong.
func (f *file) checkReturn(l *offset.Location, c *Config) error {
	switch l.Kind {
	case offset.KindFunc, offset.KindAddr:
	default:
		return fmt.Errorf("%w, and this is a site in one", ErrReturn)
	}
	if l.Addend != 0 {
		return fmt.Errorf("%w, and this is %d bytes behind it", ErrReturn, l.Addend)
	}
	if l.Addr != 0 && l.Addr == f.elf.Entry() {
		// The kernel takes what is on top of the stack for a return address: argc.
		return fmt.Errorf("%w, and this is where the program starts, which returns to nobody", ErrReturn)
	}
	if c.GoReturn || f.elf.GoVersion() == "" && f.elf.GoBuildID() == "" {
		return nil
	}
	// The C functions of a Go program run on a stack that does not move.
	table, err := f.elf.GoFuncs()
	if err != nil || table == nil {
		return errors.Join(ErrGoReturn, err)
	}
	if _, ok, err := table.At(l.Addr); ok || err != nil {
		return errors.Join(ErrGoReturn, err)
	}
	return nil
}
