package offset

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/internal/nearest"
)

// An inquiry is what a Cache is asked about one file in one call of Resolve. nil keeps
// nothing and finds nothing.
type inquiry struct {
	c    *Cache
	t    *Target
	own  subjectBytes // of answers that the file's own bytes decide
	keys [][]byte     // of the specs; nil for those that are none of this file's
}

// inquire begins one; nil if nothing is kept of the file. The answers of Resolve are
// of one kind, and what a file adds to those of a process is of another.
func (t *Target) inquire(kind byte, keys [][]byte) *inquiry {
	if t.opts.Cache == nil || !t.ident.same() {
		return nil
	}
	own, ok := t.subject(kind)
	if !ok {
		return nil
	}
	return &inquiry{t.opts.Cache, t, own, keys}
}

const (
	inFile    = 'f'
	inObject  = 'o' // as inFile, of a file that was opened as one of a process
	inProcess = 'p'
)

// asked is the kind of a target's own answers.
func (t *Target) asked() byte {
	if t.object != nil {
		return inObject
	}
	return inFile
}

// subject is the file for answers that its own bytes decide.
func (t *Target) subject(kind byte) (subjectBytes, bool) {
	if t.ident.conn == nil || len(t.buildID) > maxBuildID {
		return subjectBytes{}, false
	}
	b := append(make([]byte, 0, 192), kind)
	return subjectBytes{id: t.opts.appendOptions(t.appendFile(b)), ref: t.opts.Reference}, true
}

// met reports whether the file was opened before and found to be one to ask.
func (t *Target) met() bool {
	own, ok := t.subject(inFile)
	return ok && t.opts.Cache.has(&own)
}

// searched is the subject, of that of the file, of answers for which debug files
// were searched; false if none are kept.
func (q *inquiry) searched() (subjectBytes, bool) {
	o := &q.t.opts
	d := o.search()
	if q.c.lim.Age < 0 || d.Fetcher != nil && !reflect.ValueOf(d.Fetcher).Comparable() {
		return subjectBytes{}, false
	}
	b, ok := appendRoot(make([]byte, 0, 192), d.Root)
	if !ok {
		return subjectBytes{}, false
	}
	return subjectBytes{id: appendText(o.appendSearch(b), q.t.debug), fetcher: d.Fetcher}, true
}

// search are the options for debug files; none are the defaults.
func (o *Options) search() *debuglink.Options {
	if o.Debug == nil {
		return &debuglink.Options{}
	}
	return o.Debug
}

// specKeys are the keys of some specs, by their number.
func specKeys(specs []Spec, some []int) [][]byte {
	keys := make([][]byte, len(specs))
	b := make([]byte, 0, 48*len(some))
	for _, i := range some {
		from := len(b)
		b = specs[i].appendKey(b)
		keys[i] = b[from:len(b):len(b)]
	}
	return keys
}

// answered fills in the results that are kept, of some of the specs, and returns
// which are left, in the same slice.
func (q *inquiry) answered(results []Result, specs []Spec, some []int) (left []int) {
	if q == nil {
		return some
	}
	wanted := make([]wantedAnswer, len(some))
	for k, i := range some {
		wanted[k].key = q.keys[i]
	}
	full := len(specs) <= fullyExplained
	if own, all := q.c.lookup(&q.own, wanted, full); own != nil && !all {
		if more, ok := q.searched(); ok {
			more.of = own
			q.c.lookup(&more, wanted, full)
		}
	}
	left = some[:0]
	for k, i := range some {
		if a := wanted[k].got; a != nil {
			results[i] = a.result(q.t, &specs[i])
		} else {
			left = append(left, i)
		}
	}
	q.c.count(len(some)-len(left), len(left))
	return left
}

// ownSettled marks what is settled while nothing but the file's own bytes was
// asked.
func (r *resolution) ownSettled() {
	for i := range r.results {
		s := &r.results[i].Spec
		r.own[i] = !r.outside && !r.results[i].open() && s.addr == nil && s.off == nil
	}
}

// keepFrom keeps what was found.
func (q *inquiry) keepFrom(r *resolution, asked []int) {
	if !q.certain(r) {
		return
	}
	k := q.keeper()
	for n, i := range asked {
		res := &r.results[n]
		if r.private[res.Spec.text] {
			continue
		}
		a := &answer{brief: r.brief && res.Err != nil}
		switch err := res.Err.(type) { //nolint:errorlint // joined with others it is no answer
		case nil:
		case *NotFoundError:
			a.setNotFound(err)
		default:
			continue
		}
		if q.setLocations(a, res.Locations) {
			k.keep(i, a, r.own[n] || !r.outside)
		}
	}
}

// certain reports whether nothing was wrong with the file or with what was found
// beside it, and the file is still what it was when it was opened.
func (q *inquiry) certain(r *resolution) bool {
	q.t.mu.Lock()
	unsure := q.t.unsure
	q.t.mu.Unlock()
	return !unsure && len(r.problems) == 0 && q.t.ident.same()
}

