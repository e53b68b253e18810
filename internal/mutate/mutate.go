package mutate

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A Source is a valid file, and where in it its fields are. It is safe for concurrent use.
type Source struct {
	data   []byte
	order  binary.ByteOrder
	wide   bool // ELFCLASS64
	groups []group
	weight int
	bounds []int // where structures begin or end
	tar    bool  // checksums have to be made right
}

// A Mutant is one damaged copy of a file.
type Mutant struct {
	Data []byte
	What string // what was done: "shdr 5 size=0x80000000; cut at 0x1f40"
}

// group is fields that belong together: one sort of record. Records of one size are counted, others listed.
type group struct {
	name          string
	weight        int
	base          int
	stride, count int
	fields        []field // of a counted record
	spots         []spot  // or all fields of all records
}

type field struct {
	name      string
	off, size int
}

// kind is what stands at a spot, and so which values are worth trying there.
type kind uint8

const (
	number  kind = iota // of 1, 2, 4 or 8 bytes
	leb                 // a variable-length number that begins here
	form                // a byte that is a DWARF form
	unitRef             // a number that counts from base
	octal               // digits, as tar and ar have them
	text                // bytes of a name
)

type spot struct {
	off, size int
	kind      kind
	name      string
	base      int // of the record that the spot is in
}

// New takes a file apart. Of one that is neither ELF nor tar nor ar any byte may be changed, and what of an
// ELF file can't be understood is left as it is.
func New(data []byte) *Source {
	s := &Source{data: data, order: binary.LittleEndian}
	if len(data) >= 52 && string(data[:4]) == "\x7fELF" {
		s.elf()
	} else {
		s.archive()
	}
	s.bounds = append(s.bounds, 0, len(data))
	slices.Sort(s.bounds)
	s.bounds = slices.Compact(s.bounds)
	for _, g := range s.groups {
		s.weight += g.weight
	}
	return s
}

// add keeps a group if it has something in it.
func (s *Source) add(g group) {
	if g.count > 0 && g.stride > 0 && len(g.fields) > 0 || len(g.spots) > 0 {
		s.groups = append(s.groups, g)
	}
}

// Groups are the names of the sorts of records that were found, for tests.
func (s *Source) Groups() []string {
	var names []string
	for _, g := range s.groups {
		names = append(names, g.name)
	}
	return names
}

// Mutant is the mutant of a seed.
func (s *Source) Mutant(seed uint64) Mutant {
	r := rand.New(rand.NewPCG(seed, 0x70726f62656c73))
	m := &mutation{Source: s, r: r, out: slices.Clone(s.data)}
	n := 1
	for n < 6 && r.IntN(3) == 0 {
		n++
	}
	for range n {
		m.step()
	}
	if s.tar {
		sumTar(m.out)
	}
	return Mutant{Data: m.out, What: strings.Join(m.what, "; ")}
}

type mutation struct {
	*Source
	r    *rand.Rand
	out  []byte
	what []string
}

func (m *mutation) did(format string, args ...any) {
	m.what = append(m.what, fmt.Sprintf(format, args...))
}

func (m *mutation) step() {
	switch k := m.r.IntN(40); {
	case k == 0:
		m.cut()
	case k == 1:
		m.zero()
	case k < 5 || m.weight == 0:
		m.flip()
	default:
		g := m.pick()
		a := m.spot(g)
		if a.kind == number && m.r.IntN(8) == 0 {
			m.exchange(a, m.spot(g))
			return
		}
		m.change(a)
	}
}

func (m *mutation) pick() *group {
	n := m.r.IntN(m.weight)
	for i := range m.groups {
		if n -= m.groups[i].weight; n < 0 {
			return &m.groups[i]
		}
	}
	return &m.groups[0]
}

func (m *mutation) spot(g *group) spot {
	if len(g.spots) > 0 {
		return g.spots[m.r.IntN(len(g.spots))]
	}
	// The first records of a table matter most: they are what is looked at first.
	i := m.r.IntN(g.count)
	if m.r.IntN(3) == 0 {
		i = m.r.IntN(min(g.count, 4))
	}
	f, base := g.fields[m.r.IntN(len(g.fields))], g.base+i*g.stride
	return spot{off: base + f.off, size: f.size, name: fmt.Sprintf("%s %d %s", g.name, i, f.name), base: base}
}

// cut ends the file where a structure begins or ends, or a byte beside.
func (m *mutation) cut() {
	at := m.bounds[m.r.IntN(len(m.bounds))] + m.r.IntN(3) - 1
	if at <= 16 || at >= len(m.out) {
		at = 16 + m.r.IntN(max(1, len(m.out)-16))
	}
	if at < len(m.out) {
		m.out = m.out[:at]
		m.did("cut at %#x", at)
	}
}

// zero clears the file between two structures, or a part of that.
func (m *mutation) zero() {
	i := m.r.IntN(len(m.bounds))
	from := m.bounds[i]
	to := min(from+1+m.r.IntN(256), len(m.out))
	if from < 16 || from >= to {
		return
	}
	clear(m.out[from:to])
	m.did("zero %#x-%#x", from, to)
}

