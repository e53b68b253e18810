//go:build linux

package offset

import (
	"io/fs"
	"syscall"
)

// A fileID is what makes two files one: the device as stat and, for most file
// systems, /proc/PID/maps have it, and the inode.
type fileID struct {
	major, minor uint32
	inode        uint64
}

// idOf takes the device number apart as glibc's gnu_dev_major does.
func idOf(info fs.FileInfo) (fileID, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, false
	}
	dev := uint64(st.Dev)
	return fileID{
		major: uint32(dev>>8&0xfff | dev>>32&^0xfff),
		minor: uint32(dev&0xff | dev>>12&^0xff),
		inode: st.Ino,
	}, true
}

// unlinked reports whether a file has no name left.
func unlinked(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && st.Nlink == 0
}

// processExists asks the kernel by signal 0, which hidepid does not hide.
func processExists(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || err == syscall.EPERM
}

// openFlags: what may have become a FIFO is not waited for.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

const haveProc = true

// ownerOf is the user that a file belongs to.
func ownerOf(info fs.FileInfo) (int, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
