//go:build !linux

package offset

import "syscall"

func stateOf(syscall.RawConn) (fileState, bool) { return fileState{}, false }
func stateAt(string) (fileState, bool)          { return fileState{}, false }
func processRoot(string) (string, int, bool)    { return "", 0, false }
