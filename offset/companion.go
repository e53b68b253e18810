package offset

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"iter"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
)

// A companion has names of functions that were stripped from a file's .symtab.
// Only addresses are taken from it.
type companion struct {
	f      *elfsym.File
	table  elfsym.Source // of f
	source elfsym.Source // what its symbols are marked with
}

// stripped returns the companions, none if the file needs none or there is none.
// They are searched for once, when they are first asked for; a search that was
// cut short by its context is made again. The error says what is wrong with a
// companion that is there.
func (t *Target) stripped(ctx context.Context) ([]companion, error) {
	// A .symtab has all that a debug file's has: GDB and elfutils look no
	// further either.
	if t.opts.OwnTables || t.f.Has(elfsym.Symtab) != 0 {
		return nil, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.searched {
		return t.companions, nil
	}
	found, err := t.debugFile(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// Go's own table spells some names otherwise than a symbol table does, so
	// it is asked only where there is none.
	if len(found) == 0 {
		table, goErr := t.f.GoFuncs()
		if table != nil {
			found = append(found, companion{t.f, elfsym.GoTable, elfsym.GoTable})
		}
		err = errors.Join(err, goErr)
	}
	t.searched, t.companions, t.unsure = true, found, err != nil
	return found, err
}

// separate is the file's debug file, searched for once and kept until the target
// is closed; ErrNotFound of debuglink, or what is wrong with the one that is
// there. The caller holds t.mu.
func (t *Target) separate(ctx context.Context) (*debuglink.Found, error) {
	if t.looked {
		return t.found, t.foundErr
	}
	found, err := debuglink.Find(ctx, t.f, t.debug, t.opts.Debug)
	if ctx.Err() != nil {
		if err == nil {
			found.Close()
		}
		return nil, ctx.Err()
	}
	if err == nil {
		if merr := sameAddresses(t.f, found.File); merr != nil {
			err = fmt.Errorf("debug file %s: %w", found.Path, merr)
			found.Close()
			found = nil
		}
	}
	t.looked, t.found, t.foundErr = true, found, err
	return found, err
}

// debugFile is the debug file or, as in GDB, .gnu_debugdata if there is none. One
// that has only DWARF has no names for a listing.
func (t *Target) debugFile(ctx context.Context) ([]companion, error) {
	found, err := t.separate(ctx)
	switch {
	case err == nil && found.Symtab:
		return []companion{{found.File, elfsym.Symtab, elfsym.DebugFile}}, nil
	case err != nil && !errors.Is(err, debuglink.ErrNotFound):
		return t.miniDebug(err)
	}
	return t.miniDebug(nil)
}

func (t *Target) miniDebug(other error) ([]companion, error) {
	f, err := debuglink.MiniDebug(t.f, t.opts.Debug)
	switch {
	case errors.Is(err, debuglink.ErrNoMiniDebug):
		return nil, other
	case err != nil:
		return nil, errors.Join(other, err)
	}
	if err := sameAddresses(t.f, f); err != nil {
		return nil, errors.Join(other, fmt.Errorf(".gnu_debugdata: %w", err))
	}
	return []companion{{f, elfsym.Symtab, elfsym.MiniDebug}}, other
}

// ErrMoved: a file's code is at other addresses than its debug file says.
var ErrMoved = errors.New("its addresses are not the file's")

// sameAddresses says whether the code has the same addresses in both files. A
// build-id survives prelink, which moves a library, so it does not prove that.
func sameAddresses(f, debug *elfsym.File) error {
	text, debugText := f.Section(".text"), debug.Section(".text")
	if text != nil && debugText != nil {
		if text.Addr != debugText.Addr {
			return fmt.Errorf("%w: .text is at 0x%x, there at 0x%x (prelinked?)", ErrMoved, uint64(text.Addr), uint64(debugText.Addr))
		}
		return nil
	}
	for _, d := range debug.Segments().All() {
		if d.Type != elf.PT_LOAD || d.Flags&elf.PF_X == 0 {
			continue
		}
		for _, s := range f.Segments().All() {
			if s.Type == elf.PT_LOAD && s.Flags&elf.PF_X != 0 && s.Addr == d.Addr {
				return nil
			}
		}
		return fmt.Errorf("%w: no code is at 0x%x (prelinked?)", ErrMoved, uint64(d.Addr))
	}
	return nil
}

// symbols are the companion's, marked with where they are from: those that have
// one of the texts in their names, or all.
func (c *companion) symbols(texts []string) iter.Seq2[elfsym.Symbol, error] {
	return c.marked(symbols(c.f, c.table, texts))
}

func (c *companion) marked(syms iter.Seq2[elfsym.Symbol, error]) iter.Seq2[elfsym.Symbol, error] {
	return func(yield func(elfsym.Symbol, error) bool) {
		for s, err := range syms {
			if s.Source = c.source; !yield(s, err) {
				return
			}
		}
	}
}

// lookup are the companion's symbols of the names.
func (c *companion) lookup(names []string) iter.Seq2[elfsym.Symbol, error] {
	return c.marked(c.f.Lookup(c.table, names...))
}

// asksOutside is called before names are taken from more than the file's own
// tables; where it has a .symtab, they are all there is.
func (r *resolution) asksOutside() {
	r.outside = r.outside || !r.t.opts.OwnTables && r.t.f.Has(elfsym.Symtab) == 0
}

// stripped are the companions, for an answer.
func (r *resolution) stripped() ([]companion, error) {
	r.asksOutside()
	return r.t.stripped(r.ctx)
}
