//go:build linux

package offset

import (
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/probels/probels/internal/inroot"
)

// scanDir is an open directory. Reading it by system calls and not through
// package os is half of the speed of a scan: a file that is of no interest costs
// openat, pread and close.
type scanDir struct {
	fd  int
	dev uint64
}

// workingDir is where paths start that a person gave. It needs no closing.
func workingDir() scanDir { return scanDir{fd: unix.AT_FDCWD} }

// openScanRoot opens a directory that a person named. "." because its own name may
// be one of the kernel's links, "/proc/70/root", that is to be followed.
func openScanRoot(at inroot.Place) (scanDir, error) {
	d, err := openScanDir(unix.AT_FDCWD, at.Path+"/.")
	if err != nil || at.Root == "" {
		return d, err
	}
	// Beneath another root its owner may have put a symlink in the way since.
	info, err := at.Stat()
	if err == nil && !d.is(info) {
		err = fs.ErrNotExist
	}
	if err != nil {
		d.close()
		return scanDir{}, err
	}
	return d, nil
}

func (d *scanDir) is(info fs.FileInfo) bool {
	var st unix.Stat_t
	theirs, ok := info.Sys().(*syscall.Stat_t)
	return ok && unix.Fstat(d.fd, &st) == nil && uint64(st.Dev) == uint64(theirs.Dev) && st.Ino == theirs.Ino
}

func openScanDir(at int, name string) (scanDir, error) {
	fd, err := ignoringEINTR(func() (int, error) {
		return unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return scanDir{}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return scanDir{}, err
	}
	return scanDir{fd, uint64(st.Dev)}, nil
}

// sub opens a subdirectory; errOtherDevice if it is of another file system, which
// is asked before opening: that would mount what is mounted on demand.
func (d *scanDir) sub(name string, cross bool) (scanDir, error) {
	if !cross {
		var st unix.Stat_t
		if err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT); err != nil {
			return scanDir{}, err
		}
		if uint64(st.Dev) != d.dev {
			return scanDir{}, errOtherDevice
		}
	}
	sub, err := openScanDir(d.fd, name)
	switch {
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENOTDIR):
		return scanDir{}, fs.ErrNotExist // another thing by now
	case err == nil && !cross && sub.dev != d.dev:
		sub.close()
		return scanDir{}, errOtherDevice
	}
	return sub, err
}

func (d *scanDir) close() {
	if d.fd != unix.AT_FDCWD {
		unix.Close(d.fd)
	}
}

// list are the names of regular files and of directories, each in order, at most
// limit of both. With an error they are those that were read before it.
func (d *scanDir) list(limit int) (files, dirs []string, err error) {
	buf := make([]byte, 32<<10)
	for {
		n, err := ignoringEINTR(func() (int, error) { return unix.Getdents(d.fd, buf) })
		if n <= 0 || err != nil {
			slices.Sort(files)
			slices.Sort(dirs)
			return files, dirs, err
		}
		// The names of one buffer are parts of one string.
		text := string(buf[:n])
		for b := buf[:n]; len(b) >= direntName; {
			size := int(binary.NativeEndian.Uint16(b[16:]))
			if size < direntName || size > len(b) {
				break
			}
			at := n - len(b)
			name, _, _ := strings.Cut(text[at+direntName:at+size], "\x00")
			typ := b[18]
			b = b[size:]
			if name == "." || name == ".." || name == "" {
				continue
			}
			if typ == unix.DT_UNKNOWN { // some file systems don't tell
				typ = d.typeOf(name)
			}
			switch typ {
			case unix.DT_REG:
				files = append(files, name)
			case unix.DT_DIR:
				dirs = append(dirs, name)
			}
		}
		if len(files)+len(dirs) > limit {
			slices.Sort(files)
			slices.Sort(dirs)
			return files, dirs, errors.New("too many entries; the rest is left out")
		}
	}
}

// direntName is where the name begins in struct linux_dirent64, behind d_ino,
// d_off, d_reclen and d_type.
const direntName = 19

func (d *scanDir) typeOf(name string) uint8 {
	var st unix.Stat_t
	if unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT) != nil {
		return unix.DT_UNKNOWN
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return unix.DT_REG
	case unix.S_IFDIR:
		return unix.DT_DIR
	}
	return unix.DT_UNKNOWN
}

// scanReader reads one file after the other.
type scanReader struct{ fd int }

// open opens a name that was a regular file when its directory was read. It may
// have become anything: a link is not followed, and a FIFO not waited for.
func (r *scanReader) open(d *scanDir, name string) error {
	for {
		fd, err := unix.Openat(d.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		switch {
		case err == nil:
			r.fd = fd
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO): // a link, a socket
			return errNotFile
		}
		return err
	}
}

// ReadAt implements io.ReaderAt, for regular files.
func (r *scanReader) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		got, err := unix.Pread(r.fd, p[n:], off+int64(n))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ESPIPE), errors.Is(err, unix.EISDIR):
			return n, errNotFile
		case err != nil:
			return n, err
		case got == 0:
			return n, io.EOF
		}
		n += got
	}
	return n, nil
}

func (r *scanReader) close() { unix.Close(r.fd) }

// file hands the descriptor over.
func (r *scanReader) file(path string) *os.File { return os.NewFile(uintptr(r.fd), path) }

func keyOf(info fs.FileInfo) (key fileKey, links uint64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fileKey{uint64(st.Dev), st.Ino}, uint64(st.Nlink)
	}
	return fileKey{}, 1
}

func ignoringEINTR(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
