package elfsym

import (
	"debug/elf"
	"errors"
	"iter"
	"math"
	"slices"
	"sort"
)

// wanted is one name that a look-up is for.
type wanted struct {
	full          string // as given
	name, version string
	isDefault     bool // "@@": only the default version
}

func parseWanted(out []wanted, names []string) []wanted {
	for _, full := range names {
		if full == "" {
			continue
		}
		w := wanted{full: full}
		w.name, w.version, w.isDefault = SplitVersion(full)
		out = append(out, w)
	}
	return out
}

// matches reports whether the symbol is what was asked for. A name that has an
// "@" of its own, in .dynsym, is taken as it is too.
func (w *wanted) matches(s *Symbol) bool {
	if s.Name == w.full {
		return true
	}
	return w.version != "" && s.Name == w.name && s.Version == w.version && (s.Default || !w.isDefault)
}

func anyMatches(want []wanted, s *Symbol) bool {
	for i := range want {
		if want[i].matches(s) {
			return true
		}
	}
	return false
}

// Lookup yields the symbols in src that have one of the names, imports
// included, by the shortest way that each table has and without building an
// index: .dynsym by its hash table, .symtab by searching its strings for the
// names and its entries for pointers to them. They are a subset of what Symbols
// yields, each once, in no order that is promised.
//
// A name may have a version: "f@V" is that version of f, "f@@V" is too but only
// if it is the default one, and "f" is f in all versions. The empty name is
// nobody's. A name that is nowhere is no error.
//
// A hash table leaves out what is imported, so an import, like a name that
// .dynsym does not have, costs a search of its strings. A damaged hash table is
// yielded as an error, and the strings are searched instead. Safe for
// concurrent use.
func (f *File) Lookup(src Source, names ...string) iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) { f.lookup(src, names, yield) }
}

func (f *File) lookup(src Source, names []string, yield func(Symbol, error) bool) {
	var room [4]wanted
	want := parseWanted(room[:0], names)
	if len(want) == 0 {
		return
	}
	read := &peeker{f: f}
	if !f.eachTable(src, yield, func(t *symbolTable) bool {
		q := query{t: t, read: read, yield: yield}
		// Versions were read for the symbols found, and only then.
		return q.run(want) && (q.versionErr == nil || yield(Symbol{}, q.versionErr))
	}) {
		return
	}
	if src&GoTable != 0 {
		full := make([]string, len(want))
		for i := range want {
			full[i] = want[i].full
		}
		if !f.goSymbols(GoTable, full, yield) {
			return
		}
	}
	if src&PLT != 0 {
		f.pltSymbols(want, yield)
	}
}

// A peeker reads a few bytes at a time into one buffer. What is given to an
// io.ReaderAt escapes, so a buffer for each read would be an allocation each.
type peeker struct {
	f   *File
	buf [512]byte
}

// peek is the n bytes at off, valid until the next call.
func (p *peeker) peek(off, n uint64, part string) ([]byte, error) {
	b := p.buf[:]
	if n > uint64(len(b)) {
		return p.f.bytes(off, n, part)
	}
	return b[:n], p.f.readAt(b[:n], off, part)
}

// indexSet is which symbols were yielded: a few, but for a hostile file.
type indexSet struct {
	first [8]uint32
	n     int
	more  map[uint32]struct{}
}

// add reports whether i is new.
func (s *indexSet) add(i uint32) bool {
	if slices.Contains(s.first[:min(s.n, len(s.first))], i) {
		return false
	}
	if s.n < len(s.first) {
		s.first[s.n] = i
	} else {
		if _, ok := s.more[i]; ok {
			return false
		}
		if s.more == nil {
			s.more = make(map[uint32]struct{})
		}
		s.more[i] = struct{}{}
	}
	s.n++
	return true
}

// A query is one look-up in one table.
type query struct {
	t     *symbolTable
	read  *peeker
	yield func(Symbol, error) bool
	given indexSet // what was yielded

	versionErr error // why a version could not be read; the symbol stands without
}

