package archive

import (
	"context"
	"io"
	"io/fs"
	"iter"
	"math"
	"path"
	"regexp"
	"strings"
	"sync"
)

// What the names in a tar make of it.
const (
	noImage = iota
	ociLayout
	dockerSave
)

// Other things have a manifest.json, so that what docker save and podman write
// beside it has to be there too: configurations and layers called by their digests.
var dockerNames = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9a-f]{64}\.(json|tar)$|^[^/]+/layer\.tar$|^blobs/sha256/[0-9a-f]{64}$`)
})

func imageKind(names iter.Seq[string]) int {
	var index, layout, manifest, parts bool
	for name := range names {
		switch name {
		case "index.json":
			index = true
		case "oci-layout":
			layout = true
		case "manifest.json":
			manifest = true
		default:
			parts = parts || dockerNames().MatchString(name)
		}
	}
	switch {
	case index && layout:
		return ociLayout
	case manifest && parts:
		return dockerSave
	}
	return noImage
}

// isImage reports whether what was taken for a package's files is an image's.
func (t *tree) isImage() bool {
	if t.root.children["manifest.json"] == nil && t.root.children["oci-layout"] == nil {
		return false
	}
	return imageKind(func(yield func(string) bool) {
		more := true
		t.files(func(p string, _ *content) { more = more && yield(strings.TrimPrefix(p, "/")) })
	}) != noImage
}

// streamBlobs are places in a tar that is compressed as a whole ("docker save | gzip").
// Nothing of it can be read but by decompressing what is before it, so it is gone
// through again for what lies behind, and one layer after the other where they are in
// order.
type streamBlobs struct {
	limits Limits
	budget budget // of all times
	stream func() (io.ReadCloser, error)
	files  map[string][2]int64 // offset in what comes out, and size

	// Where it is read now; r is nil before the first time.
	r     *bounded
	close func()
}

// streamBlobs finds the files of a compressed tar.
func (a *Archive) streamBlobs(ctx context.Context, l layer) (*streamBlobs, error) {
	s := &streamBlobs{limits: a.limits, budget: budget{a.limits.Output}, stream: l.stream}
	a.closers = append(a.closers, s)
	err := s.rewind()
	if err == nil {
		s.files, err = tarFiles(ctx, s.r, math.MaxInt64, a.limits, func() (int64, error) { return s.r.out, nil })
	}
	return s, err
}

func (s *streamBlobs) rewind() error {
	s.Close()
	rc, err := s.stream()
	if err != nil {
		return err
	}
	r, closeStream, err := decompress(rc, s.limits, &s.budget)
	if err != nil {
		rc.Close()
		return wrapFormat(err)
	}
	s.r, s.close = r, func() {
		closeStream()
		rc.Close()
	}
	return nil
}

// Close frees what the decompressor holds.
func (s *streamBlobs) Close() error {
	if s.r != nil {
		s.close()
	}
	s.r = nil
	return nil
}

// open gives a reader that is good until the next one is opened.
func (s *streamBlobs) open(name string) (io.ReadCloser, int64, error) {
	at, ok := s.files[path.Clean(name)]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if s.r == nil || s.r.out > at[0] {
		if err := s.rewind(); err != nil {
			return nil, 0, err
		}
	}
	if _, err := io.CopyN(io.Discard, s.r, at[0]-s.r.out); err != nil {
		return nil, 0, wrapFormat(err)
	}
	return io.NopCloser(io.LimitReader(s.r, at[1])), at[1], nil
}
