//go:build unix

package elfsym

import "syscall"

const openNonblock = syscall.O_NONBLOCK
