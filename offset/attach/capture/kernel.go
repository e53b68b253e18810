package capture

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"github.com/probels/probels/offset/attach"
)

// supported says what the kernel lacks, or that we may not.
func supported() error {
	for _, need := range []struct {
		what string
		err  error
	}{
		{"eBPF ring buffers (Linux 5.8)", features.HaveMapType(ebpf.RingBuf)},
		{"bpf_probe_read_user (Linux 5.5)", features.HaveProgramHelper(ebpf.Kprobe, asm.FnProbeReadUser)},
	} {
		if errors.Is(need.err, ebpf.ErrNotSupported) {
			return fmt.Errorf("the kernel is without %s: %w", need.what, need.err)
		}
		if errors.Is(need.err, os.ErrPermission) {
			return fmt.Errorf("needs root, or CAP_BPF and CAP_PERFMON: %w", need.err)
		}
		if need.err != nil {
			return fmt.Errorf("asking for %s: %w", need.what, need.err)
		}
	}
	return nil
}

// haveCookies is false before Linux 5.15. A variable, for the test.
var haveCookies = func() bool { return features.HaveProgramHelper(ebpf.Kprobe, asm.FnGetAttachCookie) == nil }

// canSleep is whether programs at uprobes may wait for memory (Linux 6.0): the kernel then
// takes one that does. A variable, for the test.
var canSleep = sync.OnceValue(func() bool {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "can_sleep", Type: ebpf.Kprobe, AttachType: attach.ProgramType(), Flags: unix.BPF_F_SLEEPABLE, License: "GPL",
		Instructions: asm.Instructions{
			asm.Mov.Reg(asm.R1, asm.RFP), asm.Add.Imm(asm.R1, -8),
			asm.Mov.Imm(asm.R2, 1),
			asm.Mov.Imm(asm.R3, 0),
			asm.FnCopyFromUser.Call(),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		},
	})
	if err != nil {
		return false
	}
	prog.Close()
	return true
})

// mayWait is whether the site's program is one that waits for memory: it reads some, and nothing that
// such programs may not have.
func (s *Site) mayWait() bool {
	reads := false
	for _, v := range s.Want {
		if v.kind == stack {
			return false // a map of stacks is not for programs that wait
		}
		reads = reads || v.kind == str || v.kind == data || v.src.reads
	}
	return (reads || s.Keep.reads) && s.Tracepoint == "" && canSleep()
}

// taskOffsets are where in struct task_struct the parent is and the process's number,
// as the running kernel's own types say.
var taskOffsets = func() func() (parent, tgid uint32, err error) {
	type offsets struct{ parent, tgid uint32 }
	get := sync.OnceValues(func() (o offsets, err error) {
		spec, err := btf.LoadKernelSpec()
		if err != nil {
			return o, fmt.Errorf("the kernel does not tell where the parent process is: %w", err)
		}
		var task *btf.Struct
		if err := spec.TypeByName("task_struct", &task); err != nil {
			return o, err
		}
		found := 0
		for _, m := range task.Members {
			switch m.Name {
			case "real_parent":
				o.parent = m.Offset.Bytes()
				found++
			case "tgid":
				o.tgid = m.Offset.Bytes()
				found++
			}
		}
		if found != 2 {
			return o, errors.New("the kernel's struct task_struct has no real_parent or tgid")
		}
		return o, nil
	})
	return func() (uint32, uint32, error) {
		o, err := get()
		return o.parent, o.tgid, err
	}
}()

// A pidNamespace is that of our process, as the kernel numbers it.
type pidNamespace struct{ dev, ino uint64 }

// initialPIDs is the inode of the initial namespace of process numbers (PROC_PID_INIT_INO).
const initialPIDs = 0xEFFFFFFC

// ownPIDs is our namespace of process numbers, nil if it is the initial one, whose numbers the
// kernel gives without asking.
func ownPIDs() (*pidNamespace, error) {
	st, err := os.Stat("/proc/self/ns/pid")
	if err != nil {
		return nil, err
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, errors.New("no inode of /proc/self/ns/pid")
	}
	if sys.Ino == initialPIDs {
		return nil, nil
	}
	dev := uint64(sys.Dev)
	return &pidNamespace{dev: uint64(unix.Major(dev))<<20 | uint64(unix.Minor(dev)), ino: sys.Ino}, nil
}
