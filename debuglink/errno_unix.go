//go:build unix

package debuglink

import "syscall"

// errNotDir: something on the way is no directory, so the place is absent.
var errNotDir error = syscall.ENOTDIR
