package attach

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/cilium/ebpf"

	"github.com/probels/probels/offset"
)

// Errors that an Error wraps.
var (
	// ErrOtherBuild: the file at the location's path is not the one that the
	// location was resolved in, so the offset is another instruction's.
	ErrOtherBuild = errors.New("another build of the file")

	// ErrGoReturn: a return probe in Go code, which would crash the program.
	ErrGoReturn = errors.New("a return probe crashes Go code: attach to the function's exits")

	// ErrReturn: a return probe at a place that is no function's entry.
	ErrReturn = errors.New("a return probe goes on a function's entry")

	// ErrUncertain: the location is where a function is likely to be, by its like in
	// another build, and not certainly; Config.Uncertain allows it.
	ErrUncertain = errors.New("not certainly the function that was asked for")
)

// An Error is a location that could not be attached to. Nothing stays attached
// where Attach returns one.
type Error struct {
	Location offset.Location
	Err      error
}

func (e *Error) Error() string {
	name := e.Location.Name
	if e.Location.Kind == offset.KindUSDT {
		name = e.Location.Provider + ":" + name
	}
	if name != "" {
		name += " at "
	}
	return fmt.Sprintf("attach: %s0x%x of %s: %v", name, uint64(e.Location.Offset), e.Location.Path, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// errNotSupp is the kernel's ENOTSUPP, which is in no header of user space.
const errNotSupp = syscall.Errno(524)

// explain adds what an error number of the kernel means here.
func explain(err error, c *Config) error {
	switch {
	case errors.Is(err, errNotSupp):
		return fmt.Errorf("the kernel cannot probe the instruction that is there: %w", err)
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fmt.Errorf("needs root, or CAP_BPF and CAP_PERFMON: %w", err)
	case c.PID != 0 && (errors.Is(err, syscall.ESRCH) || errors.Is(err, fs.ErrNotExist)):
		return fmt.Errorf("no process %d: %w", c.PID, err)
	case errors.Is(err, syscall.EIO):
		return fmt.Errorf("the file is on a file system that the kernel cannot probe: %w", err)
	case errors.Is(err, ebpf.ErrNotSupported):
		return fmt.Errorf("the kernel is too old: %w", err)
	}
	return err
}
