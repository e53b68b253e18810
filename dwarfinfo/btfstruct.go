package dwarfinfo

import (
	"cmp"
	"fmt"
	"slices"
)

// aggregate is a struct or union with its members, in the order of their
// offsets, which the kernel wants.
func (b *btf) aggregate(t *Type) {
	c, err := t.parts()
	if err != nil {
		b.fail(err)
		return
	}
	kind := btfStruct
	if t.Kind == Union {
		kind = btfUnion
	}
	size := t.Size()
	switch {
	case t.Declared || size < 0:
		name := b.name(t)
		if name == "" {
			b.opaque(t)
			return
		}
		b.head(name, btfFwd, 0, kind == btfUnion, 0)
		return
	case size > 1<<32-1:
		b.fail(fmt.Errorf("%v has %d bytes: %w", t, size, ErrLimit))
		return
	}
	fields := b.members(c)
	bits := slices.ContainsFunc(fields, func(f btfMember) bool { return f.bits > 0 })
	b.head(b.name(t), kind, len(fields), bits, uint32(size))
	if b.err != nil {
		return
	}
	for _, f := range fields {
		off := uint64(f.start)
		if limit := uint64(1) << 32; bits && off >= 1<<24 || off >= limit {
			b.fail(fmt.Errorf("%s of %v is too far from its start for BTF: %w", f.name, t, ErrLimit))
			return
		}
		b.u32(b.str(f.name))
		b.u32(f.id)
		b.u32(uint32(f.bits)<<24 | uint32(off))
	}
}

// btfMember is a member as BTF has it.
type btfMember struct {
	name  string
	id    uint32
	start int64 // bits
	bits  int
}

func (b *btf) members(c *content) []btfMember {
	var out []btfMember
	fields := c.all()
	if c.discriminant != nil {
		f := *c.discriminant
		if f.Name == "" {
			f.Name = "discriminant"
		}
		fields = append([]Field{f}, fields...)
	}
	for i := range fields {
		f := &fields[i]
		if f.Offset < 0 {
			continue // a virtual base: where it is is not fixed
		}
		if f.BitSize > 0 && f.BitSize > 255 {
			b.fail(fmt.Errorf("a bit-field of %d bits: %w", f.BitSize, ErrLimit))
			return nil
		}
		id := b.id(f.Type)
		if id == 0 {
			id = b.number(btfKey{what: "nothing"}, func() { b.arrayOf(b.uint(1), 0) })
		}
		m := btfMember{f.Name, id, f.Offset * 8, f.BitSize}
		if f.BitSize > 0 {
			m.start = f.BitOffset
		}
		out = append(out, m)
	}
	slices.SortStableFunc(out, func(a, b btfMember) int { return cmp.Compare(a.start, b.start) })
	return out
}
