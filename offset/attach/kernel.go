package attach

import (
	"errors"
	"math"
	"sync"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"github.com/cilium/ebpf/link"
)

// ProgramType is the attach type to load a program with, so that Attach can do
// the best that the running kernel has: ebpf.AttachTraceUprobeMulti, or else
// ebpf.AttachNone. The program's type is ebpf.Kprobe.
func ProgramType() ebpf.AttachType {
	if haveMulti() == nil {
		return ebpf.AttachTraceUprobeMulti
	}
	return ebpf.AttachNone
}

// haveMulti is nil if the kernel has uprobe_multi links with a PID that means all
// threads of a process.
var haveMulti = sync.OnceValue(func() error {
	if err := features.HaveBPFLinkUprobeMulti(); err != nil {
		return err
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "multi_pid", Type: ebpf.Kprobe, AttachType: ebpf.AttachTraceUprobeMulti, License: "MIT",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return err
	}
	defer prog.Close()
	exe, err := link.OpenExecutable("/proc/self/exe")
	if err != nil {
		return err
	}
	// The change that made a PID mean all threads (46ba0e49b642, Linux 6.10) also
	// made a negative one EINVAL; before, it was looked for and not found.
	l, err := exe.UprobeMulti(nil, prog, &link.UprobeMultiOptions{Addresses: []uint64{1}, PID: math.MaxUint32})
	if err == nil {
		l.Close()
	}
	if errors.Is(err, syscall.EINVAL) {
		return nil
	}
	return errors.Join(ebpf.ErrNotSupported, err)
})

// haveCookies is nil if the kernel has bpf_get_attach_cookie (Linux 5.15).
var haveCookies = sync.OnceValue(func() error {
	return features.HaveProgramHelper(ebpf.Kprobe, asm.FnGetAttachCookie)
})

// isMulti tells whether a program was loaded for uprobe_multi links. A link to no
// descriptor at all is asked for: the kernel looks at the program first.
func isMulti(prog *ebpf.Program) (bool, error) {
	if features.HaveBPFLinkUprobeMulti() != nil {
		return false, nil // such a program could not have been loaded
	}
	l, err := link.AttachRawLink(link.RawLinkOptions{Target: math.MaxInt32, Program: prog, Attach: ebpf.AttachPerfEvent})
	switch {
	case err == nil:
		l.Close()
		return false, errors.New("the kernel attached a program to a descriptor that is not open")
	case errors.Is(err, syscall.EINVAL):
		return true, nil
	case errors.Is(err, syscall.EBADF):
		return false, nil
	}
	return false, err
}
