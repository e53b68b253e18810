package debuglink

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/unxz"
)

// MiniDebug decompresses .gnu_debugdata: an ELF file within the ELF file, whose
// .symtab has the functions that .dynsym lacks (Fedora's "MiniDebugInfo"). Its
// addresses are f's; its program headers and its notes are not to be used.
//
// ErrNoMiniDebug if f has no such section. The section chooses the size of its
// dictionary and how much comes out of it: both are known, and held against
// Limits.MiniDebug and MiniDebugDict, before anything is decompressed. The
// result is in memory and stays valid after f is closed. Safe for concurrent
// use; nothing is kept, so a second call decompresses again.
func MiniDebug(f *elfsym.File, o *Options) (*elfsym.File, error) {
	const name = ".gnu_debugdata"
	s := f.Section(name)
	if s == nil {
		return nil, ErrNoMiniDebug
	}
	fail := func(err error) (*elfsym.File, error) {
		kind := elfsym.ErrDamaged
		for _, c := range []struct{ from, to error }{
			{unxz.ErrLimit, elfsym.ErrLimit}, {unxz.ErrUnsupported, elfsym.ErrUnsupported},
			{ErrWrongBuildID, ErrWrongBuildID}, {ErrOtherMachine, ErrOtherMachine},
		} {
			if errors.Is(err, c.from) {
				kind = c.to
			}
		}
		return nil, &elfsym.FormatError{Part: name, Offset: s.Offset, Reason: err.Error(), Err: kind}
	}
	lim := o.limits()
	if s.Size > lim.MiniDebug {
		return fail(fmt.Errorf("%d bytes, %d allowed: %w", s.Size, lim.MiniDebug, unxz.ErrLimit))
	}
	raw, err := f.Data(s)
	if err != nil {
		return nil, err
	}
	b, err := unxz.Decode(raw, unxz.Limits{Output: lim.MiniDebug, Dictionary: lim.MiniDebugDict})
	if err != nil {
		return fail(err)
	}
	mini, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), &elfsym.Options{Limits: lim.ELF, Code: f})
	if err != nil {
		return fail(err)
	}
	if err := sameMachine(f, mini); err != nil {
		return fail(err)
	}
	// Most have none, since strip made NOBITS of the note.
	if want, got := f.BuildID(), mini.BuildID(); want != nil && got != nil && !bytes.Equal(want, got) {
		return fail(wrongID(got, want))
	}
	return mini, nil
}
