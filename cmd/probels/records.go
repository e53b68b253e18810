package main

import (
	"io"
	"runtime"

	"github.com/probels/probels/offset"
)

// A recordPrinter's records of functions don't depend on each other, so that several
// goroutines can make them.
type recordPrinter interface {
	printer

	// record returns what appends a record, for one goroutine; nil if it takes no time
	// that would be worth it, or records do depend on each other, as with -v.
	record() func([]byte, *offset.Probe) []byte
}

// A recordWriter writes records in the order in which they are added, and makes them
// on all processors: to demangle a name costs more than to find it.
type recordWriter[T any] struct {
	out    io.Writer
	record func() func([]byte, *T) []byte // what appends one, for one goroutine
	per    int                            // how many are made at a time, if they are not long

	now     *batch[T]
	bytes   int            // of names in it
	free    chan *batch[T] // as many as may be under way, so that memory is bounded
	work    chan *batch[T]
	order   chan *batch[T]
	written chan struct{}
}

// A batch is what one goroutine makes at a time.
type batch[T any] struct {
	of   []T
	text []byte
	done chan struct{}
}

// So many are worth being handed over, and few enough for the first to come soon; fewer
// where names are so long, since several batches are under way.
const probesPerBatch, namesPerBatch, mostBytes = 128, 1024, 256 << 10

func newRecordWriter[T any](out io.Writer, per int, record func() func([]byte, *T) []byte) *recordWriter[T] {
	return &recordWriter[T]{out: out, record: record, per: per, now: &batch[T]{}}
}

// add adds one, whose name has so many bytes.
func (r *recordWriter[T]) add(one *T, bytes int) {
	if r.bytes += bytes; len(r.now.of) == r.per || r.bytes > mostBytes {
		r.hand()
		r.bytes = bytes
	}
	r.now.of = append(r.now.of, *one)
}

// hand gives the batch away, and makes room for the next.
func (r *recordWriter[T]) hand() {
	if r.work == nil {
		r.start()
	}
	r.order <- r.now
	r.work <- r.now
	r.now = <-r.free
	r.now.of = r.now.of[:0]
}

func (r *recordWriter[T]) start() {
	workers := runtime.GOMAXPROCS(0)
	n := workers + 2
	r.free, r.work, r.order = make(chan *batch[T], n), make(chan *batch[T], n), make(chan *batch[T], n)
	r.written = make(chan struct{})
	r.now.done = make(chan struct{}, 1)
	for range n - 1 {
		r.free <- &batch[T]{of: make([]T, 0, r.per), done: make(chan struct{}, 1)}
	}
	for range workers {
		go r.make(r.record())
	}
	go func() {
		defer close(r.written)
		for b := range r.order {
			<-b.done
			r.out.Write(b.text)
			r.free <- b
		}
	}()
}

func (r *recordWriter[T]) make(record func([]byte, *T) []byte) {
	for b := range r.work {
		b.fill(record)
		b.done <- struct{}{}
	}
}

func (b *batch[T]) fill(record func([]byte, *T) []byte) {
	b.text = b.text[:0]
	for i := range b.of {
		b.text = record(b.text, &b.of[i])
	}
}

// end writes what is left; nothing is under way after it.
func (r *recordWriter[T]) end() {
	if r.work != nil {
		close(r.order)
		close(r.work)
		<-r.written
	}
	r.now.fill(r.record())
	r.out.Write(r.now.text)
}
