//go:build !linux

package inroot

import (
	"io/fs"
	"os"
	"path/filepath"
)

// beneath walks by os.Root, which never leaves its directory but refuses
// absolute symlinks and those that climb too far: so symlinks are resolved
// here, and os.Root gets a path that should have none.
type beneath struct{ root *os.Root }

func (b *beneath) open(dir string) (err error) {
	b.root, err = os.OpenRoot(dir)
	return err
}

func (b *beneath) close() error { return b.root.Close() }

// find is the path of what name leads to, for os.Root, and what that is.
func (b *beneath) find(name string) (string, fs.FileInfo, error) {
	w := newWalk(name)
	at := func() string { return filepath.Join(append([]string{"."}, w.done...)...) }
	for {
		part, ok, err := w.next()
		if err != nil {
			return "", nil, err
		}
		if !ok {
			info, err := b.root.Lstat(at())
			if err == nil && info.Mode()&fs.ModeSymlink != 0 {
				err = fs.ErrNotExist // replaced meanwhile
			}
			return w.path(), info, err
		}
		if part == ".." {
			w.done = w.done[:max(len(w.done)-1, 0)]
			continue
		}
		w.done = append(w.done, part)
		info, err := b.root.Lstat(at())
		if err != nil {
			return "", nil, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			continue
		}
		target, err := b.root.Readlink(at())
		if err != nil {
			return "", nil, err
		}
		w.done = w.done[:len(w.done)-1]
		if _, err := w.follow(filepath.ToSlash(target)); err != nil {
			return "", nil, err
		}
	}
}

func (b *beneath) openRegular(name string) (*os.File, fs.FileInfo, error) {
	real, info, err := b.find(name)
	if err == nil {
		err = checkRegular(info)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := b.root.OpenFile(rel(real), os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	return checkOpened(f)
}

func (b *beneath) stat(name string) (fs.FileInfo, error) {
	_, info, err := b.find(name)
	return info, err
}

func (b *beneath) realPath(name string) (string, error) {
	real, _, err := b.find(name)
	return real, err
}

func (b *beneath) openDir(name string) (*os.File, error) {
	real, info, err := b.find(name)
	if err == nil && !info.IsDir() {
		err = errNotDir
	}
	if err != nil {
		return nil, err
	}
	return b.root.OpenFile(rel(real), os.O_RDONLY|openFlags, 0)
}

func rel(real string) string { return filepath.Join(".", real) }
