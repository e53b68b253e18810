package twin

import (
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/insn"
)

// ErrMachine: functions are compared on x86-64 and arm64 only.
var ErrMachine = errors.New("functions can be matched in 64-bit files of x86-64 and arm64 only")

// Supported reports whether the functions of such files can be compared.
func Supported(m elf.Machine, c elf.Class) bool {
	return (m == elf.EM_X86_64 || m == elf.EM_AARCH64) && c == elf.ELFCLASS64
}

// Read takes the functions of a file apart. names are the symbols that name them:
// the file's own, or those of its debug file; what does not name a function of
// the file is passed over. The first error is about the file and comes with no
// set; problems are what could not be read of it, beside a set of the rest.
func Read(ctx context.Context, f *elfsym.File, path string, names iter.Seq2[elfsym.Symbol, error], l Limits) (set *Set, problems []error, err error) {
	if !Supported(f.Machine(), f.Class()) {
		return nil, nil, fmt.Errorf("%s: %w", path, ErrMachine)
	}
	r := &reader{ctx: ctx, f: f, mem: newMemory(f), limits: l.filled()}
	r.set = &Set{Machine: f.Machine(), Class: f.Class(), Path: path, BuildID: hex.EncodeToString(f.BuildID())}
	if err := r.bounds(names); err != nil {
		return nil, r.problems, err
	}
	if err := r.scanAll(); err != nil {
		return nil, r.problems, err
	}
	return r.set, r.problems, nil
}

type reader struct {
	ctx      context.Context
	f        *elfsym.File
	mem      *memory
	limits   Limits
	set      *Set
	problems []error

	begins []begin // by address
	parts  []span
	raw    [][]rawRef // of each function
	left   uint64     // bytes of code that may still be read
}

// begin is where a function begins, and where it ends if that is known.
type begin struct {
	addr, size uint64 // size 0: up to what follows
	names      []string
	decoded    bool
}

const maxProblems = 20

func (r *reader) problem(err error) {
	if err != nil && len(r.problems) < maxProblems {
		r.problems = append(r.problems, err)
	}
}

// bounds finds where functions begin and end: unwind information tells both of
// nearly all; symbols tell of some that have none.
func (r *reader) bounds(names iter.Seq2[elfsym.Symbol, error]) error {
	for s, err := range r.f.Starts() {
		switch {
		case err != nil:
			r.problem(err)
		case s.Part:
			r.parts = append(r.parts, span{uint64(s.Addr), uint64(s.Addr) + s.Size})
		case s.SizeInferred:
			r.begins = append(r.begins, begin{addr: uint64(s.Addr)})
		default:
			r.begins = append(r.begins, begin{addr: uint64(s.Addr), size: s.Size})
		}
	}
	if len(r.begins) > int(r.limits.Funcs) {
		return fmt.Errorf("%d functions: %w", len(r.begins), elfsym.ErrLimit)
	}
	framed := len(r.begins) // by address, for Starts are
	for s, err := range names {
		if err != nil {
			r.problem(err)
			continue
		}
		if !s.IsFunc() || s.Name == "" || r.f.Floating(&s) || !r.f.Segments().IsCode(s.Addr) {
			continue
		}
		addr := uint64(s.Addr)
		i, ok := slices.BinarySearchFunc(r.begins[:framed], addr, func(b begin, addr uint64) int {
			switch {
			case b.addr < addr:
				return -1
			case b.addr > addr:
				return 1
			}
			return 0
		})
		switch {
		case ok:
			r.begins[i].names = append(r.begins[i].names, s.Name)
		case i > 0 && addr-r.begins[i-1].addr < r.begins[i-1].size:
			// Within a function: another way in.
		case inSpans(r.parts, addr):
		case len(r.begins) >= int(r.limits.Funcs):
			return fmt.Errorf("more than %d functions: %w", r.limits.Funcs, elfsym.ErrLimit)
		default:
			r.begins = append(r.begins, begin{addr: addr, size: s.Size, names: []string{s.Name}})
		}
	}
	r.unite()
	return r.ctx.Err()
}

func inSpans(spans []span, addr uint64) bool {
	return (&places{parts: spans}).part(addr)
}

// unite sorts the beginnings and makes those at one address one.
func (r *reader) unite() {
	slices.SortStableFunc(r.begins, func(a, b begin) int {
		switch {
		case a.addr < b.addr:
			return -1
		case a.addr > b.addr:
			return 1
		}
		return 0
	})
	out := r.begins[:0]
	for _, b := range r.begins {
		if n := len(out); n > 0 && out[n-1].addr == b.addr {
			last := &out[n-1]
			last.size = max(last.size, b.size)
			last.names = append(last.names, b.names...)
			continue
		}
		out = append(out, b)
	}
	r.begins = out
	for i := range r.begins {
		slices.Sort(r.begins[i].names)
		r.begins[i].names = slices.Compact(r.begins[i].names)
	}
}

