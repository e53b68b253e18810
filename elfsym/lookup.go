package elfsym

import (
	"debug/elf"
	"errors"
	"iter"
	"slices"
	"sort"
)

// wanted is one name that a look-up is for.
type wanted struct {
	full          string // as given
	name, version string
	isDefault     bool // "@@": only the default version
}

func parseWanted(names []string) []wanted {
	out := make([]wanted, 0, len(names))
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
// names and its entries for pointers to them.
//
// A name may have a version: "f@V" is that version of f, "f@@V" is too but only
// if it is the default one, and "f" is f in all versions.
func (f *File) Lookup(src Source, names ...string) iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) {
		want := parseWanted(names)
		if len(want) == 0 {
			return
		}
		for _, table := range f.tables(src) {
			t, err := table()
			if err != nil && !yield(Symbol{}, err) {
				return
			}
			if t == nil {
				continue
			}
			found := 0
			if !t.lookup(want, func(s Symbol, err error) bool {
				found++
				return yield(s, err)
			}) {
				return
			}
			// They were read for the symbols found, and only then.
			if found > 0 && t.versions != nil && t.versions().err != nil && !yield(Symbol{}, t.versions().err) {
				return
			}
		}
	}
}

// errStop ends a walk whose consumer wants no more.
var errStop = errors.New("stop")

// fewNames is up to how many names each is searched for by itself; a walk over
// the whole table costs as much as searching for about so many.
const fewNames = 32

// lookup yields the symbols with a wanted name; false if yield wanted no more.
func (t *symbolTable) lookup(want []wanted, yield func(Symbol, error) bool) bool {
	missing := want
	if t.gnuHash.size > 0 || t.sysvHash.size > 0 {
		var err error
		missing, err = t.lookupHashed(want, yield)
		if errors.Is(err, errStop) {
			return false
		}
		if err != nil {
			if !yield(Symbol{}, err) {
				return false
			}
		}
	}
	// Hash tables leave imports and local symbols out, and .symtab has none.
	switch {
	case len(missing) == 0:
		return true
	case len(missing) <= fewNames:
		if ok, stop := t.lookupSearched(missing, yield); ok {
			return !stop
		}
	}
	set := make(map[string][]wanted, 2*len(missing))
	for _, w := range missing {
		set[w.name] = append(set[w.name], w)
		if w.full != w.name {
			set[w.full] = append(set[w.full], w)
		}
	}
	return t.each(func(s Symbol, err error) bool {
		if err == nil && !anyMatches(set[s.Name], &s) {
			return true
		}
		return yield(s, err)
	})
}

// lookupHashed asks the hash table, and returns the names it does not have.
func (t *symbolTable) lookupHashed(want []wanted, yield func(Symbol, error) bool) (missing []wanted, err error) {
	var find func(name string, yield func(i uint64) error) error
	if t.gnuHash.size > 0 {
		h, err := t.readGNUHash()
		if err != nil {
			return want, err
		}
		find = func(name string, yield func(i uint64) error) error { return t.findGNU(h, name, yield) }
	} else {
		h, err := t.readSysvHash()
		if err != nil {
			return want, err
		}
		find = func(name string, yield func(i uint64) error) error { return t.findSysv(h, name, yield) }
	}
	for i, w := range want {
		found := false
		err := find(w.name, func(i uint64) error {
			s, ok, err := t.symbolAt(i, &w)
			if err != nil || !ok || !w.matches(&s) {
				return err
			}
			found = true
			if !yield(s, nil) {
				return errStop
			}
			return nil
		})
		if err != nil {
			return append(missing, want[i:]...), err
		}
		if !found {
			missing = append(missing, w)
		}
	}
	return missing, nil
}

// symbolAt is entry i if it has w's name. The name is compared before the
// symbol is made.
func (t *symbolTable) symbolAt(i uint64, w *wanted) (s Symbol, ok bool, err error) {
	raw, ok, err := t.at(i)
	if err != nil || !ok {
		return Symbol{}, false, err
	}
	if ok, err = t.strs.is(uint64(raw.name), w.name); err != nil || !ok {
		return Symbol{}, false, err
	}
	s, err = t.oneSymbol(raw, w.name, "")
	return s, err == nil, err
}

// oneSymbol makes a Symbol, reading its version's index alone.
func (t *symbolTable) oneSymbol(raw rawSymbol, name, file string) (Symbol, error) {
	var entry uint16
	var versions *versionTable
	if t.versions != nil {
		var err error
		versions = t.versions()
		if entry, err = versions.at(raw.index); err != nil {
			return Symbol{}, err
		}
	}
	return t.symbol(raw, name, file, versions, entry)
}

// maxHits is how many places in the strings are worth remembering. A hostile
// table can be nothing but the name.
const maxHits = 1 << 12

// lookupSearched searches the strings for the names, then the entries for
// pointers to what it found. ok is false, and nothing was yielded, if there
// were too many places.
func (t *symbolTable) lookupSearched(want []wanted, yield func(Symbol, error) bool) (ok, stop bool) {
	names := make([]string, 0, len(want))
	for _, w := range want {
		names = append(names, w.name)
		if w.full != w.name {
			names = append(names, w.full)
		}
	}
	var hits []uint32
	err := t.strs.search(names, func(off uint64) bool {
		hits = append(hits, uint32(off))
		return len(hits) <= maxHits
	})
	switch {
	case err != nil:
		return true, !yield(Symbol{}, err)
	case len(hits) > maxHits:
		return false, false
	case len(hits) == 0:
		return true, false
	}
	slices.Sort(hits)
	var file uint32 // where the name of the last STT_FILE is
	for raw, err := range t.raw(1) {
		if err != nil {
			return true, !yield(Symbol{}, err)
		}
		if raw.typ() == elf.STT_FILE {
			file = raw.name
			continue
		}
		if !contains(hits, raw.name) {
			continue
		}
		s, err := t.namedSymbol(raw, file)
		if err == nil && !anyMatches(want, &s) {
			continue
		}
		if !yield(s, err) {
			return true, true
		}
	}
	return true, false
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

// namedSymbol reads the names that an entry points to, and makes its Symbol.
func (t *symbolTable) namedSymbol(raw rawSymbol, fileName uint32) (Symbol, error) {
	name, err := t.strs.at(uint64(raw.name))
	if err != nil {
		return Symbol{}, err
	}
	file := ""
	if fileName != 0 && elf.ST_BIND(raw.info) == elf.STB_LOCAL {
		file, _ = t.strs.at(uint64(fileName)) // evidence only
	}
	return t.oneSymbol(raw, name, file)
}