// emit yields what became of entry i, once: two names may mean it, and after a
// damaged hash table the search comes upon it again.
func (q *query) emit(i uint32, s *Symbol, err error) bool {
	if !q.given.add(i) {
		return true
	}
	if err != nil {
		return q.yield(Symbol{}, err)
	}
	return q.yield(*s, nil)
}

// fewNames is up to how many names each is searched for by itself; a walk over
// the whole table costs as much as searching for about so many.
const fewNames = 32

// run yields the symbols with a wanted name; false if yield wanted no more.
func (q *query) run(want []wanted) bool {
	t, missing := q.t, want
	if t.gnuHash.size > 0 || t.sysvHash.size > 0 {
		var err error
		missing, err = q.hashed(want)
		if errors.Is(err, errStop) {
			return false
		}
		if err != nil && !q.yield(Symbol{}, err) {
			return false
		}
	}
	// Hash tables leave imports and local symbols out, and .symtab has none.
	switch {
	case len(missing) == 0:
		return true
	case len(missing) <= fewNames:
		if ok, more := q.searched(missing); ok {
			return more
		}
	}
	return q.walked(missing)
}

// walked looks at every symbol of the table.
func (q *query) walked(want []wanted) bool {
	set := make(map[string][]wanted, 2*len(want))
	for _, w := range want {
		set[w.name] = append(set[w.name], w)
		if w.full != w.name {
			set[w.full] = append(set[w.full], w)
		}
	}
	return q.t.each(math.MaxInt64, func(s Symbol, err error) bool {
		if err != nil {
			return q.yield(s, err)
		}
		if !anyMatches(set[s.Name], &s) {
			return true
		}
		return q.emit(s.Index, &s, nil)
	})
}

// errStop ends a walk whose consumer wants no more.
var errStop = errors.New("stop")

// hashed asks the hash table, and returns the names it does not have.
func (q *query) hashed(want []wanted) (missing []wanted, err error) {
	h, err := q.t.openHash(q.read, len(want))
	if err != nil {
		return want, err
	}
	for i := range want {
		w, found := &want[i], false
		for c := h.find(w.name); ; {
			at, ok, err := c.next()
			if err != nil {
				return append(missing, want[i:]...), err
			}
			if !ok {
				break
			}
			raw, ok, err := q.entry(at, w.name)
			if err != nil {
				return append(missing, want[i:]...), err
			}
			if !ok || q.t.skips(raw, w.name) {
				continue
			}
			s, err := q.symbol(raw, w.name, "")
			if err == nil && !w.matches(&s) {
				continue
			}
			found = true
			if !q.emit(raw.index, &s, err) {
				return nil, errStop
			}
		}
		if !found {
			missing = append(missing, *w)
		}
	}
	return missing, nil
}

// entry is entry i if it has that name.
func (q *query) entry(i uint64, name string) (raw rawSymbol, ok bool, err error) {
	t := q.t
	if i >= t.n {
		return raw, false, nil
	}
	size := t.f.symSize()
	b, err := q.read.peek(t.off+i*size, size, t.part)
	if err != nil {
		return raw, false, err
	}
	raw = t.f.decodeRaw(b, uint32(i))
	ok, err = t.strs.is(q.read, uint64(raw.name), name)
	return raw, ok, err
}

// fewVersions is of how many symbols the version is looked for by itself.
const fewVersions = 8

// symbol makes a Symbol, reading its version alone.
func (q *query) symbol(raw rawSymbol, name, file string) (Symbol, error) {
	var entry uint16
	var version versionName
	if v := q.t.versions; v != nil {
		if q.given.n > fewVersions {
			v.load()
		}
		var err error
		if entry, err = v.at(q.read, raw.index); err == nil {
			version, err = v.find(q.read, entry)
		}
		if q.versionErr == nil {
			q.versionErr = err
		}
	}
	var s Symbol
	err := q.t.symbol(&s, raw, name, file, version, entry)
	return s, err
}

