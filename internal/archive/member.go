package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"
)

// A Member is an ELF file in an archive.
type Member struct {
	Image string // what chooses its image; "" where there is only one
	Path  string // in the archive's file system, from its root, without links
	Size  int64
	Data  []byte // valid until the function that got it returns
}

// entries walks the tar of a layer.
func (a *Archive) entries(ctx context.Context, l layer, b *budget, verify bool, f func(n int, h *tar.Header, r io.Reader) error) error {
	rc, err := l.open()
	if err != nil {
		return err
	}
	defer rc.Close()
	var packed, plain hash.Hash
	var in io.Reader = rc
	if verify && l.digest != "" {
		packed = sha256.New()
		in = io.TeeReader(rc, packed)
	}
	r, closeStream, err := decompress(in, a.limits, b)
	if err != nil {
		return fmt.Errorf("%v (%w)", err, ErrFormat)
	}
	defer closeStream()
	if verify && l.diffID != "" {
		plain = sha256.New()
		r = io.TeeReader(r, plain)
	}
	tr := tar.NewReader(r)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, tar.ErrInsecurePath) {
			err = nil
		}
		switch {
		case err != nil:
			return wrapFormat(err)
		case n == 4*a.limits.Entries:
			return fmt.Errorf("too many entries: %w", ErrLimit)
		}
		if err := f(n, h, tr); err != nil {
			return err
		}
	}
	if !verify {
		return nil
	}
	// What follows the end of the tar is part of the digest.
	if _, err := io.Copy(io.Discard, r); err != nil {
		return wrapFormat(err)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return err
	}
	for _, c := range []struct {
		h    hash.Hash
		want string
	}{{packed, l.digest}, {plain, l.diffID}} {
		if c.h != nil && c.want != "sha256:"+hex.EncodeToString(c.h.Sum(nil)) {
			return fmt.Errorf("its bytes have another digest than %s: %w", c.want, ErrFormat)
		}
	}
	return nil
}

// wrapFormat makes an error of a decoder one of ours, if it is not yet.
func wrapFormat(err error) error {
	if errors.Is(err, ErrLimit) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%w (%w)", err, ErrFormat)
}

// index puts the layers of an image on one another.
func (a *Archive) index(ctx context.Context, i *image) error {
	i.tree = newTree(a.limits)
	b := &budget{a.limits.Output}
	for k, l := range i.layers {
		i.tree.layer = k
		err := a.entries(ctx, l, b, true, func(n int, h *tar.Header, r io.Reader) error {
			return a.entry(i.tree, n, h, r)
		})
		if err != nil {
			if l.name != "" {
				err = fmt.Errorf("%s: %w", l.name, err)
			}
			return err
		}
	}
	return nil
}

func (a *Archive) entry(t *tree, n int, h *tar.Header, r io.Reader) error {
	switch h.Typeflag {
	case tar.TypeXGlobalHeader:
		return nil
	}
	p, err := cleanName(h.Name)
	if err != nil {
		a.problem(err)
		return nil
	}
	if p == "/" {
		return nil
	}
	p = t.through(p)
	if hides, err := t.whiteout(p); hides || err != nil {
		return err
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		var head [4]byte
		got, err := io.ReadFull(r, head[:])
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return wrapFormat(err)
		}
		return t.put(p, &content{t.layer, n, h.Size, string(head[:got]) == "\x7fELF"}, "")
	case tar.TypeDir:
		return t.dir(p)
	case tar.TypeSymlink:
		if h.Linkname == "" || len(h.Linkname) > maxPath {
			a.problem(fmt.Errorf("%s: no name for a link: %w", p, ErrFormat))
			return nil
		}
		return t.put(p, nil, h.Linkname)
	case tar.TypeLink:
		to, err := cleanName(h.Linkname)
		if err == nil {
			if file := t.linked(to); file != nil {
				return t.put(p, file, "")
			}
			err = fmt.Errorf("%s: a hard link to %s, which is no file: %w", p, to, ErrFormat)
		}
		a.problem(err)
		return nil
	}
	return t.put(p, nil, "")
}

// linked is the file at a path as it is now; a link that it may be is not followed.
func (t *tree) linked(p string) *content {
	n, real := t.find(p)
	if n == nil || real != p {
		return nil
	}
	return n.file
}

const maxProblems = 100

func (a *Archive) problem(err error) {
	if len(a.problems) < maxProblems {
		a.problems = append(a.problems, err)
	}
}

