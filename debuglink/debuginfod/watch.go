package debuginfod

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// minBytes is what a server has to deliver in each period, as for elfutils.
const minBytes = 100 << 10

// A watch ends its context when a server is too slow. While its answer waits
// for another server's to be read, it is paused.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	period time.Duration // 0: never too slow

	mu     sync.Mutex // protects what follows
	timer  *time.Timer
	got    int  // bytes in this period
	active bool // not paused and not stopped
}

func newWatch(ctx context.Context, period time.Duration) *watch {
	w := &watch{period: period, active: true}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	if period > 0 {
		w.timer = time.AfterFunc(period, w.tick)
	}
	return w
}

func (w *watch) tick() {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case !w.active:
	case w.got < minBytes:
		w.active = false
		w.cancel(fmt.Errorf("%d bytes in %v, %d expected: %w", w.got, w.period, minBytes, ErrSlow))
	default:
		w.got = 0
		w.timer.Reset(w.period)
	}
}

func (w *watch) add(n int) {
	w.mu.Lock()
	w.got += n
	w.mu.Unlock()
}

func (w *watch) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active = false
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watch) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.active, w.got = true, 0
	if w.timer != nil {
		w.timer.Reset(w.period)
	}
}

// stop ends the context, and with it what still reads the answer.
func (w *watch) stop() {
	w.pause()
	w.cancel(nil)
}
