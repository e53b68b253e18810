package debuglink

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"github.com/probels/probels/elfsym"
)

// Options say where to search and what it may cost; nil means the defaults.
// They are only read: one value may serve many goroutines.
type Options struct {
	// Root is the directory that stands for "/": /proc/PID/root for what a
	// process has mapped. Nothing outside of it is opened, symlinks included.
	// "" is the host's root. The paths given to Find and in Dirs are paths
	// inside of it.
	Root string

	// Dirs are the debug directories inside Root, each of which may hold
	// .build-id/ and the paths of executables. nil means DefaultDirs.
	Dirs []string

	// HostDirs stand in for Dirs where that is nil, else they are searched
	// before it. They are directories of the host, whatever Root is: an
	// unpacked debug package, say. A directory that has usr/lib/debug below it
	// is taken for that one too.
	HostDirs []string

	// Fetcher is asked when nothing was found on disk. nil: no network is used
	// and no cache of it is read. See package debuglink/debuginfod.
	Fetcher Fetcher

	// CheckCRC also computes the CRC of a file that a build-id has proved, and
	// warns where the debug link has another one. That reads the whole file, at
	// some gigabytes a second from memory and a disk's speed otherwise, and
	// changes no answer.
	CheckCRC bool

	Limits Limits
}

// Limits bound what a search may cost. The zero value of a field means its
// default.
type Limits struct {
	ELF elfsym.Limits // for every file that is opened

	// CRC is the largest file whose CRC is computed, in bytes. Default 16 GiB;
	// a sparse file can claim more than any disk holds.
	CRC int64

	// MiniDebug is the largest size, in bytes, that .gnu_debugdata may
	// decompress to, and MiniDebugDict the largest dictionary for it. Defaults
	// 256 MiB, and 64 MiB, which is what xz -9 asks for.
	MiniDebug     uint64
	MiniDebugDict uint64
}

func (o *Options) limits() Limits {
	var l Limits
	if o != nil {
		l = o.Limits
	}
	if l.CRC == 0 {
		l.CRC = 16 << 30
	}
	if l.MiniDebug == 0 {
		l.MiniDebug = 256 << 20
	}
	if l.MiniDebugDict == 0 {
		l.MiniDebugDict = 64 << 20
	}
	return l
}

func (o *Options) root() string {
	if o == nil {
		return ""
	}
	return o.Root
}

func (o *Options) fetcher() Fetcher {
	if o == nil {
		return nil
	}
	return o.Fetcher
}

// A dir is a debug directory.
type dir struct {
	path    string
	outside bool // a path of the host's
}

func (o *Options) dirs() []dir {
	var out []dir
	if o != nil {
		for _, d := range o.HostDirs {
			if abs, err := filepath.Abs(d); err == nil {
				d = filepath.ToSlash(abs)
			}
			out = append(out, dir{d, true}, dir{path.Join(d, DefaultDirs[0]), true})
		}
	}
	inside := DefaultDirs
	if o != nil && (o.Dirs != nil || len(o.HostDirs) > 0) {
		inside = o.Dirs
	}
	for _, d := range inside {
		out = append(out, dir{path.Join("/", d), false})
	}
	return out
}

// An Artifact is what can be fetched for a build-id.
type Artifact string

// The artifacts, spelled as in a debuginfod URL.
const (
	DebugInfo  Artifact = "debuginfo"
	Executable Artifact = "executable"
)

// A Fetcher gets files by build-id from somewhere else: a network, a cache.
// *debuginfod.Client is one. It must be safe for concurrent use.
type Fetcher interface {
	// Fetch returns a regular file opened for reading, which the caller closes,
	// and where it came from, for people to read. The error wraps
	// fs.ErrNotExist if the file is not to be had. Whether the file is the
	// right one is verified by the caller too.
	Fetch(ctx context.Context, what Artifact, buildID []byte) (f *os.File, from string, err error)
}
