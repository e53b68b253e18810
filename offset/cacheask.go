package offset

import (
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"time"
)

// An inquiry is one call of Resolve that asks a Cache first. nil keeps nothing and
// finds nothing.
type inquiry struct {
	c       *Cache
	opts    *Options  // of the targets
	targets []*Target // the file or, in their order, the files of a process
	process *Process  // nil for a file

	specs []Spec
	meant map[string][]byte // which objects of the process Spec.In means
	keys  map[int]string    // of those that were not answered
	own   subjectBytes      // of answers that the files' own bytes decide
}

// inquire begins one about a file; nil if nothing is kept of it.
func (t *Target) inquire(specs []Spec) *inquiry {
	if t.opts.Cache == nil || !t.ident.same() {
		return nil
	}
	own, ok := t.subject()
	if !ok {
		return nil
	}
	return &inquiry{c: t.opts.Cache, opts: &t.opts, targets: []*Target{t}, specs: specs, own: own}
}

// subject is the file for answers that its own bytes decide.
func (t *Target) subject() (subjectBytes, bool) {
	if t.ident.conn == nil || len(t.buildID) > maxBuildID {
		return subjectBytes{}, false
	}
	b := append(make([]byte, 0, 192), 'f')
	return subjectBytes{id: t.opts.appendOptions(t.appendFile(b)), ref: t.opts.Reference}, true
}

// known reports whether the file was asked before, and so is one to be asked.
func (t *Target) known() bool {
	own, ok := t.subject()
	return ok && t.opts.Cache.has(&own)
}

// inquire begins one about the files of a process: the same ones in the same order
// are the same question.
func (p *Process) inquire(specs []Spec) *inquiry {
	if p.opts.Cache == nil {
		return nil
	}
	q := &inquiry{c: p.opts.Cache, process: p, specs: specs, targets: make([]*Target, 0, len(p.objects))}
	b := p.opts.appendOptions(append(make([]byte, 0, 128*len(p.objects)+64), 'p'))
	for _, o := range p.objects {
		t := o.Target
		if t == nil {
			continue
		}
		if len(t.buildID) > maxBuildID || !t.ident.same() {
			return nil
		}
		b = t.appendFile(b)
		q.targets, q.opts = append(q.targets, t), &t.opts // they all have the same
	}
	if len(q.targets) == 0 {
		return nil
	}
	q.own = subjectBytes{id: b} // no Reference: Process.Resolve asks none
	return q
}

// searched is the subject, of that of the files, of answers for which debug files
// were searched; false if none are kept.
func (q *inquiry) searched() (subjectBytes, bool) {
	d := q.opts.search()
	if q.c.lim.Age < 0 || d.Fetcher != nil && !reflect.ValueOf(d.Fetcher).Comparable() {
		return subjectBytes{}, false
	}
	b, ok := appendRoot(make([]byte, 0, 64*len(q.targets)+128), d.Root)
	if !ok {
		return subjectBytes{}, false
	}
	b = q.opts.appendSearch(b)
	for _, t := range q.targets {
		b = appendText(b, t.debug)
	}
	return subjectBytes{id: b, fetcher: d.Fetcher}, true
}

// appendSpec writes what a spec asks here.
func (q *inquiry) appendSpec(b []byte, s *Spec) []byte {
	b = s.appendKey(b)
	if q.process == nil || s.in == "" {
		return b
	}
	// What In means depends on paths, which no answer does else.
	meant, ok := q.meant[s.in]
	if !ok {
		meant = []byte{'i'}
		objects := q.process.Find(s.in)
		for i, t := range q.targets {
			if slices.Contains(objects, t.object) {
				meant = binary.AppendUvarint(meant, uint64(i))
			}
		}
		if q.meant == nil {
			q.meant = map[string][]byte{}
		}
		q.meant[s.in] = meant
	}
	return append(b, meant...)
}

// askable reports whether the answer is about files alone.
func (q *inquiry) askable(s *Spec) bool {
	return q.process == nil || s.in != "" || s.addr == nil && s.off == nil
}

