//go:build linux

package inroot

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const openFlags = unix.O_NONBLOCK | unix.O_NOCTTY

// beneath is a directory that path lookups start from and don't leave.
type beneath struct {
	fd   int
	walk atomic.Bool // openat2 is not to be had
}

func (b *beneath) open(dir string) error {
	fd, err := retry(func() (int, error) {
		return unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return &fs.PathError{Op: "open", Path: dir, Err: err}
	}
	b.fd = fd
	return nil
}

func (b *beneath) close() error { return unix.Close(b.fd) }

// lookup finds what a path leads to, as an O_PATH descriptor: that opens
// nothing yet, so neither a FIFO nor a device notices.
func (b *beneath) lookup(name string) (int, error) {
	if !b.walk.Load() {
		fd, err := b.openat2(name, unix.O_PATH)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM), errors.Is(err, unix.E2BIG):
			// EPERM is what seccomp filters say that don't know the call.
			// A file system has EPERM for other calls, not for this one.
			b.walk.Store(true)
		case errors.Is(err, unix.EAGAIN):
			// Something was renamed meanwhile, more often than the kernel and
			// we try again. The walk copes, since it never looks back.
		default:
			return -1, err
		}
	}
	fd, _, err := b.walkTo(name)
	return fd, err
}

func (b *beneath) openat2(name string, flags uint64) (fd int, err error) {
	how := unix.OpenHow{
		Flags:   flags | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}
	for range 8 {
		fd, err = retry(func() (int, error) { return unix.Openat2(b.fd, name, &how) })
		if !errors.Is(err, unix.EAGAIN) {
			break
		}
	}
	return fd, err
}

// walkTo does what openat2 does, one name after the other. Each directory is
// held by its descriptor, so ".." means the one that we came from and not what
// a rename has made of it. It also knows the path that it has taken.
func (b *beneath) walkTo(name string) (int, string, error) {
	w := newWalk(name)
	var dirs []int // those below the root that are open, one for each of w.done
	defer func() {
		for _, fd := range dirs {
			unix.Close(fd)
		}
	}()
	at := func() int {
		if len(dirs) == 0 {
			return b.fd
		}
		return dirs[len(dirs)-1]
	}
	for {
		part, ok, err := w.next()
		if err != nil {
			return -1, "", err
		}
		if !ok {
			fd, err := retry(func() (int, error) { return unix.FcntlInt(uintptr(at()), unix.F_DUPFD_CLOEXEC, 0) })
			return fd, w.path(), err
		}
		if part == ".." {
			if n := len(dirs); n > 0 {
				unix.Close(dirs[n-1])
				dirs, w.done = dirs[:n-1], w.done[:n-1]
			}
			continue
		}
		fd, err := retry(func() (int, error) {
			return unix.Openat(at(), part, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		})
		if err != nil {
			return -1, "", err
		}
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			unix.Close(fd)
			return -1, "", err
		}
		if st.Mode&unix.S_IFMT != unix.S_IFLNK {
			dirs, w.done = append(dirs, fd), append(w.done, part)
			continue
		}
		target, err := readLink(fd)
		unix.Close(fd)
		if err != nil {
			return -1, "", err
		}
		fromRoot, err := w.follow(target)
		if err != nil {
			return -1, "", err
		}
		if fromRoot {
			for _, fd := range dirs {
				unix.Close(fd)
			}
			dirs = dirs[:0]
		}
	}
}

func readLink(fd int) (string, error) {
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, "", buf)
	if err != nil {
		return "", err
	}
	return string(buf[:n]), nil
}

func (b *beneath) openRegular(name string) (*os.File, fs.FileInfo, error) {
	fd, err := b.lookup(name)
	if err != nil {
		return nil, nil, err
	}
	place := os.NewFile(uintptr(fd), name)
	defer place.Close()
	info, err := place.Stat()
	if err == nil {
		err = checkRegular(info)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := b.reopen(fd, name)
	if err != nil {
		return nil, nil, err
	}
	f, now, err := checkOpened(f)
	if err == nil && !os.SameFile(info, now) {
		f.Close()
		return nil, nil, fs.ErrNotExist // replaced meanwhile
	}
	return f, now, err
}

// reopen makes a descriptor that can be read out of an O_PATH one: by /proc the
// very file; without /proc by its name again, and the caller compares.
func (b *beneath) reopen(fd int, name string) (*os.File, error) {
	const flags = unix.O_RDONLY | openFlags
	got, err := retry(func() (int, error) {
		return unix.Open("/proc/self/fd/"+strconv.Itoa(fd), flags|unix.O_CLOEXEC, 0)
	})
	if errors.Is(err, unix.ENOENT) && !b.walk.Load() {
		got, err = b.openat2(name, flags)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(got), name), nil
}

func (b *beneath) stat(name string) (fs.FileInfo, error) {
	fd, err := b.lookup(name)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	defer f.Close()
	return f.Stat()
}

func (b *beneath) realPath(name string) (string, error) {
	fd, real, err := b.walkTo(name)
	if err != nil {
		return "", err
	}
	return real, unix.Close(fd)
}

func (b *beneath) openDir(name string) (*os.File, error) {
	fd, err := b.lookup(name)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	got, err := retry(func() (int, error) {
		return unix.Openat(fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(got), name), nil
}

// retry repeats a call that a signal interrupted.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
