//go:build !linux

package offset

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/probels/probels/internal/inroot"
)

// scanDir is an open directory: os.Root keeps look-ups beneath it. Whether a
// directory is of another file system is not told here.
type scanDir struct{ root *os.Root }

// workingDir is where paths start that a person gave.
func workingDir() scanDir { return scanDir{} }

func openScanRoot(at inroot.Place) (scanDir, error) {
	root, err := os.OpenRoot(at.Path)
	return scanDir{root}, err
}

func (d *scanDir) sub(name string, cross bool) (scanDir, error) {
	info, err := d.root.Lstat(name)
	if err != nil || !info.IsDir() {
		return scanDir{}, fs.ErrNotExist
	}
	root, err := d.root.OpenRoot(name)
	return scanDir{root}, err
}

func (d *scanDir) close() {
	if d.root != nil {
		d.root.Close()
	}
}

// list are the names of regular files and of directories, each in order, at most
// limit of both.
func (d *scanDir) list(limit int) (files, dirs []string, err error) {
	all, err := fs.ReadDir(d.root.FS(), ".")
	for i, e := range all {
		if i == limit {
			return files, dirs, errors.New("too many entries; the rest is left out")
		}
		switch {
		case e.Type().IsRegular():
			files = append(files, e.Name())
		case e.IsDir():
			dirs = append(dirs, e.Name())
		}
	}
	return files, dirs, err
}

// scanReader reads one file after the other.
type scanReader struct{ f *os.File }

func (r *scanReader) open(d *scanDir, name string) error {
	lstat, open := os.Lstat, os.Open
	if d.root != nil {
		lstat, open = d.root.Lstat, d.root.Open
	}
	info, err := lstat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errNotFile
	}
	if err != nil {
		return err
	}
	r.f, err = open(name)
	return err
}

// ReadAt implements io.ReaderAt.
func (r *scanReader) ReadAt(p []byte, off int64) (int, error) { return r.f.ReadAt(p, off) }

func (r *scanReader) close() { r.f.Close() }

// file hands the descriptor over.
func (r *scanReader) file(path string) *os.File { return r.f }

// Here names of one file are not told from files.
func keyOf(fs.FileInfo) (key fileKey, links uint64) { return fileKey{}, 1 }

var _ io.ReaderAt = (*scanReader)(nil)
