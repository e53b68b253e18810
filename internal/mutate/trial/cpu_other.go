//go:build !unix

package trial

import "time"

var started = time.Now()

func cpuTime() time.Duration { return time.Since(started) }
