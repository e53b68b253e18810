package mutate

import "strings"

// Most values of one file that are kept: enough to choose from.
const maxSpots = 1 << 17

type attr struct{ attr, form uint64 }

type abbrev struct {
	attrs []attr
}

// dwarf adds the fields of the debug sections: all numbers of .debug_abbrev, the headers and values of
// .debug_info by their forms, and of the others the words.
func (s *Source) dwarf(sections []section) {
	var info, abbrevs *section
	for i := range sections {
		sec := &sections[i]
		if !strings.HasPrefix(sec.name, ".debug_") || len(sec.data) == 0 || sec.compressed {
			continue
		}
		switch sec.name {
		case ".debug_info":
			info = sec
		case ".debug_abbrev":
			abbrevs = sec
		case ".debug_frame":
		case ".debug_line":
			s.lengths(sec)
			fallthrough
		case ".debug_str_offsets", ".debug_aranges", ".debug_rnglists", ".debug_loclists", ".debug_addr", ".debug_names", ".debug_cu_index", ".debug_tu_index":
			s.add(group{name: sec.name, weight: 5, base: sec.off, stride: 1, count: len(sec.data), fields: []field{{"byte", 0, 1}}})
			s.add(group{name: sec.name + " words", weight: 5, base: sec.off, stride: 4, count: len(sec.data) / 4, fields: append(word, half...)})
		default:
			s.add(group{name: sec.name, weight: 2, base: sec.off, stride: 1, count: len(sec.data), fields: []field{{"byte", 0, 1}}})
		}
	}
	if abbrevs == nil || info == nil {
		return
	}
	s.abbrevs(abbrevs)
	s.units(info, abbrevs)
}

// lengths adds the headers of line-number programs.
func (s *Source) lengths(sec *section) {
	var spots []spot
	for at := 0; at+12 <= len(sec.data) && len(spots) < maxSpots; {
		base := sec.off + at
		for _, f := range []field{{"length", 0, 4}, {"version", 4, 2}, {"address size", 6, 1}, {"header length", 6, 4}, {"header length", 8, 4}} {
			spots = append(spots, spot{off: base + f.off, size: f.size, name: ".debug_line " + f.name, base: base})
		}
		for i := 10; i < 60 && at+i < len(sec.data); i++ {
			spots = append(spots, spot{off: base + i, size: 1, name: ".debug_line header", base: base}, spot{off: base + i, size: 1, kind: leb, name: ".debug_line header number", base: base})
		}
		n := s.clip(s.get(sec.data[at : at+4]))
		if n == 0 {
			break
		}
		at += 4 + n
	}
	s.add(group{name: ".debug_line headers", weight: 8, spots: spots})
}

// abbrevs adds the numbers of all tables of abbreviations.
func (s *Source) abbrevs(sec *section) {
	var spots []spot
	b := sec.data
	one := func(at int, name string, k kind) int {
		if at < len(b) {
			spots = append(spots, spot{off: sec.off + at, size: 1, kind: k, name: ".debug_abbrev " + name, base: sec.off + at})
		}
		_, n := uleb(b, at)
		return at + n
	}
	for at := 0; at < len(b) && len(spots) < maxSpots; {
		if b[at] == 0 { // the end of one table
			at++
			continue
		}
		at = one(at, "code", leb)
		at = one(at, "tag", leb)
		at = one(at, "children", number)
		for at < len(b) {
			a, n := uleb(b, at)
			f, _ := uleb(b, at+n)
			at = one(one(at, "attribute", leb), "form", form)
			if f == formImplicit {
				at = one(at, "constant", leb)
			}
			if a == 0 && f == 0 {
				break
			}
		}
	}
	s.add(group{name: ".debug_abbrev", weight: 12, spots: spots})
}

const (
	formImplicit = 0x21
	formIndirect = 0x16
)

// table reads the abbreviations at an offset.
func table(b []byte, at int) map[uint64]abbrev {
	t := map[uint64]abbrev{}
	for at >= 0 && at < len(b) {
		code, n := uleb(b, at)
		at += n
		if code == 0 {
			break
		}
		_, n = uleb(b, at)
		at += n + 1
		var a abbrev
		for at < len(b) {
			name, n := uleb(b, at)
			at += n
			f, n := uleb(b, at)
			at += n
			if f == formImplicit {
				_, n = uleb(b, at)
				at += n
			}
			if name == 0 && f == 0 {
				break
			}
			a.attrs = append(a.attrs, attr{name, f})
		}
		t[code] = a
	}
	return t
}

