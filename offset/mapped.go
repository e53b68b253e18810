package offset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/probels/probels/internal/procmaps"
)

// A Mapper is a process that has a file mapped executable: a uprobe in the file
// fires in it.
type Mapper struct {
	PID  int
	Name string // of the process, at most 15 bytes
}

// MappedBy finds the running processes that have a file mapped executable, by
// its device and inode and whatever they call it. Processes are in the order of
// their numbers. unread is how many could not be asked, because they are another
// user's. It reads every process's list of mappings, some 30 µs each.
func MappedBy(ctx context.Context, path string) (by []Mapper, unread int, err error) {
	if !haveProc {
		return nil, 0, fmt.Errorf("processes are read by way of Linux's /proc: %w", errors.ErrUnsupported)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, 0, err
	}
	return mappedBy(ctx, "/proc", info)
}

func mappedBy(ctx context.Context, proc string, info fs.FileInfo) (by []Mapper, unread int, err error) {
	want, ok := idOf(info)
	if !ok {
		return nil, 0, errors.ErrUnsupported
	}
	unread, err = eachProcess(ctx, proc, func(p *Process) error {
		for m := range p.mappings() {
			// The device in maps need not be stat's, so the inode sorts out.
			// Nor, with overlayfs, need the inode: there the name does.
			if m.Perm&procmaps.Exec == 0 || m.Inode != want.inode && !strings.Contains(m.Name, info.Name()) {
				continue
			}
			now, err := os.Stat(p.link(m))
			same := err == nil && os.SameFile(now, info)
			if errors.Is(err, fs.ErrPermission) {
				// Without the link: by what maps says, or where its name leads to. The name of a
				// file that was deleted or replaced ends in a mark, and leads nowhere.
				same = fileID{m.Major, m.Minor, m.Inode} == want
				if !same {
					_, there := p.find(procmaps.Unescape(m.Name), func(now fs.FileInfo) bool { return os.SameFile(now, info) })
					same = there != nil
				}
			}
			if same {
				by = append(by, Mapper{p.state.pid, p.state.comm})
				break
			}
		}
		return nil
	})
	return by, unread, err
}

// eachProcess calls f for every process in the order of their numbers, and
// counts those that it may not ask. A process that ends meanwhile is left out.
func eachProcess(ctx context.Context, proc string, f func(*Process) error) (unread int, err error) {
	d, err := os.Open(proc)
	if err != nil {
		return 0, err
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		return 0, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return unread, err
		}
		p, err := newProcess(proc, pid, nil)
		switch {
		case errors.Is(err, fs.ErrPermission):
			unread++
			continue
		case err != nil:
			continue // it has ended, or is the kernel's
		}
		err = f(p)
		p.Close()
		if err != nil {
			return unread, err
		}
	}
	return unread, nil
}

// A SharedFile is a file that running processes have mapped executable.
type SharedFile struct {
	Path       string // as Object.Path, once it is opened
	MappedPath string // as the first process calls it
	By         []Mapper
	Err        error // why it could not be opened

	seen []seenAs
}

// seenAs is how a file was found in one process.
type seenAs struct {
	pid   int
	start uint64
	id    fileID
}

// A System is what runs on this machine, grouped by file.
type System struct {
	Files     []*SharedFile // in the order of their first process's numbers and addresses
	Processes int           // that were read
	Unread    int           // that were not, because they are another user's
	Problems  []error

	proc string
	opts Options
}

// Running reads the mappings of all processes and groups them by file: each
// file once, however many processes have it mapped and whatever they call it. No file
// is opened until System.Open.
func Running(ctx context.Context, o *Options) (*System, error) {
	if !haveProc {
		return nil, fmt.Errorf("processes are read by way of Linux's /proc: %w", errors.ErrUnsupported)
	}
	return running(ctx, "/proc", o)
}

func running(ctx context.Context, proc string, o *Options) (*System, error) {
	s := &System{proc: proc}
	if o != nil {
		s.opts = *o
	}
	byFile := map[fileID]*SharedFile{}
	unread, err := eachProcess(ctx, proc, func(p *Process) error {
		images, err := p.images()
		if err != nil || len(images) == 0 {
			return nil //nolint:nilerr // it has ended
		}
		var mine []*SharedFile
		for _, im := range images {
			if im.name == vdso || im.info != nil && !im.info.Mode().IsRegular() {
				continue
			}
			f := byFile[im.id]
			if f == nil {
				f = &SharedFile{MappedPath: p.inner(cmp.Or(lastName(p.names(im)), im.name))}
				byFile[im.id] = f
				s.Files = append(s.Files, f)
			}
			mine = append(mine, f)
			f.seen = append(f.seen, seenAs{p.state.pid, p.state.start, im.id})
			f.By = append(f.By, Mapper{p.state.pid, p.state.comm})
		}
		if p.Check() != nil {
			for _, f := range mine { // it ended, or became another: it counts nowhere
				f.seen, f.By = f.seen[:len(f.seen)-1], f.By[:len(f.By)-1]
			}
			return nil
		}
		s.Processes++
		s.Problems = append(s.Problems, p.problems...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.Unread = unread
	s.Files = slices.DeleteFunc(s.Files, func(f *SharedFile) bool { return len(f.By) == 0 })
	return s, nil
}

func lastName(names []string) string { return names[len(names)-1] }

// Open yields every file with its objects: one, or the libraries of an archive.
// They are closed when the loop goes on. Where no process led to the file there are
// none, and SharedFile.Err says why: ErrProcessChanged if all have ended, or have it
// mapped no more.
func (s *System) Open(ctx context.Context) iter.Seq2[*SharedFile, []*Object] {
	return func(yield func(*SharedFile, []*Object) bool) {
		var c current
		defer c.close()
		for _, f := range s.Files {
			if ctx.Err() != nil {
				return
			}
			var objects []*Object
			for _, seen := range f.seen {
				if objects, f.Err = s.openIn(&c, seen); f.Err == nil {
					f.Path, f.MappedPath = objects[0].Path, objects[0].MappedPath
					break
				}
				if errors.Is(f.Err, ErrNoProcess) || errors.Is(f.Err, ErrNotProcess) {
					f.Err = fmt.Errorf("%s: process %d: %w", f.MappedPath, seen.pid, ErrProcessChanged)
				}
			}
			more := yield(f, objects)
			for _, o := range objects {
				o.close()
			}
			if !more {
				return
			}
		}
	}
}

// current is the process by way of which files are opened: one after the other,
// most files are those of the same.
type current struct {
	p      *Process
	images []*image
}

func (c *current) close() {
	if c.p != nil {
		c.p.Close()
	}
	c.p = nil
}

func (s *System) openIn(c *current, seen seenAs) ([]*Object, error) {
	if c.p == nil || c.p.state.pid != seen.pid || c.p.state.start != seen.start {
		c.close()
		p, err := newProcess(s.proc, seen.pid, &s.opts)
		if err != nil {
			return nil, err
		}
		c.p = p
		if c.images, err = p.images(); err == nil && p.state.start != seen.start {
			err = ErrProcessChanged
		}
		if err != nil {
			c.close()
			return nil, err
		}
	}
	at := slices.IndexFunc(c.images, func(im *image) bool { return im.id == seen.id })
	if at < 0 {
		return nil, fmt.Errorf("not mapped any more: process %d: %w", seen.pid, ErrProcessChanged)
	}
	objects := c.p.open(c.images[at])
	if err := c.p.Check(); err != nil {
		for _, o := range objects {
			o.close()
		}
		c.close()
		return nil, err
	}
	return objects, nil
}
