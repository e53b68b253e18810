package capture

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/probels/probels/offset"
)

// Calls yields the calls of a C function in a file, in all processes: it attaches when
// the sequence begins, and detaches when that ends, because ctx is done or nobody wants more. If events were
// lost, that is the last error.
func Calls(ctx context.Context, path, function string, want ...Value) iter.Seq2[Event, error] {
	return simple(ctx, path, function, false, want)
}

// Returns is Calls for where the function returns.
func Returns(ctx context.Context, path, function string, want ...Value) iter.Seq2[Event, error] {
	return simple(ctx, path, function, true, want)
}

func simple(ctx context.Context, path, function string, ret bool, want []Value) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		p, err := one(ctx, path, function, ret, want)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer p.Close()
		for e, err := range p.Events(ctx) {
			if !yield(e, err) || err != nil {
				return
			}
		}
		lost, err := p.Lost()
		if lost > 0 {
			err = errors.Join(err, fmt.Errorf("capture: %d events were lost", lost))
		}
		if err != nil {
			yield(Event{}, err)
		}
	}
}

func one(ctx context.Context, path, function string, ret bool, want []Value) (*Capture, error) {
	t, err := offset.Open(path, nil)
	if err != nil {
		return nil, err
	}
	defer t.Close()
	found, err := t.Resolve(ctx, offset.Func(function))
	if err != nil {
		return nil, err
	}
	l, err := found[0].One()
	if err != nil {
		return nil, err
	}
	s := At(t, l, want...)
	s.Return = ret
	return New([]Site{s}, nil)
}