// units adds the headers and the values of .debug_info; of a form that is not known, and of 64-bit DWARF,
// the rest of the unit is left.
func (s *Source) units(info, abbrevs *section) {
	b := info.data
	var headers, values, refs []spot
	tables := map[int]map[uint64]abbrev{}
	for at := 0; at+12 <= len(b) && len(values) < maxSpots; {
		n, version := s.clip(s.get(b[at:at+4])), int(s.get(b[at+4:at+6]))
		end := at + 4 + n
		if end > len(b) || n < 8 {
			break
		}
		base := info.off + at
		fields := []field{{"length", 0, 4}, {"version", 4, 2}, {"abbreviations", 6, 4}, {"address size", 10, 1}}
		abbrevAt, size, body := at+6, int(b[at+10]), at+11
		if version >= 5 {
			fields = []field{{"length", 0, 4}, {"version", 4, 2}, {"kind", 6, 1}, {"address size", 7, 1}, {"abbreviations", 8, 4}}
			abbrevAt, size, body = at+8, int(b[at+7]), at+12
			switch b[at+6] {
			case 2, 6: // type units: a signature and an offset
				body += 12
			case 4, 5: // skeletons: an id
				body += 8
			}
		}
		for _, f := range fields {
			headers = append(headers, spot{off: base + f.off, size: f.size, name: ".debug_info " + f.name, base: base})
		}
		off := s.clip(s.get(b[abbrevAt : abbrevAt+4]))
		if tables[off] == nil {
			tables[off] = table(abbrevs.data, off)
		}
		for p := body; p < end && len(values) < maxSpots; {
			code, n := uleb(b, p)
			values = append(values, spot{off: info.off + p, size: 1, kind: leb, name: ".debug_info code", base: base})
			p += n
			a, ok := tables[off][code]
			if code != 0 && !ok {
				break
			}
			for _, v := range a.attrs {
				if p >= end {
					break
				}
				n, k := s.form(b, p, v.form, size, version)
				if n < 0 {
					p = end
					break
				}
				sp := spot{off: info.off + p, size: n, kind: k, name: ".debug_info " + attrName(v.attr), base: base}
				switch {
				case n == 0:
				case k == unitRef:
					refs = append(refs, sp)
				case n == 1 || n == 2 || n == 4 || n == 8 || k == leb:
					values = append(values, sp)
				default:
					sp.size = 1
					values = append(values, sp)
				}
				p += n
			}
		}
		s.bounds = append(s.bounds, base)
		at = end
	}
	s.add(group{name: ".debug_info headers", weight: 6, spots: headers})
	s.add(group{name: ".debug_info values", weight: 12, spots: values})
	s.add(group{name: ".debug_info references", weight: 12, spots: refs})
}

// attrName names the attributes that lead elsewhere; it is for reports only.
func attrName(a uint64) string {
	switch a {
	case 0x31:
		return "abstract_origin"
	case 0x47:
		return "specification"
	case 0x49:
		return "type"
	case 0x01:
		return "sibling"
	case 0x03:
		return "name"
	case 0x12:
		return "high_pc"
	case 0x55:
		return "ranges"
	}
	return "value"
}

// form is the size of a value, and its kind; -1 for one that is not known here.
func (s *Source) form(b []byte, at int, f uint64, addr, version int) (int, kind) {
	block := func(n int) (int, kind) {
		if at+n > len(b) {
			return -1, number
		}
		return n + s.clip(s.get(b[at:at+n])), number
	}
	switch f {
	case 0x01:
		return addr, number
	case 0x0b, 0x0c, 0x25, 0x29:
		return 1, number
	case 0x05, 0x26, 0x2a:
		return 2, number
	case 0x06, 0x0e, 0x17, 0x1c, 0x1d, 0x1f, 0x28, 0x2c, 0x1f20, 0x1f21:
		return 4, number
	case 0x07, 0x20, 0x24:
		return 8, number
	case 0x1e:
		return 16, number
	case 0x11:
		return 1, unitRef
	case 0x12:
		return 2, unitRef
	case 0x13, 0x10:
		if f == 0x10 && version == 2 {
			return addr, number
		}
		return 4, unitRef
	case 0x14:
		return 8, unitRef
	case 0x08:
		return len(cstringAll(b, at)) + 1, number
	case 0x0d, 0x0f, 0x15, 0x1a, 0x1b, 0x22, 0x23, 0x1f01, 0x1f02:
		_, n := uleb(b, at)
		return n, leb
	case 0x09, 0x18:
		v, n := uleb(b, at)
		return n + s.clip(v), leb
	case 0x0a:
		return block(1)
	case 0x03:
		return block(2)
	case 0x04:
		return block(4)
	case 0x19, formImplicit:
		return 0, number
	}
	return -1, number
}

func cstringAll(b []byte, at int) string {
	name, _, _ := strings.Cut(string(b[at:min(len(b), at+4096)]), "\x00")
	return name
}

// uleb is the number at an offset, and its bytes; at least one.
func uleb(b []byte, at int) (v uint64, n int) {
	for shift := 0; at+n < len(b); shift += 7 {
		c := b[at+n]
		n++
		if shift < 64 {
			v |= uint64(c&0x7f) << shift
		}
		if c < 0x80 {
			return v, n
		}
	}
	return v, max(n, 1)
}
