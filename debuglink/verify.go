package debuglink

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/probels/probels/elfsym"
)

// checkWhole says whether a companion was cut short. Its program headers can't
// tell, since eu-strip copies those of the executable; its sections can.
func checkWhole(f *elfsym.File) error {
	secs, err := f.Sections()
	if err != nil {
		return err
	}
	size := uint64(f.Size())
	for i := range secs {
		s := &secs[i]
		if s.Type == elf.SHT_NOBITS || s.Type == elf.SHT_NULL {
			continue
		}
		if uint64(s.Offset) > size || s.Size > size-uint64(s.Offset) {
			return &elfsym.FormatError{Part: s.Name, Offset: s.Offset,
				Reason: fmt.Sprintf("it has %d bytes, the file ends at 0x%x", s.Size, size), Err: elfsym.ErrTruncated}
		}
	}
	return nil
}

func hasDWARF(f *elfsym.File) bool {
	secs, _ := f.Sections()
	for i := range secs {
		s := &secs[i]
		if (s.Name == ".debug_info" || s.Name == ".zdebug_info") && s.Type != elf.SHT_NOBITS && s.Size > 0 {
			return true
		}
	}
	return false
}

func wrongID(got, want []byte) error {
	return fmt.Errorf("%w %s, want %s", ErrWrongBuildID, hex.EncodeToString(got), hex.EncodeToString(want))
}

// checkDebug proves that c is f's debug file.
func (s *search) checkDebug(ctx context.Context, c *candidate) error {
	want, got := s.f.BuildID(), c.File.BuildID()
	link := s.q.Link
	linked := link != nil && c.place.How == ByLink
	switch {
	case want != nil && got != nil:
		if !bytes.Equal(want, got) {
			return wrongID(got, want)
		}
		// Debian's libjvm.so has a CRC of another state of its debug file and
		// the right build-id: the build-id outranks the CRC. The name may differ
		// too (libjvm.debuginfo is installed by its build-id), so it is no
		// reason not to look.
		if link != nil && s.o != nil && s.o.CheckCRC {
			if err := s.checkCRC(ctx, c, link); err != nil {
				c.Warnings = append(c.Warnings, fmt.Errorf("the build-id matches, .gnu_debuglink does not: %w", err))
			}
		}
	case linked:
		if err := s.checkCRC(ctx, c, link); err != nil {
			return err
		}
		if want != nil {
			c.Warnings = append(c.Warnings, fmt.Errorf("the debug file has no build-id; its CRC is the right one"))
		}
	case want != nil:
		return fmt.Errorf("%w: it has none, want %s", ErrWrongBuildID, hex.EncodeToString(want))
	default:
		return ErrUnproved
	}
	if !hasDWARF(c.File) && c.File.Has(elfsym.Symtab) == 0 {
		return ErrEmpty
	}
	return nil
}

// checkCRC reads the whole file, so it comes last.
func (s *search) checkCRC(ctx context.Context, c *candidate, link *Link) error {
	if c.Size > s.lim.CRC {
		return fmt.Errorf("%d bytes, a CRC is computed of %d at most: %w", c.Size, s.lim.CRC, elfsym.ErrLimit)
	}
	sum, err := CRC(ctx, c.file, c.Size)
	if err != nil {
		return err
	}
	if sum != link.CRC {
		return fmt.Errorf("%w %08x, want %08x", ErrWrongCRC, sum, link.CRC)
	}
	return nil
}

// checkAlt proves that c is the supplementary file that link means.
func (c *candidate) checkAlt(link *AltLink) error {
	ids := fileIDs(c.File)
	for _, id := range ids {
		if bytes.Equal(id, link.ID) {
			return nil
		}
	}
	if len(ids) == 0 {
		return fmt.Errorf("%w: it has none, want %s", ErrWrongBuildID, hex.EncodeToString(link.ID))
	}
	return wrongID(ids[0], link.ID)
}

// checkExecutable proves that c is what the debug file f was made of.
func (s *search) checkExecutable(ctx context.Context, c *candidate) error {
	if c.File.DebugOnly() {
		return ErrDebugOnly
	}
	want, got := s.f.BuildID(), c.File.BuildID()
	if want != nil {
		if !bytes.Equal(want, got) {
			return wrongID(got, want)
		}
		return nil
	}
	link, err := ReadLink(c.File)
	if err != nil {
		return err
	}
	if link == nil {
		return ErrUnproved
	}
	if s.f.Size() > s.lim.CRC {
		return fmt.Errorf("%d bytes, a CRC is computed of %d at most: %w", s.f.Size(), s.lim.CRC, elfsym.ErrLimit)
	}
	sum, err := CRC(ctx, readerOf{s.f}, s.f.Size())
	if err != nil {
		return err
	}
	if sum != link.CRC {
		return fmt.Errorf("%w %08x in its .gnu_debuglink, the debug file has %08x", ErrWrongCRC, link.CRC, sum)
	}
	return nil
}

// readerOf reads a file's bytes as they are.
type readerOf struct{ f *elfsym.File }

func (r readerOf) ReadAt(p []byte, off int64) (int, error) {
	b, err := r.f.Code(elfsym.Offset(off), len(p))
	n := copy(p, b)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}
