package offset

import (
	"sync"
	"time"

	"github.com/probels/probels/debuglink"
)

// A Cache keeps answers of Resolve for the next one who asks the same of the
// same file: for a tracer that runs for long and meets the same few hundred files
// in thousands of processes. Nothing is kept unless Options.Cache is set. One Cache
// serves any number of targets and processes, with any options, and is safe for
// concurrent use.
//
// Kept are answers alone: no open file, no table, nothing that an answer does
// not say. They are kept by what identifies the file (its mount, device and inode, size,
// times of modification and of change, and build-id; the ELF file in it, of an
// archive), by the spec, and by those options that an answer depends on. A build-id
// alone proves nothing here, since whoever writes a file writes that too. What is
// handed out is the caller's, with the path and the Object of the target that was asked,
// and equal to what a target without a Cache would have answered; of many names that
// were not found, more of them may be explained.
//
// Of a process each file's part is kept, so that the first process with a new program
// costs that program and not the libraries that are known from others.
//
// An answer that the file's own bytes decide stays until it is the longest unused
// and room is wanted. One that rests on something else, a separate debug file that
// was found or, more often, not found, stays for CacheLimits.Age, and serves only
// those who would search in the same places. With Options.OwnTables, and in files
// that have a .symtab, all answers are of the first kind, negative ones too, except
// for source lines.
//
// A Reference and a Fetcher of the options are held on to as long as there are
// answers that were found with them; a Fetcher is told from others by ==.
//
// Not kept are errors other than *NotFoundError and what comes with them; what was found
// beside something damaged; addresses of a process; and anything of a file that was
// changed within the last two seconds before it was opened: the next change may leave
// the times as they are, so coarse is the clock of file systems. Nothing is kept of a
// target that New made, for the file is the caller's, nor on any system but Linux.
//
// Before an answer is handed out, the open file is asked once more whether it is
// still the same. What is written through a shared mapping shows only when the
// kernel has noticed, as everywhere.
type Cache struct {
	lim CacheLimits
	now func() time.Time // but in tests, time.Now

	mu       sync.Mutex // guards what follows
	subjects map[subjectKey]*subject
	answers  map[answerKey]*answer
	ring     answer // next is the one used last, prev the one unused for longest
	stats    CacheStats
}

// CacheLimits bound a Cache. The zero value of a field means its default.
type CacheLimits struct {
	// Bytes is how much memory the answers may take, with what they are kept by,
	// as estimated from above. Default 16 MiB, some 15,000 answers. An answer that would
	// take more than an eighth of it is not kept.
	Bytes int64

	// Age is how long an answer is kept that rests on more than the file: how long a
	// debug file that was installed meanwhile may go unnoticed. Default one minute;
	// with less than 0, no such answer is kept.
	Age time.Duration
}

// CacheStats are what a Cache has done and holds.
type CacheStats struct {
	Hits    uint64 // specs that were answered
	Misses  uint64 // specs that were not
	Answers int    // that are held now
	Bytes   int64  // that these take, of CacheLimits.Bytes
}

// NewCache returns an empty one.
func NewCache(l CacheLimits) *Cache {
	if l.Bytes == 0 {
		l.Bytes = 16 << 20
	}
	if l.Age == 0 {
		l.Age = time.Minute
	}
	c := &Cache{lim: l, now: time.Now}
	c.clear()
	return c
}

// Stats are the present ones.
func (c *Cache) Stats() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// Clear forgets all answers, after the options' debug directories have changed,
// say. Hits and Misses go on.
func (c *Cache) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
}

func (c *Cache) clear() {
	c.subjects, c.answers = map[subjectKey]*subject{}, map[answerKey]*answer{}
	c.ring.next, c.ring.prev = &c.ring, &c.ring
	c.stats.Answers, c.stats.Bytes = 0, 0
}

// A subjectKey is what specs are asked of: a file, or all files of a process, by
// certain options. Pointers in it are compared as such, so what they point to stays
// as long as an answer does; it is the caller's and is shared.
type subjectKey struct {
	of      *subject // whose answers are not enough; nil for the files themselves
	id      string   // what append… have written
	ref     *Reference
	fetcher debuglink.Fetcher // nil, or of a type that can be compared
}