// A keeper keeps the answers of one inquiry.
type keeper struct {
	q        *inquiry
	lasts    bool
	searched bool // more was asked for
	more     subjectBytes
	ok       bool
}

func (q *inquiry) keeper() *keeper { return &keeper{q: q, lasts: q.t.ident.state.lasts()} }

// keep keeps an answer that the file's own bytes decide, or that rests on more.
func (k *keeper) keep(spec int, a *answer, own bool) {
	q := k.q
	key := string(q.keys[spec])
	if !own || !k.lasts {
		if q.c.lim.Age < 0 {
			return
		}
		a.until = q.c.now().Add(q.c.lim.Age)
	}
	if a.cost+answerCost+int64(len(key)) > q.c.lim.Bytes/8 {
		return
	}
	if own {
		q.c.keep(&q.own, nil, key, a)
		return
	}
	if !k.searched {
		k.searched = true
		k.more, k.ok = q.searched()
	}
	if k.ok {
		q.c.keep(&q.own, &k.more, key, a)
	}
}

// An answer is what is kept of a Result. It is not changed once it is kept. Strings in
// it are copies, for those in a Result may be parts of a file's whole table.
type answer struct {
	key        answerKey
	prev, next *answer // by use; guarded by the Cache's lock
	cost       int64
	until      time.Time // zero: for as long as there is room

	locations []Location // without Path, BuildID and Object
	notFound  *NotFoundError
	brief     bool // one of too many that were not found to explain them all

	steps   int // of a process: so many found nothing in the file, the next one locations
	explain *explanation
}

// An explanation is what a file adds to the NotFoundError of a process.
type explanation struct {
	note    string
	nearest []nearest.Name
}

// setNotFound keeps all of an error but who has asked.
func (a *answer) setNotFound(e *NotFoundError) {
	kept := *e
	kept.Spec, kept.Path, kept.Note = Spec{}, "", strings.Clone(e.Note)
	a.cost += 512 + int64(len(e.Note))
	for _, list := range kept.lists() {
		*list = slices.Clone(*list)
		for i, text := range *list {
			(*list)[i] = strings.Clone(text)
			a.cost += 32 + int64(len(text))
		}
	}
	a.notFound = &kept
}

func (e *NotFoundError) lists() [4]*[]string {
	return [...]*[]string{&e.Searched, &e.Needed, &e.Nearest, &e.Versions}
}

func (a *answer) setExplanation(e *explanation) {
	kept := &explanation{note: strings.Clone(e.note), nearest: slices.Clone(e.nearest)}
	a.cost += 128 + int64(len(e.note))
	for i := range kept.nearest {
		text := &kept.nearest[i].Text
		*text = strings.Clone(*text)
		a.cost += 48 + int64(len(*text))
	}
	a.explain = kept
}

// setLocations keeps what locations have that is the file's; false if they take too
// much, or are elsewhere.
func (q *inquiry) setLocations(a *answer, ls []Location) bool {
	a.cost += int64(len(ls)) * locationCost
	for i := range ls {
		l := &ls[i]
		if l.Path != q.t.path || l.BuildID != q.t.buildID || l.Object != q.t.object {
			return false
		}
		for _, text := range l.texts() {
			a.cost += int64(len(*text))
		}
	}
	if a.cost > q.c.lim.Bytes/8 {
		return false // before it is copied
	}
	a.locations = slices.Clone(ls)
	for i := range a.locations {
		l := &a.locations[i]
		l.Path, l.BuildID, l.Object = "", "", nil
		for _, text := range l.texts() {
			*text = strings.Clone(*text)
		}
	}
	return true
}

// texts are those strings of a location that are the file's.
func (l *Location) texts() [4]*string {
	return [...]*string{&l.Provider, &l.Name, &l.Version, &l.File}
}

// appendTo are the answer's locations as they are in a target.
func (a *answer) appendTo(ls []Location, t *Target) []Location {
	from := len(ls)
	ls = append(ls, a.locations...)
	for i := range ls[from:] {
		l := &ls[from+i]
		l.Path, l.BuildID, l.Object = t.path, t.buildID, t.object
	}
	return ls
}

// result is the answer as it is for one who asks.
func (a *answer) result(t *Target, s *Spec) Result {
	res := Result{Spec: *s, Locations: a.appendTo(nil, t)}
	if a.notFound == nil {
		return res
	}
	e := *a.notFound
	e.Spec, e.Path = *s, t.path
	n := 0
	for _, list := range e.lists() {
		n += len(*list)
	}
	all := make([]string, 0, n) // one allocation for four lists
	for _, list := range e.lists() {
		if *list != nil {
			from := len(all)
			all = append(all, *list...)
			*list = all[from:len(all):len(all)]
		}
	}
	res.Err = &e
	return res
}
