package offset

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/usdt"
)

// ScanOptions say what a Scan looks for; nil means USDT probes, all of them.
type ScanOptions struct {
	// Query is what is listed of each file. Kinds 0 means USDT probes: they are
	// what a file that has none is told by, from two short reads. Any other kind
	// opens every file. The functions of one file are held until they are yielded, so
	// have patterns.
	Query Query

	// CrossDevices goes into directories of other file systems too.
	CrossDevices bool

	// Workers is how many files are read at a time; 0 means as many as Go uses
	// processors.
	Workers int

	// Open is how files are opened.
	Open Options
}

// ScanStats count what a Scan has seen so far.
type ScanStats struct {
	Dirs, Files  int64 // directories, and regular files in them
	ELF          int64 // ELF files among them, which are:
	DebugOnly    int64 // separate debug files, left out: they name what runs elsewhere
	Objects      int64 // relocatable objects, kernel modules and core dumps, left out
	Matched      int64 // files that something was found in
	OtherDevices int64 // directories left out, for they are of another file system
}

// A ScanError is one file or directory that could not be read; the others were.
type ScanError struct {
	Path string
	Err  error
}

func (e *ScanError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *ScanError) Unwrap() error { return e.Err }

// Scanned is a file that something was found in. It is open, for who wants more
// of it, until the loop goes on; the probes stay valid.
type Scanned struct {
	*Target
	Probes []Probe
	Errs   []error // what of this file is damaged, and left out

	file *os.File
	key  fileKey
	many bool // it may be met under another name
}

// A Scan looks for probes in every ELF file below directories. Symbolic links are
// not followed, only regular files are opened, and each is read once, whatever
// number of names it has: the one that comes first is told. Files come in a fixed
// order, by name, a directory's own before those of its subdirectories.
//
// Every name is opened beneath the descriptor of its directory and without
// following links, so that renaming things meanwhile leads nowhere else.
type Scan struct {
	opts  ScanOptions
	sites bool // USDT probes alone are wanted

	dirs, files, elf, debugOnly, objects, matched, others atomic.Int64

	mu      sync.Mutex // guards what follows
	claimed map[fileKey]uint64
}

// NewScan prepares a scan; use it once.
func NewScan(o *ScanOptions) *Scan {
	s := &Scan{claimed: map[fileKey]uint64{}}
	if o != nil {
		s.opts = *o
	}
	if s.opts.Query.Kinds == 0 {
		s.opts.Query.Kinds = KindUSDT
	}
	s.sites = s.opts.Query.Kinds == KindUSDT
	return s
}

// Stats may be called at any time, from other goroutines too.
func (s *Scan) Stats() ScanStats {
	return ScanStats{
		Dirs: s.dirs.Load(), Files: s.files.Load(), ELF: s.elf.Load(), DebugOnly: s.debugOnly.Load(),
		Objects: s.objects.Load(), Matched: s.matched.Load(), OtherDevices: s.others.Load(),
	}
}

// Limits of a scan. A path beyond the kernel's limit names nothing that could be
// probed; a directory is sorted in memory.
const (
	maxScanPath    = 4096
	maxScanEntries = 1 << 20
	jobFiles       = 128 // read by one worker in a row
	jobsAhead      = 32  // finished or waiting, before the one that is yielded
	resultsAhead   = 4   // open files of each
)