// Images are the names that choose an image, for each of them; none where there is
// only one.
func (a *Archive) Images() []string {
	if len(a.images) < 2 {
		return nil
	}
	var out []string
	for _, i := range a.images {
		out = append(out, a.nameOf(i))
	}
	return out
}

// nameOf is the first of an image's names that no other one has.
func (a *Archive) nameOf(i *image) string {
	if len(a.images) < 2 {
		return ""
	}
	for _, name := range i.names {
		if len(a.chosen(name)) == 1 {
			return name
		}
	}
	return first(i.names...)
}

func (a *Archive) chosen(name string) []*image {
	var out []*image
	for _, i := range a.images {
		if name == "" || slices.Contains(i.names, name) {
			out = append(out, i)
		}
	}
	return out
}

// ErrNotFound is a member or an image that is not there.
var ErrNotFound = errors.New("not found in the archive")

// Each calls f for each ELF file of the images that a name chooses, "" for all: in the
// order in which the archive has them, a file of several names once, by the first.
// Where f returns an error, it ends with that.
func (a *Archive) Each(ctx context.Context, name string, f func(*Member) error) error {
	images := a.chosen(name)
	if len(images) == 0 {
		return fmt.Errorf("image %q: %w; there are %s", name, ErrNotFound, strings.Join(a.Images(), ", "))
	}
	for _, i := range images {
		wanted := map[*content]string{}
		i.tree.files(func(p string, c *content) {
			if _, ok := wanted[c]; !ok && c.elf {
				wanted[c] = p
			}
		})
		if err := a.read(ctx, i, wanted, f); err != nil {
			return err
		}
	}
	return nil
}

// Read is one file, links followed inside the archive; its Path is that without
// links. Several images must be told apart by name.
func (a *Archive) Read(ctx context.Context, name, member string) (*Member, error) {
	images := a.chosen(name)
	switch {
	case len(images) == 0:
		return nil, fmt.Errorf("image %q: %w; there are %s", name, ErrNotFound, strings.Join(a.Images(), ", "))
	case len(images) > 1:
		return nil, fmt.Errorf("%d images: say which of %s", len(images), strings.Join(a.Images(), ", "))
	}
	n, real := images[0].tree.find(member)
	if n == nil || n.file == nil {
		return nil, fmt.Errorf("%s: %w", path.Clean("/"+member), ErrNotFound)
	}
	var out *Member
	err := a.read(ctx, images[0], map[*content]string{n.file: real}, func(m *Member) error {
		out = m
		return nil
	})
	return out, err
}

// read goes through the layers that have something wanted, as far as they do.
func (a *Archive) read(ctx context.Context, i *image, wanted map[*content]string, f func(*Member) error) error {
	byPlace := map[[2]int]*content{}
	left := make([]int, len(i.layers))
	for c := range wanted {
		byPlace[[2]int{c.layer, c.entry}] = c
		left[c.layer]++
	}
	b := &budget{a.limits.Output}
	var buf []byte
	enough := errors.New("enough")
	for k, l := range i.layers {
		if left[k] == 0 {
			continue
		}
		err := a.entries(ctx, l, b, false, func(n int, h *tar.Header, r io.Reader) error {
			c := byPlace[[2]int{k, n}]
			if c == nil {
				return nil
			}
			m := &Member{Image: a.nameOf(i), Path: wanted[c], Size: c.size}
			if h.Size != c.size {
				return fmt.Errorf("%s: the archive has changed: %w", m.Path, ErrFormat)
			}
			if c.size > a.limits.Member {
				a.problem(fmt.Errorf("%s: %d bytes, %d are read into memory: %w", m.Path, c.size, a.limits.Member, ErrLimit))
			} else {
				var err error
				if buf, err = readMember(buf[:0], r, c.size); err != nil {
					return wrapFormat(fmt.Errorf("%s: %w", m.Path, err))
				}
				m.Data = buf
				if err := f(m); err != nil {
					return err
				}
			}
			if left[k]--; left[k] == 0 {
				return enough
			}
			return nil
		})
		if err != nil && !errors.Is(err, enough) {
			return err
		}
	}
	return nil
}

// readMember believes a size by and by: an entry of a small archive can claim any.
func readMember(buf []byte, r io.Reader, size int64) ([]byte, error) {
	for int64(len(buf)) < size {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(size, int64(max(1<<20, 2*cap(buf)))))
			copy(grown, buf)
			buf = grown
		}
		n, err := io.ReadFull(r, buf[len(buf):min(int64(cap(buf)), size)])
		buf = buf[:len(buf)+n]
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}
