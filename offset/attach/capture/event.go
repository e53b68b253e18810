package capture

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"syscall"
	"time"

	"github.com/cilium/ebpf/ringbuf"
)

// An Event is one hit of a probe.
type Event struct {
	Site     int           // index of the Site
	Time     time.Duration // since the system's start, without the time that it was suspended
	PID, TID int           // process and thread; 0 if they are in no container of ours

	// Values are those that the site wants, in its order. They and their bytes are the
	// sequence's, until its next event.
	Values []Datum
}

// A Datum is a value of one event.
type Datum struct {
	N      uint64 // a number; of a string or memory the pointer
	Length uint64 // of memory, how long it is in all
	B      []byte // what a string or memory has, and a thread's name

	Truncated bool  // B is not all of it
	Absent    bool  // Value.When did not want it
	Err       error // it could not be read

	kind kind
}

// Int is the number, signed.
func (d *Datum) Int() int64 { return int64(d.N) }

// String is the text of what has bytes and else the number as a signed one. Of what is not
// there it is "", and of what could not be read the error in angle brackets.
func (d Datum) String() string {
	switch {
	case d.Err != nil:
		return "<" + d.Err.Error() + ">"
	case d.Absent:
		return ""
	case d.kind == str, d.kind == data, d.kind == comm:
		return string(d.B)
	}
	return strconv.FormatInt(int64(d.N), 10)
}

// Events yields the events as they come, and waits for more until ctx is done, then
// it yields what is in the buffer at that time, and ends: that is no error. It also
// ends when the Capture is closed.
func (p *Capture) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		stop := context.AfterFunc(ctx, func() { p.reader.Flush() })
		defer stop()
		var rec ringbuf.Record
		var e Event
		left := -1 // bytes that are still to be read, once ctx is done
		for left != 0 {
			if left < 0 && ctx.Err() != nil {
				if left = p.reader.AvailableBytes(); left == 0 {
					return
				}
			}
			err := p.reader.ReadInto(&rec)
			switch {
			case errors.Is(err, ringbuf.ErrFlushed) && ctx.Err() == nil:
				continue // of an earlier sequence
			case errors.Is(err, ringbuf.ErrFlushed), errors.Is(err, ringbuf.ErrClosed):
				return
			}
			if err == nil {
				err = p.decode(rec.RawSample, &e)
			}
			if !yield(e, err) || err != nil {
				return
			}
			if left > 0 {
				left = max(0, left-8-pad(len(rec.RawSample)))
			}
		}
	}
}

var errShort = errors.New("capture: an event of another size than its site's")

// decode reads an event.
func (p *Capture) decode(b []byte, e *Event) error {
	if len(b) < header {
		return errShort
	}
	n := binary.NativeEndian.Uint64(b)
	if n >= uint64(len(p.sites)) {
		return fmt.Errorf("capture: an event of site %d", n)
	}
	e.Site = int(n)
	e.Time = time.Duration(binary.NativeEndian.Uint64(b[8:]))
	e.TID = int(binary.NativeEndian.Uint32(b[16:]))
	e.PID = int(binary.NativeEndian.Uint32(b[20:]))
	e.Values = e.Values[:0]
	b = b[header:]
	want := p.sites[n].Want
	for i := range want {
		size := want[i].size()
		if len(b) < size {
			return errShort
		}
		d := want[i].decode(b[:size])
		if bad := p.bad[n][i]; bad != nil {
			d = Datum{Err: bad, kind: want[i].kind}
		}
		e.Values = append(e.Values, d)
		b = b[size:]
	}
	return nil
}

// decode reads what emit's instructions wrote.
func (v *Value) decode(b []byte) Datum {
	d := Datum{kind: v.kind}
	status := int64(binary.NativeEndian.Uint64(b))
	switch {
	case status == absent:
		d.Absent = true
		return d
	case status < 0:
		// What else the event has there was not written, but for the pointer.
		d.Err = syscall.Errno(-status)
		if v.kind == str {
			d.N = binary.NativeEndian.Uint64(b[8:])
		}
		return d
	}
	d.N = binary.NativeEndian.Uint64(b[8:])
	switch v.kind {
	case str:
		// The status counts the NUL, which the kernel also writes where it cuts.
		n := int(min(max(status-1, 0), int64(v.max)))
		d.B = b[16 : 16+n]
		d.Truncated = status-1 > int64(v.max)
	case data:
		d.Length = binary.NativeEndian.Uint64(b[16:])
		n := int(min(status, int64(v.max)))
		d.B = b[24 : 24+n]
		d.Truncated = d.Length > uint64(n)
	case comm:
		d.B = b[16:32]
		if i := bytes.IndexByte(d.B, 0); i >= 0 {
			d.B = d.B[:i]
		}
	}
	return d
}

// maxFrames is how deep stacks are, at most (PERF_MAX_STACK_DEPTH).
const maxFrames = 127

// Stack is the run-time addresses of a stack, the innermost first: of a Datum that Stack was
// wanted for, N. The kernel follows frame pointers: functions that were compiled without them
// are not in it, and their callers may be missing.
func (p *Capture) Stack(id uint64) ([]uint64, error) {
	if id >= maxStacks {
		return nil, fmt.Errorf("capture: no stack has the number %d", id)
	}
	b, err := p.maps.stacks.LookupBytes(uint32(id))
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("capture: stack %d is not there", id)
	}
	var out []uint64
	for ; len(b) >= 8; b = b[8:] {
		a := binary.NativeEndian.Uint64(b)
		if a == 0 {
			break
		}
		out = append(out, a)
	}
	return out, nil
}
