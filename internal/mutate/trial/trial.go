package trial

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/probels/probels/internal/heap"
)

// A Task is something to be done with a file. It gets the path, ends by itself and reports nothing: what is wrong is
// seen from outside. An error that it returns is a wrong answer, not the damage that it met.
type Task struct {
	Name string
	Run  func(ctx context.Context, path string) error
}

// Limits are what a task may take.
type Limits struct {
	CPU   time.Duration // of the process while the task runs; default 2 s
	Hang  time.Duration // until it is given up; default 60 s
	Alloc uint64        // bytes allocated, together; default 256 MB
	Times uint64        // and so many times what the undamaged file took; default 8
}

func (l Limits) orDefault() Limits {
	if l.CPU == 0 {
		l.CPU = 2 * time.Second
	}
	if l.Hang == 0 {
		l.Hang = time.Minute
	}
	if l.Alloc == 0 {
		l.Alloc = 256 << 20
	}
	if l.Times == 0 {
		l.Times = 8
	}
	return l
}

// Cost is what a task took.
type Cost struct {
	CPU   time.Duration
	Alloc uint64
}

// A Finding is what is wrong with one task.
type Finding struct {
	Task string
	Kind string // "panic", "hang", "time", "memory", "wrong"
	Text string
	Cost Cost
}

func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s (%v, %d KB)", f.Task, f.Kind, f.Text, f.Cost.CPU.Round(time.Millisecond), f.Cost.Alloc>>10)
}

// Watch runs one task. base is what the undamaged file cost, or zero. After a hang the process is no longer fit for
// further trials, since nothing can end a goroutine from outside.
func Watch(t Task, path string, base Cost, l Limits) (Cost, *Finding) {
	l = l.orDefault()
	ctx, cancel := context.WithTimeout(context.Background(), l.Hang)
	defer cancel()
	ended := make(chan *Finding, 1)
	cpu, alloc := cpuTime(), heap.Allocated()
	go func() {
		var f *Finding
		defer func() {
			if v := recover(); v != nil {
				f = &Finding{Kind: "panic", Text: fmt.Sprintf("%v\n%s", v, debug.Stack())}
			}
			ended <- f
		}()
		if err := t.Run(ctx, path); err != nil {
			f = &Finding{Kind: "wrong", Text: err.Error()}
		}
	}()
	var f *Finding
	select {
	case f = <-ended:
	case <-time.After(l.Hang + time.Second):
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		f = &Finding{Kind: "hang", Text: fmt.Sprintf("not ended after %v\n%s", l.Hang, stacks)}
	}
	cost := Cost{cpuTime() - cpu, heap.Allocated() - alloc}
	if f == nil && cost.CPU > l.CPU && cost.CPU > base.CPU*time.Duration(l.Times)/4 {
		f = &Finding{Kind: "time", Text: fmt.Sprintf("undamaged %v", base.CPU)}
	}
	if f == nil && cost.Alloc > l.Alloc && cost.Alloc > base.Alloc*l.Times/4 {
		f = &Finding{Kind: "memory", Text: fmt.Sprintf("undamaged %d KB", base.Alloc>>10)}
	}
	if f != nil {
		f.Task, f.Cost = t.Name, cost
	}
	return cost, f
}
