package offset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
)

// procState is what /proc/PID/stat and status say of a process.
type procState struct {
	pid, inner int
	comm       string
	start      uint64 // ticks since the system started: tells a number that was used again
	uid        int    // effective
}

// readState reads them, and refuses what has no memory of its own.
func readState(dir string, pid int) (procState, error) {
	s := procState{pid: pid, inner: pid, uid: -1}
	if pid <= 0 {
		return s, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	}
	text, err := readSmall(dir + "/stat")
	switch {
	case errors.Is(err, fs.ErrNotExist) && processExists(pid):
		return s, fmt.Errorf("process %d: /proc does not show it (mounted with hidepid): %w; try as root", pid, fs.ErrPermission)
	case errors.Is(err, fs.ErrNotExist):
		return s, fmt.Errorf("process %d: %w", pid, ErrNoProcess)
	case err != nil:
		return s, fmt.Errorf("process %d: %w", pid, err)
	}
	// "PID (NAME) STATE …": the name may have blanks and parentheses in it.
	open, end := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return s, fmt.Errorf("process %d: %s/stat: no name in it: %w", pid, dir, ErrNotProcess)
	}
	s.comm = string(text[open+1 : end])
	fields := strings.Fields(string(text[end+1:])) // from the third on, proc_pid_stat(5)
	const state, flags, startTime = 3 - 3, 9 - 3, 22 - 3
	if len(fields) <= startTime {
		return s, fmt.Errorf("process %d: %s/stat has %d fields: %w", pid, dir, len(fields)+2, ErrNotProcess)
	}
	if s.start, err = strconv.ParseUint(fields[startTime], 10, 64); err != nil {
		return s, fmt.Errorf("process %d: %s/stat: start time: %w", pid, dir, err)
	}
	const kernelThread = 0x00200000 // PF_KTHREAD
	if f, err := strconv.ParseUint(fields[flags], 10, 64); err == nil && f&kernelThread != 0 {
		return s, fmt.Errorf("process %d (%s): a thread of the kernel, %w", pid, s.comm, ErrNotProcess)
	}
	switch fields[state] {
	case "Z", "X":
		return s, fmt.Errorf("process %d (%s): it has ended, and its parent has not asked for its status yet (a zombie): %w", pid, s.comm, ErrNotProcess)
	}
	return s, s.readStatus(dir)
}

func (s *procState) readStatus(dir string) error {
	text, err := readSmall(dir + "/status")
	if err != nil {
		return fmt.Errorf("process %d (%s): %w", s.pid, s.comm, err)
	}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(line, ":")
		words := strings.Fields(value)
		if len(words) == 0 {
			continue
		}
		switch key {
		case "Tgid":
			if group, err := strconv.Atoi(words[0]); err == nil && group != s.pid {
				return fmt.Errorf("%d (%s) is a thread of process %d: give that, %w", s.pid, s.comm, group, ErrNotProcess)
			}
		case "NSpid": // one for each namespace, the innermost last
			if n, err := strconv.Atoi(words[len(words)-1]); err == nil {
				s.inner = n
			}
		case "Uid": // real, effective, saved, file system
			if len(words) > 1 {
				if n, err := strconv.Atoi(words[1]); err == nil {
					s.uid = n
				}
			}
		}
	}
	return nil
}

// readSmall reads a file of /proc that has a page at most.
func readSmall(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const most = 64 << 10
	return io.ReadAll(io.LimitReader(f, most))
}
