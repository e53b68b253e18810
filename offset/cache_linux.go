//go:build linux

package offset

import (
	"errors"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// withoutMounts is set by tests: a kernel that does not know such numbers.
var withoutMounts atomic.Bool

// stateOf asks the kernel about an open file.
func stateOf(conn syscall.RawConn) (state fileState, ok bool) {
	err := conn.Control(func(fd uintptr) { state, ok = statx(int(fd), "", unix.AT_EMPTY_PATH) })
	return state, ok && err == nil
}

// stateAt asks about what a path leads to.
func stateAt(path string) (fileState, bool) { return statx(unix.AT_FDCWD, path, 0) }

// statx is Linux 4.11's. Where it is forbidden, as by older container runtimes,
// nothing is kept.
func statx(dir int, path string, flags int) (fileState, bool) {
	const need = unix.STATX_INO | unix.STATX_SIZE | unix.STATX_MTIME | unix.STATX_CTIME
	var st unix.Statx_t
	for {
		err := unix.Statx(dir, path, flags, need|unix.STATX_MNT_ID_UNIQUE, &st)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || st.Mask&need != need {
			return fileState{}, false
		}
		break
	}
	s := fileState{
		dev: uint64(st.Dev_major)<<32 | uint64(st.Dev_minor), inode: st.Ino, size: st.Size,
		modified: st.Mtime.Sec, modifiedNs: st.Mtime.Nsec, changed: st.Ctime.Sec, changeNs: st.Ctime.Nsec,
	}
	if st.Mask&unix.STATX_MNT_ID_UNIQUE != 0 && !withoutMounts.Load() {
		s.mount = st.Mnt_id
	}
	return s, true
}

// processRoot takes "/proc/PID/root" apart.
func processRoot(dir string) (process string, pid int, ok bool) {
	process, last := filepath.Split(dir)
	process = filepath.Clean(process)
	pid, err := strconv.Atoi(filepath.Base(process))
	return process, pid, last == "root" && err == nil
}
