//go:build unix

// Peak runs a command and writes the most memory that it had resident, in KiB, to file descriptor
// 3. What a process is started from counts as its own until it is another program, so that
// who measures memory has to be small.
package main

import (
	"os"
	"strconv"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		os.Exit(2)
	}
	syscall.CloseOnExec(3)
	pid, err := syscall.ForkExec(os.Args[1], os.Args[1:], &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		os.Exit(127)
	}
	var status syscall.WaitStatus
	var use syscall.Rusage
	for {
		if _, err = syscall.Wait4(pid, &status, 0, &use); err != syscall.EINTR {
			break
		}
	}
	if err != nil {
		os.Exit(126)
	}
	if _, err := syscall.Write(3, []byte(strconv.FormatInt(int64(use.Maxrss), 10))); err != nil {
		os.Exit(125)
	}
	os.Exit(status.ExitStatus())
}
