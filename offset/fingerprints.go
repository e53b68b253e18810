package offset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/twin"
)

// maxFingerprints is the largest file of fingerprints that is read, in bytes:
// those of all functions of a program of 100 MB have some 50 MB.
const maxFingerprints = 256 << 20

// Save writes a reference as a file of fingerprints, which ReadReference reads
// and which stands for the files that it was made of. With names, or patterns of
// names, it has those functions, and only so much of the others as they are told
// from their like by: a few kilobytes for each. It returns how many functions have
// a name in it; none is an error. The format has a version, and is described in
// docs/match.md.
func (r *Reference) Save(w io.Writer, names ...string) (int, error) {
	m, n := newMatcher(names), 0
	sets := make([]*twin.Set, len(r.sets))
	for i, s := range r.sets {
		bare := *s
		bare.Path = filepath.Base(s.Path) // the rest of it is nobody's who gets the file
		sets[i] = &bare
		if m != nil {
			sets[i] = bare.Choose(func(all []string) []string {
				var out []string
				for _, name := range all {
					if m.symbol(name) {
						out = append(out, name)
					}
				}
				return out
			})
		}
	}
	for _, s := range sets {
		for i := range s.Funcs {
			if len(s.Funcs[i].Names) > 0 {
				n++
			}
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("%w: nothing to save", ErrNotInReference)
	}
	_, err := w.Write(twin.Append(nil, sets...))
	return n, err
}

// ReadReference reads a file of fingerprints that Save wrote.
func ReadReference(rd io.Reader) (*Reference, error) {
	b, err := io.ReadAll(io.LimitReader(rd, maxFingerprints+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFingerprints {
		return nil, fmt.Errorf("fingerprints of more than %d bytes: %w", maxFingerprints, elfsym.ErrLimit)
	}
	sets, err := twin.Decode(b)
	if err != nil {
		return nil, err
	}
	return &Reference{sets: sets}, nil
}

// OpenReference opens what is at a path: a file of fingerprints, a program or
// library that has names itself or in a debug file that can be found, or what is
// linked into programs: a static archive (libssl.a) or an object file. The second
// result is what could not be read of it, beside a reference of the rest.
func OpenReference(ctx context.Context, path string, o *Options) (*Reference, []error, error) {
	ref, err := openFingerprints(path)
	if ref != nil || err != nil {
		return ref, nil, err
	}
	ref, problems, err := openObjects(ctx, path, o)
	if ref != nil || err != nil {
		return ref, problems, err
	}
	t, err := Open(path, o)
	if err != nil {
		return nil, nil, err
	}
	defer t.Close()
	return NewReference(ctx, t)
}

// openFingerprints reads a file of fingerprints; nil if it is none.
func openFingerprints(path string) (*Reference, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil // told by who opens it as a program
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, len(twin.Magic))
	switch _, err := io.ReadFull(f, head); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, nil
	case err != nil:
		return nil, err
	case string(head) != twin.Magic:
		return nil, nil
	}
	ref, err := ReadReference(io.MultiReader(bytes.NewReader(head), f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return ref, nil
}

// Names are the functions that a reference has names of, and how many places
// each.
func (r *Reference) Names() map[string]int {
	out := map[string]int{}
	for _, s := range r.sets {
		for i := range s.Funcs {
			for _, n := range s.Funcs[i].Names {
				out[n]++
			}
		}
	}
	return out
}

// matched settles, of the names that nothing else in the file has, those that a
// reference leads to.
func (r *resolution) matched() {
	ref := r.t.opts.Reference
	if ref == nil {
		return
	}
	asked := map[string][]*Result{} // by what Match is asked for
	var names []string
	for i := range r.results {
		res := &r.results[i]
		if !res.open() {
			continue
		}
		for _, name := range res.Spec.functions() {
			name, _, _ = elfsym.SplitVersion(name)
			if len(asked[name]) == 0 {
				names = append(names, name)
			}
			asked[name] = append(asked[name], res)
		}
	}
	if len(names) == 0 {
		return
	}
	least := r.t.opts.Least
	if least == NotMatched {
		least = Certain
	}
	for _, name := range names {
		found, problems, err := r.twins(ref, name)
		for _, p := range problems {
			r.problem(p)
		}
		if err != nil {
			r.problem(fmt.Errorf("reference: %w", err))
			return
		}
		for i := range found {
			for _, res := range asked[name] {
				r.addTwin(res, &found[i], least)
			}
		}
	}
}

// twins matches the file with the reference once, and is what that says of a name.
func (r *resolution) twins(ref *Reference, name string) ([]Twin, []error, error) {
	if r.matching == nil {
		r.asksOutside() // for the target's names
		m, problems, err := newMatching(r.ctx, ref, r.t, MatchOptions{})
		if err != nil {
			return nil, problems, err
		}
		r.matching = m
	}
	return r.matching.named([]string{name}), nil, nil
}

// addTwin takes a match for the answer, if it is certain enough; else it is told.
func (r *resolution) addTwin(res *Result, tw *Twin, least Confidence) {
	switch {
	case errors.Is(tw.Err, ErrNotInReference):
	case tw.Err != nil:
		res.fail(tw.Err)
	case tw.Confidence >= least && tw.Confidence >= Likely:
		l := tw.Location
		if add := res.Spec.plus.addend; add != 0 && res.Spec.plus.name == tw.Name {
			if add >= l.Size {
				res.fail(fmt.Errorf("%s+0x%x: it has 0x%x bytes", l.Name, add, l.Size))
				return
			}
			l.Addr, l.Offset, l.Addend = l.Addr+elfsym.Addr(add), l.Offset+elfsym.Offset(add), add
		}
		res.Locations = append(res.Locations, l)
	case tw.Confidence == Likely:
		r.twinNotes[res.Spec.text] = fmt.Sprintf("a function at 0x%x is likely it by the reference, and certain was asked for", uint64(tw.Location.Addr))
	case tw.Confidence == Possible:
		r.twinNotes[res.Spec.text] = fmt.Sprintf("by the reference %d functions may be it", len(tw.Others))
	default:
		r.twinNotes[res.Spec.text] = "nothing in the file is like the reference's function"
	}
}
