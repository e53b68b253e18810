//go:build !linux

package offset

import "io/fs"

type fileID struct {
	major, minor uint32
	inode        uint64
}

func idOf(fs.FileInfo) (fileID, bool) { return fileID{}, false }
func unlinked(fs.FileInfo) bool       { return false }
func processExists(int) bool          { return false }

const openFlags = 0

// haveProc: there is a /proc like Linux's.
const haveProc = false

func ownerOf(fs.FileInfo) (int, bool) { return 0, false }
