package unxz

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/ulikunitz/xz"
)

// The stream reader gives what Decode gives, and an error where that gives one.
func TestReader(t *testing.T) {
	for i, data := range samples() {
		for _, cfg := range []xz.WriterConfig{{DictCap: 1 << 20}, {CheckSum: xz.CRC32, DictCap: 1 << 16}, {CheckSum: xz.SHA256, DictCap: 1 << 16}, {NoCheckSum: true, DictCap: 1 << 16}, {BlockSize: 40_000, DictCap: 1 << 16}} {
			b := pack(t, data, cfg)
			got, err := io.ReadAll(NewReader(bytes.NewReader(b), wide))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("sample %d %+v: %d bytes, want %d, %v", i, cfg, len(got), len(data), err)
			}
			two := append(append(bytes.Clone(b), 0, 0, 0, 0), b...)
			got, err = io.ReadAll(NewReader(bytes.NewReader(two), wide))
			if err != nil || len(got) != 2*len(data) {
				t.Errorf("sample %d, two streams: %d bytes, %v", i, len(got), err)
			}
			if len(data) > 10 && len(data) < 1000 {
				continue
			}
			if _, err := io.ReadAll(NewReader(bytes.NewReader(b), Limits{Output: uint64(len(data)) - 1, Dictionary: 1 << 26})); len(data) > 0 && !errors.Is(err, ErrLimit) {
				t.Errorf("sample %d: over the limit: %v", i, err)
			}
		}
	}
	b := pack(t, []byte("hello"), xz.WriterConfig{DictCap: 1 << 25})
	if _, err := io.ReadAll(NewReader(bytes.NewReader(b), Limits{Output: 100, Dictionary: 1 << 20})); !errors.Is(err, ErrLimit) {
		t.Errorf("a large dictionary: %v", err)
	}
	for n := range b {
		if _, err := io.ReadAll(NewReader(bytes.NewReader(b[:n]), wide)); !errors.Is(err, ErrFormat) {
			t.Errorf("%d of %d bytes: %v", n, len(b), err)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, data := range samples() {
		f.Add(pack(f, data, xz.WriterConfig{DictCap: 1 << 16}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := Limits{Output: 1 << 20, Dictionary: 1 << 20}
		want, werr := Decode(b, l)
		got, err := io.ReadAll(NewReader(bytes.NewReader(b), l))
		if len(got) > 1<<20 {
			t.Errorf("%d bytes", len(got))
		}
		if werr == nil && (err != nil || !bytes.Equal(got, want)) {
			t.Errorf("%d bytes and %v, want %d", len(got), err, len(want))
		}
	})
}
