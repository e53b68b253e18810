package offset

import (
	"context"
	"debug/elf"
	"iter"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
)

// listPLT lists the entries of the procedure linkage table by name.
func (t *Target) listPLT(ctx context.Context, m *matcher, q Query, yield func(Probe, error) bool) bool {
	ok := true
	table := elfsym.NewTable(func(each func(elfsym.Symbol) bool) {
		for s, err := range t.f.Symbols(elfsym.PLT) {
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				if ok = yield(Probe{}, err); !ok {
					return
				}
			case m.symbol(s.Name) && !each(s):
				return
			}
		}
	})
	for s := range q.order(table) {
		if !ok || !yield(t.symbolProbe(KindPLT, s), nil) {
			return false
		}
	}
	return ok
}

// listAnon lists the functions that nothing names, by address.
func (t *Target) listAnon(ctx context.Context, m *matcher, yield func(Probe, error) bool) bool {
	ok := true
	named := t.namedAddresses(ctx, func(err error) bool {
		ok = yield(Probe{}, err)
		return ok
	})
	if !ok || ctx.Err() != nil {
		return ok
	}
	for s, err := range t.f.Starts() {
		if err != nil {
			if !yield(Probe{}, err) {
				return false
			}
			continue
		}
		if _, has := named[s.Addr]; has || s.Part {
			continue
		}
		p := t.startProbe(&s)
		if m.symbol(p.Symbol.Name) && !yield(p, nil) {
			return false
		}
	}
	return true
}

// startProbe makes the probe of a function without a name.
func (t *Target) startProbe(s *elfsym.Start) Probe {
	sym := &elfsym.Symbol{
		Name: At(s.Addr).String(), Addr: s.Addr, Size: s.Size, SizeInferred: s.SizeInferred,
		Type: elf.STT_FUNC, Bind: elf.STB_LOCAL, Section: elfsym.SectionUnknown, Source: elfsym.EHFrame,
	}
	p := t.symbolProbe(KindAnon, sym)
	start := *s
	p.Start = &start
	return p
}

// namedAddresses are where symbols of any kind are in the code: one of the
// assembler's labels is a name too.
func (t *Target) namedAddresses(ctx context.Context, report func(error) bool) map[elfsym.Addr]struct{} {
	companions, err := t.stripped(ctx)
	if err != nil && !report(err) {
		return nil
	}
	sources := []iter.Seq2[elfsym.Symbol, error]{t.f.Symbols(elfsym.Symtab | elfsym.Dynsym), t.f.Symbols(elfsym.PLT)}
	for _, c := range companions {
		sources = append(sources, c.symbols(nil))
	}
	named := map[elfsym.Addr]struct{}{}
	segs := t.f.Segments()
	n := 0
	for _, source := range sources {
		for s, err := range source {
			if n++; n%4096 == 0 && ctx.Err() != nil {
				return nil
			}
			if err != nil {
				if !report(err) {
					return nil
				}
			} else if s.Defined() && s.Name != "" && !t.f.Floating(&s) && segs.IsCode(s.Addr) {
				named[s.Addr] = struct{}{}
			}
		}
	}
	return named
}

// stubs settles the specs that name an entry of the procedure linkage table.
func (r *resolution) stubs(all []*Result) {
	wanted := slices.DeleteFunc(slices.Clone(all), func(res *Result) bool {
		return !res.open() || !slices.ContainsFunc(res.Spec.functions(), func(name string) bool { return strings.Contains(name, "@plt") })
	})
	if len(wanted) > 0 {
		r.namesFrom(wanted, func(names []string) iter.Seq2[elfsym.Symbol, error] { return r.t.f.Lookup(elfsym.PLT, names...) })
	}
}

// describeNameless says of an address that no symbol covers in which PLT entry it
// is, in which function of DWARF, or in which range of call frame information.
func (r *resolution) describeNameless(l *Location) {
	for s, err := range r.t.f.Symbols(elfsym.PLT) {
		if err != nil {
			r.problem(err)
		} else if covers(&s, l.Addr) {
			l.Name, l.Version, l.Sources, l.Type, l.Size = s.Name, s.Version, s.Source, s.Type, s.Size
			l.Function, l.Addend = s.Addr, uint64(l.Addr-s.Addr)
			return
		}
	}
	if r.dwarfAt(l) {
		return
	}
	s, ok, err := r.t.enclosing(l.Addr)
	if err != nil {
		r.problem(err)
	}
	if ok {
		l.Function, l.Addend, l.Size, l.Sources = s.Addr, uint64(l.Addr-s.Addr), s.Size, elfsym.EHFrame
	}
}

func covers(s *elfsym.Symbol, a elfsym.Addr) bool {
	return a >= s.Addr && uint64(a-s.Addr) < s.Size
}

// inPLT reports whether an address is in an entry of the PLT.
func (t *Target) inPLT(a elfsym.Addr) bool {
	for s, err := range t.f.Symbols(elfsym.PLT) {
		if err == nil && covers(&s, a) {
			return true
		}
	}
	return false
}

// enclosing is the function, as far as call frame information tells, that an
// address is in.
func (t *Target) enclosing(a elfsym.Addr) (elfsym.Start, bool, error) {
	fr, ok, err := t.f.FrameAt(a)
	if ok {
		return elfsym.Start{Addr: fr.Addr, Size: fr.Size, Evidence: elfsym.StartEHFrame, Signal: fr.Signal}, true, nil
	}
	if t.f.Machine() != elf.EM_ARM {
		return elfsym.Start{}, false, err
	}
	for s, e := range t.f.Starts() { // .ARM.exidx
		if e == nil && a >= s.Addr && uint64(a-s.Addr) < s.Size {
			return s, true, nil
		}
	}
	return elfsym.Start{}, false, err
}
