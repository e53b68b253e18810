package main

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"

	"github.com/probels/probels/offset/attach/capture"
)

// names are the machine's system calls; of others than these the numbers are printed.
var names = map[string]map[int64]string{"amd64": x86, "arm64": arm}[runtime.GOARCH]

// formats say how the arguments of system calls are printed, a letter for each: d is a number, f one of 32 bits (a file's, a process's), x
// one in hexadecimal, o an octal one, s a path or other string, b memory whose length is the result.
// At most one is s or b, the first or the second. Others have all six in hexadecimal.
var formats = map[string]string{
	"read": "fbd", "write": "fbd", "pread64": "fbdd", "pwrite64": "fbdd", "sendto": "fbdxxd", "recvfrom": "fbdxxx",
	"open": "sxo", "openat": "fsxo", "close": "f", "creat": "so", "stat": "sx", "lstat": "sx", "newfstatat": "fsxx", "fstat": "fx",
	"statx": "fsxxx", "access": "so", "faccessat": "fso", "faccessat2": "fsox", "readlink": "sxd", "readlinkat": "fsxd",
	"execve": "sxx", "execveat": "fsxxx", "unlink": "s", "unlinkat": "fsx", "mkdir": "so", "mkdirat": "fso", "rmdir": "s",
	"rename": "sx", "renameat": "fsfx", "renameat2": "fsfxx", "chdir": "s", "fchdir": "f", "chmod": "so", "fchmodat": "fso", "chown": "sdd",
	"fchownat": "fsddx", "truncate": "sd", "ftruncate": "fd", "symlink": "sx", "symlinkat": "sfx", "link": "sx", "linkat": "fsfxx",
	"statfs": "sx", "utimensat": "fsxx", "memfd_create": "sx", "lseek": "fdd", "dup": "f", "dup2": "fd", "dup3": "fdx", "pipe": "x", "pipe2": "xx",
	"fcntl": "fdx", "ioctl": "fxx", "getdents64": "fxd", "brk": "x", "mmap": "xdxxfx", "munmap": "xd", "mprotect": "xdx", "exit": "f", "exit_group": "f",
	"getpid": "", "gettid": "", "getppid": "", "getuid": "", "geteuid": "", "getgid": "", "getegid": "", "kill": "fd", "tgkill": "fdd",
	"wait4": "fxxx", "clone": "xxxxx", "clone3": "xd", "fork": "", "vfork": "", "socket": "fdd", "connect": "fxd", "bind": "fxd", "listen": "fd",
	"accept": "fxx", "accept4": "fxxx", "shutdown": "fd", "getrandom": "xdx", "arch_prctl": "xx", "prctl": "fxxxx", "set_tid_address": "x",
	"set_robust_list": "xd", "rseq": "xdxx", "prlimit64": "fdxx", "rt_sigaction": "fxxd", "rt_sigprocmask": "fxxd", "futex": "xdxxxx", "poll": "xdd", "nanosleep": "xx",
	"clock_nanosleep": "fdxx", "sched_yield": "", "umask": "o", "getcwd": "xd", "madvise": "xdd", "uname": "x", "sysinfo": "x",
}

// with are the numbers of the system calls that have a letter at an argument.
func with(letter byte, arg int) (out []uint32) {
	for n, name := range names {
		if f := formats[name]; arg < len(f) && f[arg] == letter {
			out = append(out, uint32(n))
		}
	}
	return out
}

// The fields of the tracepoints raw_syscalls/sys_enter and sys_exit: the number, then the
// arguments or the result.
var (
	number = capture.Field(8)
	args   = []capture.Source{capture.Field(16), capture.Field(24), capture.Field(32), capture.Field(40), capture.Field(48), capture.Field(56)}
	result = capture.Field(16)
)

// calls are the two sites: where system calls begin and end. A string that is in a page which the program has not
// touched cannot be read at the beginning, but when the kernel itself has read it.
func calls() (enter, exit capture.Site) {
	first, second := with('s', 0), with('s', 1)
	both := append(append([]uint32{}, first...), second...)
	enter = capture.Site{Tracepoint: "raw_syscalls/sys_enter", Keep: capture.If(number, first, args[0], args[1])}
	enter.Want = append(enter.Want, capture.Number(number))
	for _, a := range args {
		enter.Want = append(enter.Want, capture.Number(a))
	}
	enter.Want = append(enter.Want, capture.String(capture.If(number, first, args[0], args[1]), 1024).When(number, both...))
	exit = capture.Site{Tracepoint: "raw_syscalls/sys_exit", Want: []capture.Value{
		capture.Number(number), capture.Number(result),
		capture.String(capture.Kept(), 1024).When(number, both...),
		capture.Bytes(capture.Kept(), result, 64).When(number, with('b', 1)...),
	}}
	return enter, exit
}

// A call is a system call that has begun.
type call struct {
	number int64
	args   [6]uint64
	text   string // of its string, quoted; "" if there is none yet
}

func begin(e capture.Event) call {
	c := call{number: e.Values[0].Int()}
	for i := range c.args {
		c.args[i] = e.Values[1+i].N
	}
	if s := e.Values[7]; s.Err == nil && !s.Absent {
		c.text = quote(s)
	}
	return c
}

func quote(d capture.Datum) string {
	text := fmt.Sprintf("%q", d.B)
	if d.Truncated {
		text += "…"
	}
	return text
}

// end prints the call with its result, e, or without if it did not return.
func (c call) end(e *capture.Event) string {
	bytes, back := "", "?"
	if e != nil {
		v := e.Values
		n := v[1].Int()
		if c.text == "" && v[2].Err == nil && !v[2].Absent {
			c.text = quote(v[2])
		}
		if v[3].Err == nil && !v[3].Absent && n >= 0 {
			bytes = quote(v[3])
		}
		back = fmt.Sprint(n)
		switch {
		case n < 0 && n >= -4095:
			back = "-1 " + syscall.Errno(-n).Error()
		case n > 1<<32:
			back = fmt.Sprintf("0x%x", n)
		}
	}
	name, ok := names[c.number]
	if !ok {
		name = fmt.Sprintf("syscall_%d", c.number)
	}
	format, ok := formats[name]
	if !ok {
		format = "xxxxxx"
	}
	var parts []string
	for i, a := range c.args[:len(format)] {
		parts = append(parts, c.arg(format[i], a, bytes))
	}
	return fmt.Sprintf("%s(%s) = %s", name, strings.Join(parts, ", "), back)
}

func (c call) arg(format byte, a uint64, bytes string) string {
	switch {
	case format == 's' && c.text != "":
		return c.text
	case format == 'b' && bytes != "":
		return bytes
	case format == 'f': // the upper half may be anything
		if int32(a) == -100 {
			return "AT_FDCWD"
		}
		return fmt.Sprint(int32(a))
	case format == 'd':
		return fmt.Sprint(int64(a))
	case format == 'o':
		return fmt.Sprintf("0%o", a)
	}
	return fmt.Sprintf("0x%x", a)
}
