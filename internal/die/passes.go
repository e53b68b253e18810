package die

import (
	"bytes"
	"debug/dwarf"
	"math"
	"slices"
)

// Passes reports whether a unit can be passed by in a search: it is whole, of this
// file, and cannot have or refer to any of the names. What it takes is a look at its
// bytes and at its abbreviations, which are not compiled: in a search for one name
// that would be most of the time. The unit is read into buf. False, also where
// something is damaged, leaves the question to FunctionsNamed or TypesNamed.
func (u *Unit) Passes(s *NameSearch, buf *Buffer, w *Budget) bool {
	if s.all || u.split == nil || u.skeleton != nil || u.Type == UnitSkeleton {
		return false
	}
	if buf.of != u && u.Fill(buf) != nil {
		return false
	}
	for _, n := range s.needles {
		if bytes.Contains(buf.b, n) {
			return false
		}
	}
	return u.plain(buf, w)
}

// scanned is what was found of a table of abbreviations.
type scanned struct {
	f     *File
	key   abbrevKey
	plain bool
}

// plain reports whether the unit's abbreviations are sound and don't lead to other
// units' names: no reference out of the unit completes a function, no string is
// referred to by index, and no .dwo has the rest of the unit.
func (u *Unit) plain(buf *Buffer, w *Budget) bool {
	f := u.File
	off, end, err := u.abbrevPlace()
	if err != nil {
		return false
	}
	k := abbrevKey{off, u.format()}
	f.mu.Lock()
	t, ok := f.abbrevs.get(k)
	f.mu.Unlock()
	if ok {
		return !t.far && !t.strx && !t.split
	}
	if x := &buf.abbrevs; x.f == f && x.key == k {
		return x.plain
	}
	plain := false
	for n := uint64(8 << 10); ; n *= 4 {
		n = min(n, end-off)
		buf.window = slices.Grow(buf.window[:0], int(n))
		b := buf.window[:n]
		if readSection(f.abbrev, ".debug_abbrev", b, off) != nil {
			break
		}
		size := 0
		if plain, size = plainAbbrevs(b, k.f); w.spend(int64(n/8)+int64(size)) != nil {
			return false
		}
		if size >= 0 || n == end-off {
			break
		}
	}
	buf.abbrevs = scanned{f, k, plain}
	return plain
}

// plainForms are those below 64 that have nothing to do with what is looked for.
const plainForms uint64 = 1<<FormAddr | 1<<FormBlock2 | 1<<FormBlock4 | 1<<FormData2 | 1<<FormData4 | 1<<FormData8 | 1<<FormString |
	1<<FormBlock | 1<<FormBlock1 | 1<<FormData1 | 1<<FormFlag | 1<<FormSdata | 1<<FormStrp | 1<<FormUdata | 1<<FormRef1 | 1<<FormRef2 |
	1<<FormRef4 | 1<<FormRef8 | 1<<FormRefUdata | 1<<FormSecOffset | 1<<FormExprloc | 1<<FormFlagPresent | 1<<FormLineStrp | 1<<FormData16

// plainAbbrevs looks through a table of abbreviations. Its size is -1 if b ends
// before it does.
func plainAbbrevs(b []byte, f format) (plain bool, size int) {
	i := 0
	num := func() (v uint64) {
		if uint(i) < uint(len(b)) && b[i] < 0x80 {
			i++
			return uint64(b[i-1])
		}
		if i >= 0 {
			v, i = uleb(b, i)
		}
		return v
	}
	specs := 0
	for n := 0; n < maxAbbrevs; n++ {
		code := num()
		if code == 0 && i >= 0 {
			return true, i
		}
		tag := num()
		if i < 0 || i >= len(b) {
			return false, -1
		}
		if tag > math.MaxUint32 || b[i] > 1 {
			return false, i
		}
		i++
		for ; ; specs++ {
			if uint(i)+1 < uint(len(b)) && b[i] < 0x76 && b[i+1] < 64 && plainForms>>(b[i+1]&63)&1 != 0 {
				i += 2 // as nearly all
				continue
			}
			attr, form := num(), num()
			if i < 0 {
				return false, -1
			}
			if attr == 0 && form == 0 {
				break
			}
			if attr > math.MaxUint32 || form > math.MaxUint16 {
				return false, i
			}
			if Form(form) == FormImplicitConst {
				if _, i = sleb(b, i); i < 0 {
					return false, -1
				}
			}
			var t abbrevTable
			if enc, _ := f.size(Form(form)); enc == encBad {
				return false, i
			}
			if t.remark(Spec{Attr: dwarf.Attr(attr), Form: Form(form)}); t.far || t.strx || t.split {
				return false, i
			}
		}
		if specs > maxSpecs {
			return false, i
		}
	}
	return false, i
}
