package main

import (
	"bytes"
	"strconv"
	"testing"
)

// numbered returns what appends a number.
func numbered() func([]byte, *int) []byte {
	state := 0 // one goroutine's own
	return func(b []byte, n *int) []byte {
		state++
		return append(strconv.AppendInt(b, int64(*n), 10), '\n')
	}
}

// Records come in the order in which they are added, all of them, however many.
func TestRecordOrder(t *testing.T) {
	const per = 20
	for _, n := range []int{0, 1, per - 1, per, per + 1, 2 * per, 50*per + 7} {
		var got, want bytes.Buffer
		w := newRecordWriter(&got, per, numbered)
		for i := range n {
			w.add(&i, 1+i%7*mostBytes/5)
			if w.bytes > mostBytes && len(w.now.of) > 1 {
				t.Errorf("%d of %d bytes are kept together", len(w.now.of), w.bytes)
			}
			want.WriteString(strconv.Itoa(i) + "\n")
		}
		w.end()
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d records: %d bytes, want %d", n, got.Len(), want.Len())
		}
	}
}