// scanAll decodes the functions, and then those that are only known because
// others call them.
func (r *reader) scanAll() error {
	s := &scanner{}
	d := insn.For(r.f.Machine(), r.f.Class(), r.f.ByteOrder(), r.f.Flags(), false)
	if r.f.Machine() == elf.EM_AARCH64 {
		c := &arm64Code{d: d}
		s.code, s.begin = c, c.begin
	} else {
		s.code = &x86Code{d: d, fixed: r.f.Type() == elf.ET_EXEC, mem: r.mem}
	}
	r.left = 1 << 16
	for _, a := range r.mem.areas {
		if a.code {
			r.left += 2 * min(a.end-a.start, uint64(r.f.Size())) // functions of a hostile file overlap
		}
	}
	r.left = min(r.left, r.limits.Code)
	p, err := newPlaces(r.f, r.mem)
	r.problem(err)
	p.parts = r.parts
	type result struct {
		f   Func
		raw []rawRef
	}
	done := map[uint64]result{}
	const rounds = 3 // functions that only such functions call, which nothing describes
	for round := range rounds {
		called := map[uint64]struct{}{}
		for i := range r.begins {
			b := &r.begins[i]
			if b.decoded {
				continue
			}
			if i%256 == 0 && r.ctx.Err() != nil {
				return r.ctx.Err()
			}
			b.decoded = true
			var f Func
			if err := r.scanOne(s, i, &f); err != nil {
				return err
			}
			raw := slices.Clone(s.refs)
			done[b.addr] = result{f, raw}
			for _, ref := range raw {
				if ref.call && p.stubs[ref.addr] == "" {
					called[ref.addr] = struct{}{}
				}
			}
		}
		if round == rounds-1 || !r.addCalled(called, p) {
			break
		}
	}
	r.set.Funcs = make([]Func, len(r.begins))
	r.raw = make([][]rawRef, len(r.begins))
	for i := range r.begins {
		d := done[r.begins[i].addr]
		d.f.Addr, d.f.Names = r.begins[i].addr, r.begins[i].names
		r.set.Funcs[i], r.raw[i] = d.f, d.raw
	}
	p.funcs = r.set.Funcs
	r.finish(p)
	return nil
}

// addCalled adds the functions that others call and that nothing else tells of.
func (r *reader) addCalled(called map[uint64]struct{}, p *places) bool {
	n := len(r.begins)
	for addr := range called {
		if !r.f.Segments().IsCode(elfsym.Addr(addr)) || p.part(addr) {
			continue
		}
		i, ok := slices.BinarySearchFunc(r.begins[:n], addr, func(b begin, addr uint64) int {
			switch {
			case b.addr < addr:
				return -1
			case b.addr > addr:
				return 1
			}
			return 0
		})
		if ok || i > 0 && addr-r.begins[i-1].addr < r.begins[i-1].size || len(r.begins) >= int(r.limits.Funcs) {
			continue
		}
		r.begins = append(r.begins, begin{addr: addr})
	}
	if len(r.begins) == n {
		return false
	}
	r.unite()
	return true
}

// scanOne decodes one function.
func (r *reader) scanOne(s *scanner, i int, f *Func) error {
	b := &r.begins[i]
	size, trim := b.size, false
	room := uint64(1) << 62
	if end, ok := r.f.Segments().CodeEnd(elfsym.Addr(b.addr)); ok {
		room = uint64(end) - b.addr
	}
	if i+1 < len(r.begins) {
		if gap := r.begins[i+1].addr - b.addr; size == 0 {
			room = min(room, gap)
		}
	}
	if size == 0 {
		size, trim = min(room, r.limits.Size), true
	}
	size = min(size, room)
	if size > r.limits.Size || size > r.left {
		if size > r.left {
			r.problem(fmt.Errorf("more code than the file has: functions overlap: %w", elfsym.ErrLimit))
		}
		s.refs = s.refs[:0]
		f.Bad, f.Size = true, uint32(min(size, 1<<32-1))
		return nil
	}
	r.left -= size
	code := make([]byte, size)
	if !r.mem.readAll(code, b.addr) {
		s.refs = s.refs[:0]
		f.Bad = true
		return nil
	}
	s.scan(f, code, b.addr, trim)
	return nil
}

// finish says what the references refer to.
func (r *reader) finish(p *places) {
	for i := range r.set.Funcs {
		f := &r.set.Funcs[i]
		f.Refs = make([]Ref, len(r.raw[i]))
		full := digest(f.Code)
		for k, raw := range r.raw[i] {
			ref := p.resolve(raw)
			f.Refs[k] = ref
			switch ref.Kind {
			case RefString, RefImport, RefValue:
				full = full.add(ref.To)
			default:
				full = full.add(uint64(ref.Kind))
			}
		}
		f.Full = uint64(full)
	}
	p.numberData(r.set)
	r.coldParts()
	r.raw = nil
	for i := range r.set.Funcs {
		f := &r.set.Funcs[i]
		slices.Sort(f.Rows)
		f.Rows = slices.Compact(f.Rows)
		f.Names = slices.DeleteFunc(f.Names, func(n string) bool { return strings.HasSuffix(n, ".cold") })
	}
	sortTables(r.set.Tables)
}

// coldParts finds the ranges that are no functions, though their unwind
// information does not say it: parts that a compiler moved away from a function
// without a frame. Functions jump there, some under a condition, and nothing
// calls them nor has their address.
func (r *reader) coldParts() {
	const jumped, conditional, called = 1, 2, 4
	how := make([]uint8, len(r.set.Funcs))
	for i := range r.set.Funcs {
		for k, ref := range r.set.Funcs[i].Refs {
			if ref.Kind != RefFunc {
				continue
			}
			switch raw := &r.raw[i][k]; {
			case raw.cond:
				how[ref.To] |= conditional
			case raw.jump:
				how[ref.To] |= jumped
			default:
				how[ref.To] |= called
			}
		}
	}
	for _, e := range r.set.Tables {
		how[e.Func] |= called
	}
	for i := range r.set.Funcs {
		if f := &r.set.Funcs[i]; len(f.Names) == 0 && how[i]&conditional != 0 && how[i]&called == 0 {
			f.Bad = true
		}
	}
}
