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

// A recordWriter writes records in the order of their functions, and makes them on all
// processors: to demangle a name costs more than to find it. Lines without demangled
// names are made faster than they are handed over.
type recordWriter struct {
	out io.Writer
	p   recordPrinter

	now     *batch
	free    chan *batch // as many as may be under way, so that memory is bounded
	work    chan *batch
	order   chan *batch
	written chan struct{}
}

// A batch is what one goroutine makes at a time.
type batch struct {
	probes []offset.Probe
	text   []byte
	done   chan struct{}
}

// perBatch is enough to be worth handing over, and little enough for the first records
// to come soon.
const perBatch = 128

// newRecordWriter returns nil for a printer that makes its records one by one.
func newRecordWriter(out io.Writer, p printer) *recordWriter {
	if rp, ok := p.(recordPrinter); ok && rp.record() != nil {
		return &recordWriter{out: out, p: rp, now: &batch{}}
	}
	return nil
}

func (r *recordWriter) add(pr *offset.Probe) {
	if len(r.now.probes) == perBatch {
		r.hand()
	}
	r.now.probes = append(r.now.probes, *pr)
}

// hand gives the batch away, and makes room for the next.
func (r *recordWriter) hand() {
	if r.work == nil {
		r.start()
	}
	r.order <- r.now
	r.work <- r.now
	r.now = <-r.free
	r.now.probes = r.now.probes[:0]
}

func (r *recordWriter) start() {
	workers := runtime.GOMAXPROCS(0)
	n := workers + 2
	r.free, r.work, r.order, r.written = make(chan *batch, n), make(chan *batch, n), make(chan *batch, n), make(chan struct{})
	r.now.done = make(chan struct{}, 1)
	for range n - 1 {
		r.free <- &batch{probes: make([]offset.Probe, 0, perBatch), done: make(chan struct{}, 1)}
	}
	for range workers {
		go r.make(r.p.record())
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

func (r *recordWriter) make(record func([]byte, *offset.Probe) []byte) {
	for b := range r.work {
		b.fill(record)
		b.done <- struct{}{}
	}
}

func (b *batch) fill(record func([]byte, *offset.Probe) []byte) {
	b.text = b.text[:0]
	for i := range b.probes {
		b.text = record(b.text, &b.probes[i])
	}
}

// end writes what is left; nothing is under way after it.
func (r *recordWriter) end() {
	if r.work != nil {
		close(r.order)
		close(r.work)
		<-r.written
	}
	r.now.fill(r.p.record())
	r.out.Write(r.now.text)
}
