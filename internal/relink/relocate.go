package relink

import (
	"debug/elf"
	"math"
)

const relaSize = 24

// machine is what one machine's relocations are.
type machine struct {
	// apply applies one relocation to s.b, in which it has room for 8 bytes or for
	// what the type needs; the result says why it could not, or nothing.
	apply func(k *linker, s *site) string

	// fixed reports whether a relocation of code is one of position-dependent code:
	// nil if that makes no difference.
	fixed func(typ uint32) bool

	stub     func(b []byte, at, slot uint64) // an entry of the PLT, of 16 bytes
	fill     func(b []byte)                  // with instructions that do nothing
	typeName func(typ uint32) string

	relative, irelative, globDat, jumpSlot, symbolic, copied uint32 // types for the loader
}

// machineOf is one of those whose functions can be compared, or nil.
func machineOf(m elf.Machine) *machine {
	switch m {
	case elf.EM_X86_64:
		return &x86
	case elf.EM_AARCH64:
		return &arm64
	}
	return nil
}

// site is a place that a relocation changes.
type site struct {
	b      []byte // the section
	at     uint64 // the place in it
	addr   uint64 // of the place
	typ    uint32
	t      target
	addend int64
	code   bool
	done   [2]uint64 // code that was replaced, from and to: what the next relocation is of, it is no more
}

// room reports whether so many bytes before the place, and from it on, are in the section.
func (s *site) room(before, n uint64) bool { return s.at >= before && uint64(len(s.b))-s.at >= n }

// put32 writes a number that must fit.
func (s *site) put32(v int64, signed bool) string {
	if signed && v != int64(int32(v)) || !signed && uint64(v) > math.MaxUint32 {
		return outOfRange
	}
	le.PutUint32(s.b[s.at:], uint32(v))
	return ""
}

// relocate applies the relocations of a member.
func (k *linker) relocate(no int32, o *object) error {
	for i := range o.rela {
		t := &o.rela[i]
		sec := &o.secs[t.Info]
		if sec.discarded {
			continue
		}
		b, err := o.f.Data(t)
		if err != nil {
			return err
		}
		if len(b)%relaSize != 0 {
			k.problem(memberError(o.name, sectionError(t, "%d bytes, no number of relocations", len(b))))
		}
		s := site{b: k.image[sec.off : sec.off+sec.size], code: sec.class == code}
		for ; len(b) >= relaSize; b = b[relaSize:] {
			s.at = le.Uint64(b)
			s.typ = le.Uint32(b[8:])
			s.addend = int64(le.Uint64(b[16:]))
			s.addr = k.base + sec.off + s.at
			if s.typ == 0 || s.at >= s.done[0] && s.at < s.done[1] {
				continue
			}
			if s.at >= uint64(len(s.b)) {
				if sec.class != frames {
					k.fail(s.typ, outOfBounds)
				}
				continue
			}
			var ok bool
			if s.t, ok = k.resolve(no, le.Uint32(b[12:])); !ok {
				k.fail(s.typ, noSuch)
				continue
			}
			if why := k.m.apply(k, &s); why != "" {
				k.fail(s.typ, why)
			}
		}
	}
	return nil
}