// flip changes a few bytes anywhere.
func (m *mutation) flip() {
	for range 1 + m.r.IntN(4) {
		if len(m.out) == 0 {
			return
		}
		at := m.r.IntN(len(m.out))
		if b := m.bounds[m.r.IntN(len(m.bounds))] + m.r.IntN(64); m.r.IntN(2) == 0 && b < len(m.out) {
			at = b
		}
		m.out[at] ^= 1 << m.r.IntN(8)
		m.did("flip %#x", at)
	}
}

// exchange gives two fields each other's value, or the second that of the first.
func (m *mutation) exchange(a, b spot) {
	if a.size != b.size || !m.inside(a) || !m.inside(b) {
		return
	}
	x, y := m.out[a.off:a.off+a.size], m.out[b.off:b.off+b.size]
	was := slices.Clone(y)
	copy(y, x)
	if m.r.IntN(2) == 0 {
		copy(x, was)
	}
	m.did("%s and %s exchanged", a.name, b.name)
}

func (m *mutation) inside(a spot) bool {
	return a.off >= 0 && a.size > 0 && a.off+a.size <= len(m.out)
}

func (m *mutation) change(a spot) {
	if !m.inside(a) {
		return
	}
	b := m.out[a.off : a.off+a.size]
	switch a.kind {
	case leb:
		m.leb(a)
		return
	case form:
		// Those that the standards and GNU have, and one that none has.
		forms := []byte{0x01, 0x03, 0x08, 0x09, 0x0a, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x7f}
		b[0] = forms[m.r.IntN(len(forms))]
		m.did("%s=%#x", a.name, b[0])
		return
	case octal:
		digits := []string{"0", "1", "777777777777", "-1", "999999999999", "\x80", "\xff\xff\xff\xff", "x", " ", "37777777777"}[m.r.IntN(10)]
		if copy(b, digits) < len(b) {
			b[min(len(digits), len(b)-1)] = 0
		}
		m.did("%s=%q", a.name, b)
		return
	case text:
		words := []string{"/", "../../x", "\x1b[2J", "\n", "\xff\xfe", "\x00", ".", strings.Repeat("a", 64), ".wh.x", ".wh..wh..opq"}
		copy(b, words[m.r.IntN(len(words))])
		m.did("%s=%q", a.name, b)
		return
	}
	v := m.value(m.get(b), a)
	m.put(b, v)
	m.did("%s=%#x", a.name, m.get(b))
}

// value is a number that is worth trying in the place of old.
func (m *mutation) value(old uint64, a spot) uint64 {
	size := uint64(len(m.out))
	base := uint64(a.base)
	if a.kind == unitRef {
		// To the record that it stands in, to the unit's header, and little about.
		switch m.r.IntN(6) {
		case 0:
			return uint64(a.off) - base
		case 1:
			return 0
		case 2:
			return 11 + m.r.Uint64N(4)
		case 3:
			return old + m.r.Uint64N(64) - 32
		case 4:
			return m.r.Uint64N(max(1, size-base))
		}
	}
	v := [...]uint64{
		0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 0x10, 0x40, 0x100, 0xffff, 0x10000, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1, 1<<64 - 2, 1<<64 - 16, 1<<64 - 0x1000,
		size, size - 1, size + 1, size / 2, size - 8, old + 1, old - 1, old * 2, old / 2, -old, ^old, old + size, old + 1<<32, old | 1<<63, old ^ 1<<m.r.IntN(max(1, 8*a.size)),
		base, uint64(a.off), m.r.Uint64(), m.r.Uint64N(size + 1), m.r.Uint64N(256), old + m.r.Uint64N(32) - 16,
	}
	return v[m.r.IntN(len(v))]
}

// leb puts a variable-length number over what is there: one that does not end
// soon, one that is too long for its value, a large or a small one.
func (m *mutation) leb(a spot) {
	rest := m.out[a.off:]
	switch m.r.IntN(5) {
	case 0:
		n := min(len(rest), 1+m.r.IntN(40))
		for i := range n {
			rest[i] = 0x80 | byte(m.r.IntN(2))*0x7f
		}
		m.did("%s does not end", a.name)
	case 1:
		n := copy(rest, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
		m.did("%s=2^64-1, %d bytes", a.name, n)
	case 2:
		n := copy(rest, "\xff\xff\xff\xff\x0f")
		m.did("%s=2^32-1, %d bytes", a.name, n)
	case 3:
		rest[0] = rest[0]&0x80 | byte(m.r.IntN(0x80))
		m.did("%s byte=%#x", a.name, rest[0])
	default:
		rest[0] = byte(m.r.IntN(0x30))
		m.did("%s=%#x", a.name, rest[0])
	}
}

func (s *Source) get(b []byte) uint64 {
	switch len(b) {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(s.order.Uint16(b))
	case 4:
		return uint64(s.order.Uint32(b))
	case 8:
		return s.order.Uint64(b)
	}
	return 0
}

func (s *Source) put(b []byte, v uint64) {
	switch len(b) {
	case 1:
		b[0] = byte(v)
	case 2:
		s.order.PutUint16(b, uint16(v))
	case 4:
		s.order.PutUint32(b, uint32(v))
	case 8:
		s.order.PutUint64(b, v)
	}
}
