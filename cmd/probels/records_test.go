package main

import (
	"bytes"
	"strconv"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// numbered is a printer of addresses.
type numbered struct{ nothing }

func (numbered) record() func([]byte, *offset.Probe) []byte {
	state := 0 // one goroutine's own
	return func(b []byte, pr *offset.Probe) []byte {
		state++
		return append(strconv.AppendUint(b, uint64(pr.Symbol.Addr), 10), '\n')
	}
}

// Records come in the order of their functions, all of them, however many.
func TestRecordOrder(t *testing.T) {
	for _, n := range []int{0, 1, perBatch - 1, perBatch, perBatch + 1, 2 * perBatch, 50*perBatch + 7} {
		var got, want bytes.Buffer
		w := newRecordWriter(&got, numbered{})
		for i := range n {
			w.add(&offset.Probe{Symbol: &elfsym.Symbol{Addr: elfsym.Addr(i)}})
			want.WriteString(strconv.Itoa(i) + "\n")
		}
		w.end()
		if !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d functions: %d bytes, want %d", n, got.Len(), want.Len())
		}
	}
	if newRecordWriter(&bytes.Buffer{}, nothing{}) != nil {
		t.Error("a printer without records is given to several goroutines")
	}
}
