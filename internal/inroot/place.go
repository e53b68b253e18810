package inroot

import (
	"io/fs"
	"os"
	"strings"
)

// A Place is where the host has a file or a directory.
type Place struct {
	// Path is absolute and has no symlinks in it but those of /proc that have no
	// other name: "/proc/70/root/usr/bin/x", "/proc/70/exe".
	Path string

	// Root is the part of Path that is another process's root, "/proc/70/root", or "".
	// What is beneath it was looked up as that process would: an absolute symlink
	// there begins at its root. To the kernel it would begin at ours.
	Root string
}

// Find is what a path of the host leads to, symlinks followed.
//
// The text of a link in /proc is no path that could be followed: a process in
// a container says of its root that it is "/", and of its program that it
// is /usr/bin/python3, both of which we have too. Such a link is followed by its text only
// where that is proved to be the same file or directory.
func Find(name string) (Place, error) {
	if err := checkName(name); err != nil {
		return Place{}, pathError("open", name, err)
	}
	p, err := findHost(name)
	if err != nil {
		return Place{}, pathError("open", name, err)
	}
	return p, nil
}

// Within is Path as the process has it whose root it is beneath.
func (p Place) Within() string {
	if in := strings.TrimPrefix(p.Path, p.Root); in != "" {
		return in
	}
	return "/"
}

// Open opens the regular file that is there. Beneath another process's root it
// stays there, whatever has become a symlink since.
func (p Place) Open() (*os.File, fs.FileInfo, error) {
	if p.Root == "" {
		return OpenHost(p.Path)
	}
	r, err := Open(p.Root)
	if err != nil {
		return nil, nil, pathError("open", p.Path, err)
	}
	defer r.Close()
	f, info, err := r.openFile(p.Within())
	if err != nil {
		return nil, nil, pathError("open", p.Path, err)
	}
	return f, info, nil
}

// Stat is what is there. Beneath another process's root it stays there.
func (p Place) Stat() (fs.FileInfo, error) {
	if p.Root == "" {
		return os.Stat(p.Path)
	}
	r, err := Open(p.Root)
	if err != nil {
		return nil, pathError("stat", p.Path, err)
	}
	defer r.Close()
	info, err := r.Stat(p.Within())
	if err != nil {
		return nil, pathError("stat", p.Path, err)
	}
	return info, nil
}