// subjectBytes is a subjectKey to look up by.
type subjectBytes struct {
	of      *subject
	id      []byte
	ref     *Reference
	fetcher debuglink.Fetcher
}

func (b *subjectBytes) key() subjectKey { return subjectKey{b.of, string(b.id), b.ref, b.fetcher} }

// A subject is there as long as something is kept of it.
type subject struct {
	key  subjectKey
	kept int // answers, and subjects that are of it
}

type answerKey struct {
	of   *subject
	spec string
}

// Estimates, in bytes, of what a subject and an answer take beside their strings
// and locations: the structure and a slot of the map at its emptiest.
const (
	subjectCost  = 256
	answerCost   = 384
	locationCost = 320
)

// A wanted answer is found by its key; nil has none.
type wantedAnswer struct {
	key []byte
	got *answer
}

// lookup finds the answers that are still wanted, and reports whether it has found
// all. full ones are wanted of what was not found. Without a subject nothing is kept.
func (c *Cache) lookup(of *subjectBytes, wanted []wantedAnswer, full bool) (s *subject, all bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s = c.subjects[subjectKey{of.of, string(of.id), of.ref, of.fetcher}]
	if s == nil {
		return nil, false
	}
	var now time.Time
	all = true
	for i := range wanted {
		w := &wanted[i]
		if w.got != nil {
			continue
		}
		if w.key == nil {
			continue
		}
		a := c.answers[answerKey{s, string(w.key)}]
		if a == nil || a.brief && full {
			all = false
			continue
		}
		if !a.until.IsZero() {
			if now.IsZero() {
				now = c.now()
			}
			if !now.Before(a.until) {
				c.remove(a)
				all = false
				continue
			}
		}
		a.unlink()
		c.use(a)
		w.got = a
	}
	return s, all
}

// has reports whether there is any answer.
func (c *Cache) has(of *subjectBytes) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.subjects[subjectKey{of.of, string(of.id), of.ref, of.fetcher}] != nil
}

func (c *Cache) count(hits, misses int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stats.Hits += uint64(hits)
	c.stats.Misses += uint64(misses)
}

// keep adds an answer and makes room for it: one that own decides or, with more,
// one that rests on that too.
func (c *Cache) keep(own, more *subjectBytes, spec string, a *answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.subject(own.key())
	if more != nil {
		key := more.key()
		key.of = s
		s = c.subject(key)
	}
	a.key = answerKey{s, spec}
	a.cost += answerCost + int64(len(spec))
	s.kept++ // first, so that s stays when the old answer goes
	if old := c.answers[a.key]; old != nil {
		c.remove(old) // somebody has asked at the same time
	}
	c.answers[a.key] = a
	c.use(a)
	c.stats.Answers++
	c.stats.Bytes += a.cost
	for c.stats.Bytes > c.lim.Bytes && c.stats.Answers > 0 {
		c.remove(c.ring.prev)
	}
}

// subject is one that is about to be kept.
func (c *Cache) subject(key subjectKey) *subject {
	s := c.subjects[key]
	if s == nil {
		s = &subject{key: key}
		c.subjects[key] = s
		c.stats.Bytes += s.cost()
		if key.of != nil {
			key.of.kept++
		}
	}
	return s
}

func (s *subject) cost() int64 { return subjectCost + int64(len(s.key.id)) }

// remove forgets an answer, and what it was asked of if that has no other.
func (c *Cache) remove(a *answer) {
	a.unlink()
	delete(c.answers, a.key)
	c.stats.Answers--
	c.stats.Bytes -= a.cost
	for s := a.key.of; s != nil; s = s.key.of {
		if s.kept--; s.kept > 0 {
			break
		}
		delete(c.subjects, s.key)
		c.stats.Bytes -= s.cost()
	}
}

func (c *Cache) use(a *answer) {
	a.next, a.prev = c.ring.next, &c.ring
	a.next.prev, c.ring.next = a, a
}

func (a *answer) unlink() { a.prev.next, a.next.prev = a.next, a.prev }
