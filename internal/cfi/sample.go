package cfi

import "iter"

// Sample yields up to n ranges spread over the code. With a header that can be
// searched it reads those records and no others, else it walks the section.
func (t *Table) Sample(n uint64) iter.Seq2[FDE, error] {
	return func(yield func(FDE, error) bool) {
		if n == 0 {
			return
		}
		h := t.Header
		if h == nil || t.Debug || h.Count == 0 || h.Frames != t.Frames.Addr {
			x, err := t.index()
			if err != nil && !yield(FDE{}, err) || x == nil {
				return
			}
			total := uint64(len(x.fdes))
			for i := range min(n, total) {
				if !yield(x.fdes[i*total/min(n, total)], nil) {
					return
				}
			}
			return
		}
		n = min(n, h.Count)
		for i := range n {
			at := i*(h.Count/n) + i*(h.Count%n)/n
			b, err := h.entries(at, 1)
			var f FDE
			if err == nil {
				_, fde := h.pair(b, at)
				f, err = t.readFDE(fde - t.Frames.Addr)
			}
			if !yield(f, err) {
				return
			}
		}
	}
}