// Bounds of a search. A hostile table can be nothing but the name, and a name
// can be as long as the table.
const (
	maxHits    = 1 << 12 // places in the strings that are worth remembering
	maxNeedle  = 1 << 10 // longer names are looked for symbol by symbol
	maxVersion = 4 << 10 // bytes in a version
)

// searched searches the strings for the names, then the entries for pointers to
// what it found. ok is false, and nothing was yielded, if there were too many
// places; more is false if yield wanted no more.
func (q *query) searched(want []wanted) (ok, more bool) {
	names, longest := make([]string, 0, 2*len(want)), 0
	for _, w := range want {
		names = append(names, w.name)
		if w.full != w.name {
			names = append(names, w.full)
		}
		longest = max(longest, len(w.full))
	}
	if longest > maxNeedle {
		return false, true
	}
	hits, few, err := q.t.strs.search(names)
	switch {
	case err != nil:
		return true, q.yield(Symbol{}, err)
	case !few:
		return false, true
	case len(hits) == 0:
		return true, true
	}
	slices.Sort(hits)
	hits = slices.Compact(hits)
	return true, q.pointing(func(name uint32) bool { return contains(hits, name) }, uint64(longest+1+maxVersion),
		func(s *Symbol) bool { return anyMatches(want, s) })
}

// pointing yields the wanted symbols among those whose name, of at most longest
// bytes, is at a place that was found.
func (q *query) pointing(found func(name uint32) bool, longest uint64, wanted func(*Symbol) bool) bool {
	t := q.t
	names := nameReader{strs: t.strs, longest: longest, names: make(map[uint32]string, 8)}
	var source uint32          // where the name of the last STT_FILE is
	fileName, read := "", true // that name, if it was read since
	one := func(raw rawSymbol) bool {
		name, err := names.at(raw.name)
		if err != nil && !q.yield(Symbol{}, err) {
			return false
		}
		if name == "" || t.skips(raw, name) {
			return true
		}
		if elf.ST_BIND(raw.info) == elf.STB_LOCAL && !read {
			fileName, _ = t.strs.at(uint64(source), maxFileName) // evidence only
			read = true
		}
		s, err := q.symbol(raw, name, fileName)
		if err == nil && !wanted(&s) {
			return true
		}
		return q.emit(raw.index, &s, err)
	}
	size := t.f.symSize()
	return t.eachWindow(func(b []byte, i uint32, err error) bool {
		if err != nil {
			return q.yield(Symbol{}, err)
		}
		for ; len(b) > 0; b, i = b[size:], i+1 {
			name, typ := t.f.nameAndType(b)
			if typ == elf.STT_FILE {
				source, read = name, false
			} else if found(name) && !one(t.f.decodeRaw(b, i)) {
				return false
			}
		}
		return true
	})
}

// A nameReader reads names of symbols, each once: many may point to one.
type nameReader struct {
	strs    *stringTable
	longest uint64
	names   map[uint32]string
	spent   uint64 // bytes
}

// at is the name at one place; "", which is nobody's, after an error was told.
func (r *nameReader) at(i uint32) (string, error) {
	name, ok := r.names[i]
	if ok {
		return name, nil
	}
	var err error
	if r.spent <= r.strs.size {
		name, err = r.strs.at(uint64(i), r.longest)
	} else {
		// Names that are tails of each other: it is less to have all of them.
		var all string
		if all, err = r.strs.whole(); err == nil {
			if name, ok = cstring(all, uint64(i)); !ok {
				err = damaged(r.strs.part, uint64(i), "the name there has no end")
			}
		}
	}
	if r.spent += uint64(len(name)); err != nil {
		r.spent += r.longest
	}
	r.names[i] = name
	return name, err
}

// contains is a binary search that is nearly always over at once: with one hit
// it is two comparisons.
func contains(sorted []uint32, x uint32) bool {
	if x < sorted[0] || x > sorted[len(sorted)-1] {
		return false
	}
	i := sort.Search(len(sorted), func(i int) bool { return sorted[i] >= x })
	return i < len(sorted) && sorted[i] == x
}