// answered fills in the results that are kept, of some of the specs, and returns
// which are left, in the same slice.
func (q *inquiry) answered(results []Result, some []int) (left []int) {
	if q == nil || len(some) == 0 {
		return some
	}
	wanted := make([]wantedAnswer, len(some))
	b := make([]byte, 0, 48*len(some))
	for k, i := range some {
		if s := &q.specs[i]; q.askable(s) {
			from := len(b)
			b = q.appendSpec(b, s)
			wanted[k].key = b[from:len(b):len(b)]
		}
	}
	full := len(q.specs) <= fullyExplained
	if own, all := q.c.lookup(&q.own, wanted, full); own != nil && !all {
		if more, ok := q.searched(); ok {
			more.of = own
			q.c.lookup(&more, wanted, full)
		}
	}
	left = some[:0]
	for k, i := range some {
		w := &wanted[k]
		if w.got != nil {
			results[i] = w.got.result(q, &q.specs[i])
			continue
		}
		left = append(left, i)
		if w.key == nil {
			continue
		}
		if q.keys == nil {
			q.keys = map[int]string{}
		}
		q.keys[i] = string(w.key)
	}
	if len(left) > 0 {
		q.c.missed(len(left))
	}
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

func (r *processResolution) ownSettled(asked []int) {
	for _, i := range asked {
		s := &r.specs[i]
		r.own[i] = !r.askedOutside() && !r.results[i].open() && s.addr == nil && s.off == nil
	}
}

// askedOutside reports whether more than the bytes of the files was asked.
func (r *processResolution) askedOutside() bool {
	return slices.ContainsFunc(r.objects, func(o *resolution) bool { return o.outside })
}

// keepFrom keeps what was found of a file.
func (q *inquiry) keepFrom(r *resolution, results []Result, asked []int) {
	if len(r.problems) > 0 {
		return
	}
	var kept []keeping
	for k, i := range asked {
		if res := &results[i]; !r.private[res.Spec.text] {
			kept = append(kept, keeping{i, res, r.own[k] || !r.outside, noteAt{}})
		}
	}
	q.keep(kept, r.brief)
}

// keepFromProcess keeps what was found in a process.
func (q *inquiry) keepFromProcess(r *processResolution, asked []int) {
	outside := r.askedOutside()
	var kept []keeping
	for _, i := range asked {
		kept = append(kept, keeping{i, &r.results[i], r.own[i] || !outside, r.noteOf[i]})
	}
	q.keep(kept, r.brief)
}

// A keeping is a result that may be kept.
type keeping struct {
	spec int
	res  *Result
	own  bool
	note noteAt
}

// A noteAt is the note of a NotFoundError, which ends in the name of an object; nil
// if it does not.
type noteAt struct {
	note   string
	object *Object
}

// keep keeps results, if the files are still what they were when they were
// opened, and nothing was wrong with what was found beside them.
func (q *inquiry) keep(kept []keeping, brief bool) {
	lasts := true
	for _, t := range q.targets {
		t.mu.Lock()
		unsure := t.unsure
		t.mu.Unlock()
		if unsure || !t.ident.same() {
			return
		}
		lasts = lasts && t.ident.state.lasts()
	}
	var more subjectBytes
	asked, ok := false, false
	for _, k := range kept {
		key, has := q.keys[k.spec]
		if !has {
			continue
		}
		var beside *subjectBytes
		until := time.Time{}
		if !k.own {
			if !asked {
				more, ok = q.searched()
				asked = true
			}
			if beside = &more; !ok {
				continue
			}
		}
		if !k.own || !lasts {
			if q.c.lim.Age < 0 {
				continue
			}
			until = q.c.now().Add(q.c.lim.Age)
		}
		if a := q.newAnswer(k, key); a != nil {
			a.until, a.brief = until, brief && k.res.Err != nil
			q.c.keep(&q.own, beside, key, a)
		}
	}
}

// An answer is what is kept of a Result. It is not changed once it is kept.
type answer struct {
	key        answerKey
	prev, next *answer // by use; guarded by the Cache's lock
	cost       int64
	until      time.Time // zero: for as long as there is room

	brief     bool       // one of too many that were not found to explain them all
	locations []Location // without Path, BuildID and Object
	of        []int32    // parallel: the target's number, where there are several
	notFound  *NotFoundError
	noteOf    int32 // 1 + the number of the target that ends the note
}

// newAnswer takes out of a result what any asker's has in common; nil if that is
// too much, or if more than the files is in it. Strings are copied, for they may be
// parts of a file's whole table.
func (q *inquiry) newAnswer(k keeping, key string) *answer {
	a := &answer{}
	switch err := k.res.Err.(type) { //nolint:errorlint // joined with others it is no answer
	case nil:
	case *NotFoundError:
		a.notFound = &NotFoundError{
			Searched: cloneAll(err.Searched), Imported: err.Imported, Needed: cloneAll(err.Needed), Nearest: cloneAll(err.Nearest),
			Versions: cloneAll(err.Versions), Note: strings.Clone(err.Note), Symbol: err.Symbol,
		}
		if k.note.object != nil {
			a.notFound.Note, a.noteOf = strings.Clone(k.note.note), 1+q.number(k.note.object)
		}
		a.cost += a.notFound.cost()
	default:
		return nil
	}
	ls := k.res.Locations
	a.cost += int64(len(ls)) * locationCost
	for i := range ls {
		for _, text := range locationTexts(&ls[i]) {
			a.cost += int64(len(*text))
		}
	}
	if a.cost+answerCost+int64(len(key)) > q.c.lim.Bytes/8 {
		return nil
	}
	a.locations = slices.Clone(ls)
	for i := range a.locations {
		l := &a.locations[i]
		n := q.number(l.Object)
		if t := q.targets[n]; l.Path != t.path || l.BuildID != t.buildID || l.Object != t.object {
			return nil // a place in another file: none is known
		}
		if q.process != nil {
			a.of = append(a.of, n)
		}
		l.Path, l.BuildID, l.Object = "", "", nil
		for _, text := range locationTexts(l) {
			*text = strings.Clone(*text)
		}
	}
	return a
}

// locationTexts are those strings of a location that are the file's.
func locationTexts(l *Location) [4]*string {
	return [...]*string{&l.Provider, &l.Name, &l.Version, &l.File}
}

// number is which of the targets an object's is.
func (q *inquiry) number(o *Object) int32 {
	if q.process == nil {
		return 0
	}
	return int32(slices.IndexFunc(q.targets, func(t *Target) bool { return t.object == o }))
}

func cloneAll(texts []string) []string {
	out := slices.Clone(texts)
	for i := range out {
		out[i] = strings.Clone(out[i])
	}
	return out
}

func (e *NotFoundError) cost() int64 {
	n := int64(512 + len(e.Note))
	for _, list := range [][]string{e.Searched, e.Needed, e.Nearest, e.Versions} {
		for _, text := range list {
			n += 32 + int64(len(text))
		}
	}
	return n
}

// result is the answer as it is for one who asks.
func (a *answer) result(q *inquiry, s *Spec) Result {
	res := Result{Spec: *s}
	if len(a.locations) > 0 {
		res.Locations = slices.Clone(a.locations)
	}
	for i := range res.Locations {
		t := q.targets[0]
		if a.of != nil {
			t = q.targets[a.of[i]]
		}
		l := &res.Locations[i]
		l.Path, l.BuildID, l.Object = t.path, t.buildID, t.object
	}
	if a.notFound == nil {
		return res
	}
	e := *a.notFound
	e.Spec, e.Path = *s, q.path()
	lists := [...]*[]string{&e.Searched, &e.Needed, &e.Nearest, &e.Versions}
	n := 0
	for _, list := range lists {
		n += len(*list)
	}
	all := make([]string, 0, n)
	for _, list := range lists {
		if *list != nil {
			from := len(all)
			all = append(all, *list...)
			*list = all[from:len(all):len(all)]
		}
	}
	if a.noteOf > 0 {
		e.Note = objectNote(e.Note, q.targets[a.noteOf-1].object)
	}
	res.Err = &e
	return res
}

// path is what a NotFoundError calls the place that was searched.
func (q *inquiry) path() string {
	if q.process != nil {
		return q.process.describe()
	}
	return q.targets[0].path
}
