package offset

import (
	"context"
	"errors"

	"github.com/probels/probels/dwarfinfo"
)

// An InlinedCopy is a place where a function was put into another's code. A
// probe on the function itself is not hit there.
type InlinedCopy struct {
	// Location is where the copy begins: a uprobe there is hit when it is entered.
	// Its Name is that of the function that has the code, and Addend the distance.
	Location

	Into string // the function that was compiled with the copy in it
	File string // of the call; "" if unknown
	Line int
}

// InlinedCopies are the places where a function was inlined, by the debug
// information: none if it was not. The error wraps ErrNoDWARF where there is no
// debug information; others are about units that could not be read, and come with
// what was found in the rest.
func (t *Target) InlinedCopies(ctx context.Context, name string) ([]InlinedCopy, error) {
	d, err := t.DWARF(ctx)
	if err != nil {
		return nil, err
	}
	var out []InlinedCopy
	var errs []error
	for in, err := range d.Inlined(name) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			if len(errs) < 8 {
				errs = append(errs, err)
			}
			continue
		}
		c, err := t.inlinedCopy(in)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, c)
	}
	return out, errors.Join(errs...)
}

func (t *Target) inlinedCopy(in *dwarfinfo.Inline) (InlinedCopy, error) {
	c := InlinedCopy{Into: in.CallerName(), File: in.File, Line: in.Line}
	c.Location = Location{Kind: KindAddr, Path: t.path, BuildID: t.buildID, Addr: in.Entry, Object: t.object}
	if f := in.Into; f != nil {
		c.Name = f.Symbol()
		if len(f.Ranges) > 0 {
			c.Addend = uint64(in.Entry - f.Ranges[0].Low)
		}
	}
	var err error
	c.Offset, err = t.f.Segments().Code(in.Entry)
	return c, err
}
