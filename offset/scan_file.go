package offset

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/usdt"
)

// do reads the files of a job and closes what it gives them out through.
func (s *Scan) do(ctx context.Context, j *scanJob, f *usdt.Filter) {
	defer close(j.out)
	if j.dir == nil {
		return // an error that was told
	}
	defer j.dir.release()
	s.files.Add(int64(len(j.names)))
	var r scanReader
	for i, name := range j.names {
		if ctx.Err() != nil {
			return
		}
		res, ok := s.file(ctx, j, uint64(i), name, f, &r)
		if !ok {
			continue
		}
		select {
		case j.out <- res:
		case <-ctx.Done():
			if res.found != nil {
				res.found.close()
			}
			return
		}
	}
}

// file looks at one name; ok is false if there is nothing to tell of it.
func (s *Scan) file(ctx context.Context, j *scanJob, i uint64, name string, f *usdt.Filter, r *scanReader) (res scanResult, ok bool) {
	fail := func(err error) (scanResult, bool) {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotFile) {
			return scanResult{}, false // gone, or another thing by now
		}
		return scanResult{err: &ScanError{joinPath(j.dir.path, name), plainReason(err)}}, true
	}
	if err := r.open(&j.dir.scanDir, name); err != nil {
		return fail(err)
	}
	v := f.Look(r)
	switch v {
	case usdt.NotELF:
		r.close()
		return scanResult{}, false
	case usdt.Unreadable:
		r.close()
		return fail(f.Err)
	}
	s.elf.Add(1)
	switch {
	case v == usdt.Object:
		s.objects.Add(1)
	case v == usdt.DebugOnly:
		s.debugOnly.Add(1)
	case v == usdt.NoProbes && s.sites:
	default:
		path := joinPath(j.dir.path, name)
		found, err := s.open(ctx, j, i, r.file(path), path)
		if err != nil {
			return fail(err)
		}
		return scanResult{found: found}, found != nil
	}
	r.close()
	return scanResult{}, false
}

// open lists what a file has; nil if it has nothing. It owns the file.
func (s *Scan) open(ctx context.Context, j *scanJob, i uint64, osf *os.File, path string) (found *Scanned, err error) {
	defer func() {
		if found == nil {
			osf.Close()
		}
	}()
	info, err := osf.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotFile
	}
	key, links := keyOf(info)
	many := key != fileKey{} && (links > 1 || j.again)
	if many && !s.claim(key, j.n<<32|i) {
		return nil, nil
	}
	if j.dir.path == "" {
		if path, err = pathOf(path, info); err != nil {
			return nil, err
		}
	}
	f, err := elfsym.NewFile(osf, info.Size(), &elfsym.Options{Limits: s.opts.Open.Limits})
	if err != nil {
		return nil, err
	}
	if f.DebugOnly() { // one that the filter could not tell
		s.debugOnly.Add(1)
		return nil, nil
	}
	t, err := New(f, path, &s.opts.Open)
	if errors.Is(err, ErrNotExecutable) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	found = &Scanned{Target: t, file: osf, key: key, many: many}
	for p, err := range t.Probes(ctx, s.opts.Query) {
		if err != nil {
			found.Errs = append(found.Errs, err)
		} else {
			found.Probes = append(found.Probes, p)
		}
		if len(found.Errs) == maxScanErrs {
			break
		}
	}
	if len(found.Probes)+len(found.Errs) > 0 {
		return found, nil
	}
	return nil, t.Close()
}

// maxScanErrs is how many problems of one file are kept.
const maxScanErrs = 100

// claim reports whether no earlier name of this file was met. A later one that
// was faster is found out when results are put in order.
func (s *Scan) claim(key fileKey, at uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, ok := s.claimed[key]; ok && other < at {
		return false
	}
	s.claimed[key] = at
	return true
}

// fileKey is a file whatever its names.
type fileKey struct{ dev, ino uint64 }

var errNotFile = errors.New("no regular file")

// pathOf is the path without symlinks of a file that was opened by a name. By way of another process's root, the
// kernel and that process may not mean the same file by it.
func pathOf(name string, opened fs.FileInfo) (string, error) {
	at, err := inroot.Find(name)
	if err != nil {
		return "", err
	}
	info, err := at.Stat()
	if err != nil {
		return "", err
	}
	if !os.SameFile(info, opened) {
		return "", fmt.Errorf("it is %s, and another file without regard to that root", at.Path)
	}
	return at.Path, nil
}