// Files walks the directories, or regular files, in the order in which they are
// given. The error is a *ScanError, for what could not be read, or at the end
// that of the context. A file that goes away meanwhile is none.
func (s *Scan) Files(ctx context.Context, paths ...string) iter.Seq2[*Scanned, error] {
	return func(yield func(*Scanned, error) bool) {
		inner, cancel := context.WithCancel(ctx)
		defer cancel()
		order, work := make(chan *scanJob, jobsAhead), make(chan *scanJob, jobsAhead)
		w := &scanWalk{s: s, ctx: inner, order: order, work: work, again: len(paths) > 1}
		var all sync.WaitGroup
		all.Go(func() {
			defer close(order)
			defer close(work)
			w.roots(paths)
		})
		for range cmp.Or(max(s.opts.Workers, 0), runtime.GOMAXPROCS(0)) {
			all.Go(func() {
				var f usdt.Filter
				for j := range work {
					s.do(inner, j, &f)
				}
			})
		}
		s.collect(order, cancel, yield)
		all.Wait()
		if err := ctx.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// collect yields what the jobs find, in their order. Once the caller has enough
// it lets go of the rest.
func (s *Scan) collect(order <-chan *scanJob, cancel func(), yield func(*Scanned, error) bool) {
	seen := map[fileKey]bool{}
	more := true
	for j := range order {
		for r := range j.out {
			if more && (r.err != nil || !seen[r.found.key]) {
				if r.found != nil {
					if r.found.many {
						seen[r.found.key] = true
					}
					s.matched.Add(1)
				}
				if more = yield(r.found, r.err); !more {
					cancel()
				}
			}
			if r.found != nil {
				r.found.close()
			}
		}
	}
}

func (f *Scanned) close() {
	f.Target.Close()
	f.file.Close()
}

// scanJob is some files of one directory.
type scanJob struct {
	n     uint64 // number of the job, from 1
	dir   *heldDir
	names []string // in the directory; of the working directory, paths
	again bool     // a file may be met once more without having several links
	out   chan scanResult
}

type scanResult struct {
	found *Scanned
	err   error
}

// heldDir is a directory that the walk and some jobs read from.
type heldDir struct {
	scanDir
	path string
	refs atomic.Int32
}

func (d *heldDir) release() {
	if d.refs.Add(-1) == 0 {
		d.close()
	}
}

// scanWalk makes the jobs.
type scanWalk struct {
	s           *Scan
	ctx         context.Context
	order, work chan<- *scanJob
	again       bool
	n           uint64
}

func (w *scanWalk) send(j *scanJob) bool {
	w.n++
	j.n, j.again = w.n, j.again || w.again
	if j.out == nil {
		j.out = make(chan scanResult, resultsAhead)
	}
	if j.dir != nil {
		j.dir.refs.Add(1)
	}
	select {
	case w.order <- j:
	case <-w.ctx.Done():
		if j.dir != nil {
			j.dir.release()
		}
		return false
	}
	w.work <- j // a worker always comes: what they wait for is collected
	return true
}

// fail tells an error in its place.
func (w *scanWalk) fail(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		return // gone meanwhile
	}
	j := &scanJob{out: make(chan scanResult, 1)}
	j.out <- scanResult{err: &ScanError{path, plainReason(err)}}
	w.send(j)
}

// plainReason leaves a path out that the caller tells anyway.
func plainReason(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// roots starts at what a person named: symbolic links to it are followed. Files
// that come in a row make one job.
func (w *scanWalk) roots(paths []string) {
	var files []string
	flush := func() {
		if len(files) > 0 {
			w.send(&scanJob{dir: &heldDir{scanDir: workingDir()}, names: files, again: true})
			files = nil
		}
	}
	for _, p := range paths {
		info, err := os.Lstat(p)
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			var at inroot.Place
			if at, err = inroot.Find(p); err == nil {
				p = at.Path
				info, err = at.Stat()
			}
		}
		if err == nil && info.Mode().IsRegular() {
			if files = append(files, p); len(files) == jobFiles {
				flush()
			}
			continue
		}
		flush()
		if err == nil && !info.IsDir() {
			err = elfsym.ErrNotRegular
		}
		if err == nil {
			err = w.root(p)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("no such file or directory") // nobody named it for it to go away
		}
		if err != nil {
			w.fail(p, err)
		}
	}
	flush()
}

func (w *scanWalk) root(path string) error {
	at, err := inroot.Find(path)
	if err != nil {
		return err
	}
	d := &heldDir{path: at.Path}
	if d.scanDir, err = openScanRoot(at); err != nil {
		return err
	}
	d.refs.Store(1)
	w.walk(d)
	return nil
}

// level is a directory whose subdirectories are walked.
type level struct {
	dir  *heldDir
	subs []string
}

// walk goes through a tree without recursion: its depth is somebody else's choice.
func (w *scanWalk) walk(root *heldDir) {
	var stack []level
	defer func() {
		for _, l := range stack {
			l.dir.release()
		}
	}()
	enter := func(d *heldDir) bool {
		w.s.dirs.Add(1)
		files, subs, err := d.list(maxScanEntries)
		if err != nil {
			w.fail(d.path, err)
		}
		for len(files) > 0 {
			n := min(jobFiles, len(files))
			if !w.send(&scanJob{dir: d, names: files[:n]}) {
				d.release()
				return false
			}
			files = files[n:]
		}
		stack = append(stack, level{d, subs})
		return true
	}
	for ok := enter(root); ok && len(stack) > 0 && w.ctx.Err() == nil; {
		top := &stack[len(stack)-1]
		if len(top.subs) == 0 {
			top.dir.release()
			stack = stack[:len(stack)-1]
			continue
		}
		name := top.subs[0]
		top.subs = top.subs[1:]
		path := joinPath(top.dir.path, name)
		if len(path) >= maxScanPath {
			w.fail(path, errors.New("the path is too long"))
			continue
		}
		d := &heldDir{path: path}
		var err error
		d.scanDir, err = top.dir.sub(name, w.s.opts.CrossDevices)
		switch {
		case errors.Is(err, errOtherDevice):
			w.s.others.Add(1)
		case err != nil:
			w.fail(path, err)
		default:
			d.refs.Store(1)
			ok = enter(d)
		}
	}
}

func joinPath(dir, name string) string {
	if dir == "" {
		return name
	}
	if dir[len(dir)-1] == filepath.Separator {
		return dir + name
	}
	return dir + string(filepath.Separator) + name
}

var errOtherDevice = errors.New("of another file system")
