package elfsym

import (
	"bytes"
	"iter"
	"slices"
	"sort"
	"strings"

	"github.com/probels/probels/internal/needle"
)

// Containing are those of the symbols in src whose Name has one of the texts within
// it: what Symbols yields of them, in its order. The table's strings are searched for
// the texts, and only entries that point to what was found are looked at, so damage in
// others is not told. An empty text is in every name.
func (f *File) Containing(src Source, texts ...string) iter.Seq2[Symbol, error] {
	return func(yield func(Symbol, error) bool) {
		read := &peeker{f: f}
		if !f.eachTable(src, yield, func(t *symbolTable) bool {
			q := query{t: t, read: read, yield: yield}
			return q.containing(texts) && (q.versionErr == nil || yield(Symbol{}, q.versionErr))
		}) {
			return
		}
		for s, err := range f.Symbols(src &^ (1<<ownTables - 1)) {
			if (err != nil || hasOne(s.Name, texts)) && !yield(s, err) {
				return
			}
		}
	}
}

func hasOne(name string, texts []string) bool {
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(name, text) })
}

// containing yields the table's symbols; false if yield wanted no more.
func (q *query) containing(texts []string) bool {
	var spans nameSpans
	all := len(texts) > fewNames || slices.ContainsFunc(texts, func(text string) bool { return text == "" || len(text) > maxNeedle })
	if !all && len(texts) > 0 {
		ok, err := q.t.strs.containing(texts, &spans)
		if err != nil {
			return q.yield(Symbol{}, err)
		}
		all = !ok
	}
	switch {
	case all:
		return q.t.each(q.t.nameBudget(), func(s Symbol, err error) bool { return err == nil && !hasOne(s.Name, texts) || q.yield(s, err) })
	case len(spans) == 0:
		return true
	}
	return q.pointing(spans.has, maxName, func(s *Symbol) bool { return hasOne(s.Name, texts) })
}

// nameSpans are parts of a table of strings in which symbols' names begin, sorted
// and apart from each other.
type nameSpans []nameSpan

type nameSpan struct{ first, last uint32 }

func (x nameSpans) has(name uint32) bool {
	if name < x[0].first || name > x[len(x)-1].last {
		return false
	}
	i := sort.Search(len(x), func(i int) bool { return x[i].last >= name })
	return x[i].first <= name
}

// containing finds the names that have one of the texts: from where the string
// begins to where the text does, since names may share the string's end. The table
// is read in windows and not kept. It is false if they are too many to remember.
func (t *stringTable) containing(texts []string, spans *nameSpans) (bool, error) {
	longest := 0
	for _, text := range texts {
		longest = max(longest, len(text))
	}
	var needles []needle.Needle
	const window = 256 << 10
	size := min(t.size, 1<<32)
	buf := make([]byte, min(size, uint64(window+longest)))
	begin := uint64(0) // of the string that the window begins within
	for start := uint64(0); start < size; {
		b := buf[:min(uint64(len(buf)), size-start)]
		if err := t.f.readAt(b, t.off+start, t.part); err != nil {
			return false, err
		}
		fresh := len(b) // a text that begins behind it is found in the next window
		if start+uint64(len(b)) < size {
			fresh -= longest
		}
		if needles == nil {
			for _, text := range texts {
				needles = append(needles, needle.New([]byte(text), b[len(b)/2:]))
			}
		}
		for _, needle := range needles {
			first, seen := begin, 0 // of the string that b[seen] is in
			for pos := 0; pos < fresh; pos++ {
				n := needle.Index(b[pos:])
				if n < 0 || pos+n >= fresh {
					break
				}
				pos += n
				if i := bytes.LastIndexByte(b[seen:pos], 0); i >= 0 {
					first = start + uint64(seen+i) + 1
				}
				seen = pos
				if len(*spans) == maxHits {
					return false, nil
				}
				*spans = append(*spans, nameSpan{uint32(first), uint32(start + uint64(pos))})
			}
		}
		if i := bytes.LastIndexByte(b[:fresh], 0); i >= 0 {
			begin = start + uint64(i) + 1
		}
		start += uint64(fresh)
	}
	spans.join()
	return true, nil
}

// join sorts the spans and makes those one that meet.
func (x *nameSpans) join() {
	slices.SortFunc(*x, func(a, b nameSpan) int { return int(int64(a.first) - int64(b.first)) })
	out := (*x)[:0]
	for _, s := range *x {
		if n := len(out); n > 0 && s.first <= out[n-1].last {
			out[n-1].last = max(out[n-1].last, s.last)
		} else {
			out = append(out, s)
		}
	}
	*x = out
}
