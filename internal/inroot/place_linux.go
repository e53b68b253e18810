//go:build linux

package inroot

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// findHost goes from name to name as the kernel does.
func findHost(name string) (Place, error) {
	if !path.IsAbs(name) {
		wd, err := os.Getwd()
		if err != nil {
			return Place{}, err
		}
		name = wd + "/" + name // not joined: "link/.." is not "."
	}
	w := newWalk(name)
	dir := true
	for {
		part, ok, err := w.next()
		switch {
		case err != nil:
			return Place{}, err
		case !ok:
			return Place{Path: w.path()}, nil
		case !dir:
			return Place{}, syscall.ENOTDIR
		case part == "..":
			w.done = w.done[:max(len(w.done)-1, 0)]
			continue
		}
		at := w.path()
		full := path.Join(at, part)
		info, err := os.Lstat(full)
		if err != nil {
			return Place{}, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			w.done = append(w.done, part)
			dir = info.IsDir()
			continue
		}
		text, err := os.Readlink(full)
		if err != nil {
			return Place{}, err
		}
		if made := madeByKernel(at, part); made && !named(at, part, text) {
			slices.Reverse(w.todo)
			return beyond(full, part, strings.Join(w.todo, "/"))
		}
		if _, err := w.follow(text); err != nil {
			return Place{}, err
		}
	}
}

// beyond is what is at one of the kernel's links, or beneath it.
func beyond(link, part, rest string) (Place, error) {
	if part != "root" {
		// A directory that a process has open or is in: it has no root of its own here.
		p := Place{Path: link}
		if rest != "" {
			p.Path += "/" + rest
		}
		_, err := os.Stat(p.Path)
		return p, err
	}
	if rest == "" {
		return Place{Path: link, Root: link}, nil
	}
	r, err := Open(link)
	if err != nil {
		return Place{}, err
	}
	defer r.Close()
	in, err := r.realPath(rest)
	if err != nil {
		return Place{}, err
	}
	return Place{Path: link + strings.TrimSuffix(in, "/"), Root: link}, nil
}

// madeByKernel reports whether a symlink is one of those of proc(5) that lead to a
// file by itself and not by its name. The others there, "self" and "mounts", are
// usual ones.
func madeByKernel(dir, name string) bool {
	if name != "root" && name != "cwd" && name != "exe" {
		switch path.Base(dir) {
		case "fd", "map_files", "ns":
		default:
			return false
		}
	}
	var st unix.Statfs_t
	err := ignoringEINTR(func() error { return unix.Statfs(dir, &st) })
	return err == nil && st.Type == unix.PROC_SUPER_MAGIC
}

// named reports whether the text of one of the kernel's links is a path to the same
// for us. Beneath a directory it is so only if all mounts are: services have a
// /tmp of their own beneath our root. Another root stays one.
func named(dir, name, text string) bool {
	if !path.IsAbs(text) || name == "root" && text != "/" {
		return false
	}
	theirs, err := os.Stat(path.Join(dir, name))
	if err != nil {
		return false
	}
	ours, err := os.Stat(text)
	if err != nil || !os.SameFile(theirs, ours) {
		return false
	}
	if !ours.IsDir() {
		return true
	}
	process := dir
	if base := path.Base(dir); base == "fd" || base == "map_files" {
		process = path.Dir(dir)
	}
	a, aErr := os.Readlink(path.Join(process, "ns/mnt"))
	b, bErr := os.Readlink("/proc/self/ns/mnt")
	return aErr == nil && bErr == nil && a == b
}

func ignoringEINTR(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
