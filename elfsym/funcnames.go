package elfsym

import (
	"context"
	"debug/elf"
	"iter"
	"runtime"
	"sync"

	"github.com/probels/probels/internal/strsort"
)

// FuncNames yields the names of the functions in some symbol tables that are in f's
// code, each once, sorted: what a Table of them has, for a third of its time. A table's
// damaged symbols are yielded as errors, before all names, and some errors more than once.
// It reads the tables on all processors; none is busy with it after it returns. When the
// context is cancelled it ends without names.
func (f *File) FuncNames(ctx context.Context, sources ...SpanSource) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		parts := nameParts(sources)
		var workers sync.WaitGroup
		ctx, stop := context.WithCancel(ctx)
		defer workers.Wait()
		defer stop()
		next := make(chan *namePart, len(parts))
		for _, p := range parts {
			next <- p
		}
		close(next)
		for range min(len(parts), runtime.GOMAXPROCS(0)) {
			workers.Go(func() {
				for p := range next {
					p.read(ctx, f)
				}
			})
		}
		names := make([]*strsort.List, len(parts))
		for i, p := range parts {
			// In the order in which they are begun, so that one whose errors nobody
			// takes yet keeps no other waiting.
			if p.err != nil && !yield("", p.err) {
				return
			}
			for err := range p.errs {
				if !yield("", err) {
					return
				}
			}
			names[i] = p.names
		}
		if ctx.Err() != nil {
			return
		}
		for name := range strsort.Merged(names...) {
			if !yield(name, nil) {
				return
			}
		}
	}
}

// A namePart is a part of a table, which one goroutine reads.
type namePart struct {
	from       SpanSource
	t          *symbolTable // nil if the file lacks it, and for what is none of its own
	err        error        // what is wrong with where the table is
	first, end uint64       // entries

	names *strsort.List
	errs  chan error // closed when the names are complete and sorted
}

// A table of fewer symbols is read by one goroutine, and one of more by no more than
// so many.
const wholeTable, mostParts = 1 << 13, 16

// nameParts are the parts of all tables: the first of each, the second of each, and so
// on, since whoever reads the first reads the table's strings, and others wait for them.
func nameParts(sources []SpanSource) (parts []*namePart) {
	most := min(uint64(runtime.GOMAXPROCS(0)), mostParts)
	for i := range most {
		for _, s := range sources {
			p := &namePart{from: s, errs: make(chan error, 16)}
			n := uint64(1)
			if p.t, p.err = s.table(); p.t != nil {
				n = min(most, max(1, p.t.n/wholeTable))
				p.first, p.end = max(1, p.t.n*i/n), p.t.n*(i+1)/n
			}
			if i > 0 {
				p.err = nil // told with the first part
			}
			if i < n {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

// read reads the names of the functions that are in the code of a file.
func (p *namePart) read(ctx context.Context, code *File) {
	defer close(p.errs)
	room := uint64(0)
	if p.t != nil {
		room = min(p.end-min(p.first, p.end), 1<<16)
	}
	p.names = strsort.NewList(int(room))
	add := func(name string, err error) bool {
		if err == nil {
			p.names.Add(name)
			return true
		}
		select {
		case p.errs <- err:
			return true
		case <-ctx.Done():
			return false
		}
	}
	switch {
	case p.t != nil:
		p.t.funcNames(ctx, p.first, p.end, code, add)
	case !p.from.own():
		for s, err := range p.from.File.Symbols(p.from.Table) {
			if ctx.Err() != nil || (err != nil || s.Name != "" && code.executes(&s)) && !add(s.Name, err) {
				break
			}
		}
	}
	if ctx.Err() == nil {
		p.names.Sort()
	}
}

// funcNames yields the names of functions that are in the code of a file, out of the
// entries from first up to end, and what each would yield as errors.
func (t *symbolTable) funcNames(ctx context.Context, first, end uint64, code *File, yield func(string, error) bool) {
	strs, err := t.strs.whole()
	if err != nil {
		if first <= 1 {
			yield("", err)
		}
		return
	}
	if first <= 1 { // versions are not wanted; what is wrong with them is told as by Symbols
		if _, _, err := t.loadVersions(); err != nil && !yield("", err) {
			return
		}
	}
	var told error
	s := Symbol{Source: t.src}
	size := t.f.symSize()
	left := t.nameBudget()
	t.windows(first, end, func(b []byte, i uint32, err error) bool {
		if err != nil {
			return yield("", err)
		}
		if ctx.Err() != nil {
			return false
		}
		t.touch(b, strs)
		for ; len(b) > 0; b, i = b[size:], i+1 {
			raw := t.f.decodeRaw(b, i)
			typ := raw.typ()
			if typ == elf.STT_FILE || typ == elf.STT_SECTION {
				continue
			}
			name, ok := cstring(strs, uint64(raw.name))
			if !ok {
				if !yield("", t.badName(raw, len(strs))) {
					return false
				}
				continue
			}
			if left -= int64(len(name)); left < 0 {
				yield("", t.tooLong())
				return false
			}
			if typ != elf.STT_FUNC && typ != elf.STT_GNU_IFUNC && typ != sttARMTFunc {
				continue
			}
			if t.src == Symtab {
				name, _, _ = SplitVersion(name)
			}
			s.Name, s.Addr, s.LocalEntry, s.Type, s.Section = name, Addr(raw.value), 0, typ, t.section(raw)
			if err := t.f.adjust(&s, raw); err != nil {
				if err != told && !yield("", err) {
					return false
				}
				told = err
				continue
			}
			if s.Name == "" || !code.executes(&s) {
				continue
			}
			if !yield(s.Name, nil) {
				return false
			}
		}
		return true
	})
}
