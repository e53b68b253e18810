//go:build linux

package debuginfod

import (
	"io/fs"
	"syscall"
	"time"
)

const openFlags = syscall.O_NONBLOCK

func atime(info fs.FileInfo) (time.Time, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return time.Time{}, false
	}
	return time.Unix(st.Atim.Unix()), true
}
