//go:build unix && !linux

package inroot

import "syscall"

const openFlags = syscall.O_NONBLOCK
