package perfmap

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
)

// A Func is one line.
type Func struct {
	Addr uint64 // run-time address
	Size uint64 // bytes
	Name string
}

// Errors of Read. ErrLine is about one line, ErrTooMany ends it.
var (
	ErrLine    = errors.New("not a line of a perf map")
	ErrTooMany = errors.New("more lines than allowed")
)

// Bounds. The longest names are those of JavaScript with the whole source URL;
// a large JVM has some 100,000 functions compiled at once.
const (
	maxLine  = 16 << 10
	maxLines = 8 << 20
)

// Read yields the functions in the order of the file. A line that cannot be
// read is an error that wraps ErrLine, and the next one follows. The last line
// is left out if no newline ends it: it is being written. Empty lines, and
// lines that begin with "#", are skipped.
func Read(r io.Reader) iter.Seq2[Func, error] {
	return func(yield func(Func, error) bool) {
		lines := bufio.NewReaderSize(r, maxLine)
		for n := 0; ; n++ {
			line, err := lines.ReadSlice('\n')
			if n == maxLines && len(line) > 0 {
				yield(Func{}, fmt.Errorf("%w: %d", ErrTooMany, maxLines))
				return
			}
			long := errors.Is(err, bufio.ErrBufferFull)
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(Func{}, err)
				return
			case long:
				if !yield(Func{}, fmt.Errorf("%w: longer than %d bytes", ErrLine, maxLine)) {
					return
				}
			default:
				line = bytes.TrimRight(line, "\r\n")
				if len(line) == 0 || line[0] == '#' {
					continue
				}
				if !yield(parse(line)) {
					return
				}
			}
		}
	}
}

func parse(line []byte) (Func, error) {
	addr, rest, _ := bytes.Cut(line, []byte{' '})
	size, name, _ := bytes.Cut(rest, []byte{' '})
	a, aok := hex(addr)
	n, nok := hex(size)
	if !aok || !nok || len(name) == 0 || a+n < a {
		const few = 80
		return Func{}, fmt.Errorf("%w: %q", ErrLine, line[:min(len(line), few)])
	}
	return Func{a, n, string(name)}, nil
}

// hex reads a number, with or without "0x": node writes none, some write it.
func hex(b []byte) (uint64, bool) {
	b = bytes.TrimPrefix(b, []byte("0x"))
	if len(b) == 0 || len(b) > 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(b), 16, 64)
	return n, err == nil
}
