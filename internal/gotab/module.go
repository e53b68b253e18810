package gotab

import "sort"

// A Module is what the runtime's moduledata says of the text, checked against
// the table as the runtime checks it when a program starts (moduledataverify1).
type Module struct {
	Addr  uint64 // of moduledata
	Text  uint64 // runtime.text
	EText uint64
	MinPC uint64 // entry of the first function
	MaxPC uint64 // end of the last

	words    []uint64
	textAt   int // index of text in words
	sections []textSection
	end      uint64 // of the table
}

// A textSection is an entry of textsectmap.
type textSection struct{ start, end, base uint64 }

// Sections is the number of text sections if the external linker may have moved
// them apart, else 0.
func (m *Module) Sections() int { return len(m.sections) }

const (
	moduleWords  = 64  // as many as are looked at; a moduledata has some 75
	maxSections  = 256 // of text, of some 28 MB each
	minPC12      = 10  // index of minpc before 1.16
	minPC116     = 20  // and since
	minPCWithin  = 8   // how many words later a future version may have it
	gofunc118    = 38  // index of gofunc in 1.18
	gofunc120    = 40  // and since 1.20
	sliceOfWords = 3
)

// Module reads the moduledata at an address. It is an error if that is none of
// this table.
func (t *Table) Module(addr uint64) (*Module, error) {
	w := uint64(t.WordSize())
	n := min(moduleWords, t.mem.Room(addr)/w)
	at := minPC116
	if t.version == Go12 {
		at = minPC12
	}
	if n < uint64(at)+4 {
		return nil, damaged(addr, "moduledata of %d words", n)
	}
	b := make([]byte, n*w)
	if err := t.mem.Relocated(b, addr); err != nil {
		return nil, err
	}
	m := &Module{Addr: addr, words: make([]uint64, n)}
	for i := range m.words {
		m.words[i] = t.Word(b[uint64(i)*w:])
	}
	if err := t.checkSlices(m); err != nil {
		return nil, err
	}
	// Its place has not changed since 1.16. That it could is why the words are
	// looked for, by what the table knows of them.
	for i := at; i < at+minPCWithin && i+3 < len(m.words); i++ {
		if t.checkText(m, i) {
			return m, nil
		}
	}
	return nil, damaged(addr, "moduledata says minpc 0x%x, maxpc 0x%x, text 0x%x, which the table contradicts",
		m.words[at], m.words[at+1], m.words[at+2])
}

// checkSlices holds the pointers to the parts of the table against its header.
func (t *Table) checkSlices(m *Module) error {
	type slot struct {
		i    int
		want uint64
	}
	var want []slot
	list := 16
	if t.version == Go12 {
		want = []slot{{0, t.header.addr}, {6, t.files.addr}}
		list = 3
		m.end = t.header.addr + m.words[1]
	} else {
		want = []slot{{0, t.header.addr}, {1, t.names.addr}, {4, t.cus.addr}, {7, t.files.addr}, {10, t.pcs.addr}, {13, t.records.addr}}
		m.end = t.records.addr + m.words[14]
	}
	want = append(want, slot{list, t.list.addr}, slot{list + 1, t.n + 1})
	for _, s := range want {
		if m.words[s.i] != s.want {
			return damaged(m.Addr, "word %d of moduledata is 0x%x, not 0x%x", s.i, m.words[s.i], s.want)
		}
	}
	if m.end < t.list.addr+t.list.size {
		return damaged(m.Addr, "moduledata says that the table ends at 0x%x, within its list of functions", m.end)
	}
	return nil
}

// checkText reports whether minpc, maxpc, text and etext are at index i.
func (t *Table) checkText(m *Module, i int) bool {
	m.MinPC, m.MaxPC, m.Text, m.EText, m.textAt = m.words[i], m.words[i+1], m.words[i+2], m.words[i+3], i+2
	if m.Text > m.MinPC || m.MinPC >= m.MaxPC || m.MaxPC > m.EText || t.mem.Code(m.MinPC) == 0 || t.mem.Code(m.MaxPC-1) == 0 {
		return false
	}
	if t.version.Absolute() {
		return m.MinPC == t.first && m.MaxPC == t.last
	}
	m.sections = t.findSections(m)
	trial := Table{text: m.Text, sections: m.sections, version: t.version}
	first, ok := trial.address(t.first)
	last, ok2 := trial.address(t.last)
	return ok && ok2 && first == m.MinPC && last == m.MaxPC
}

// findSections is textsectmap, if it has several text sections. Its index
// differs between versions, and what it points to cannot be mistaken.
func (t *Table) findSections(m *Module) []textSection {
	for i := m.textAt + 2; i+sliceOfWords <= len(m.words); i++ {
		if n := m.words[i+1]; n < 2 || n > maxSections || n != m.words[i+2] {
			continue
		}
		if s := t.readSections(m, m.words[i], m.words[i+1]); s != nil {
			return s
		}
	}
	return nil
}

func (t *Table) readSections(m *Module, addr, n uint64) []textSection {
	w := uint64(t.WordSize())
	size := n * 3 * w
	if t.mem.Room(addr) < size {
		return nil
	}
	b := make([]byte, size)
	if t.mem.Relocated(b, addr) != nil {
		return nil
	}
	out := make([]textSection, n)
	for i := range out {
		e := b[uint64(i)*3*w:]
		s := textSection{t.Word(e), t.Word(e[w:]), t.Word(e[2*w:])}
		// Padding at the end can reach a little beyond etext.
		if s.start >= s.end || s.base < m.Text || s.base > m.EText {
			return nil
		}
		if i == 0 && (s.start != 0 || s.base != m.Text) {
			return nil
		}
		if i > 0 && (s.start < out[i-1].end || s.base <= out[i-1].base) {
			return nil
		}
		out[i] = s
	}
	return out
}

// Bind tells where runtime.text is, which a table whose entries are addresses
// does not need, and hands over the moduledata if there is one. Call it before
// the table is shared.
func (t *Table) Bind(text uint64, m *Module) {
	t.text = 0
	if !t.version.Absolute() {
		t.text = text
	}
	if t.module = m; m != nil {
		t.sections = m.sections
		t.limit(m.end)
	}
}

// address is where an entry of the list is in memory.
func (t *Table) address(entry uint64) (uint64, bool) {
	if len(t.sections) == 0 {
		a := t.text + entry
		return a, a >= entry
	}
	i := sort.Search(len(t.sections), func(i int) bool { return t.sections[i].end > entry })
	if i == len(t.sections) {
		i-- // the end of the last one is the end of the last function
	}
	s := t.sections[i]
	if entry < s.start || entry > s.end {
		return 0, false
	}
	return s.base + entry - s.start, true
}

// entryOf is what the list would have for an address: the way back.
func (t *Table) entryOf(addr uint64) (uint64, bool) {
	if len(t.sections) == 0 {
		return addr - t.text, addr >= t.text
	}
	i := sort.Search(len(t.sections), func(i int) bool { return t.sections[i].base > addr }) - 1
	if i < 0 || addr-t.sections[i].base >= t.sections[i].end-t.sections[i].start {
		return 0, false
	}
	return t.sections[i].start + addr - t.sections[i].base, true
}
