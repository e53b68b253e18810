package archive

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
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
	out, closeStream, err := decompress(in, a.limits, b)
	if err != nil {
		return fmt.Errorf("%v (%w)", err, ErrFormat)
	}
	defer closeStream()
	var r io.Reader = out
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
		case n == 0 && (errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) && out.out < 512):
			return fmt.Errorf("no tar in it (%v): %w", err, ErrNotArchive)
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

// index puts the layers of an image on one another. What is kept of them is read
// meanwhile, so that mostly there is no second time.
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
		c := &content{layer: t.layer, entry: n, size: h.Size, elf: string(head[:got]) == elfMagic}
		if c.elf && a.keep != nil && c.size <= a.limits.Member {
			if err := a.look(c, r); err != nil {
				return wrapFormat(fmt.Errorf("%s: %w", p, err))
			}
		}
		return t.put(p, c, "")
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

const elfMagic = "\x7fELF"

// look reads a file whose magic was read, and keeps it if it is wanted and there is
// room.
func (a *Archive) look(c *content, r io.Reader) (err error) {
	if a.buf, err = readMember(append(a.buf[:0], elfMagic...), r, c.size); err != nil {
		return err
	}
	switch {
	case !a.keep(a.buf):
		c.elf = false
	case c.size <= a.limits.Held-a.held:
		a.held += c.size
		c.data = slices.Clone(a.buf)
	default:
		c.sum, c.summed = crc32.ChecksumIEEE(a.buf), true
	}
	return nil
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

// noImage says what could have been chosen.
func (a *Archive) noImage(name string) error {
	there := a.Images()
	if len(a.images) == 1 {
		if there = a.images[0].names; len(there) == 0 {
			return fmt.Errorf("image %q: %w; it is a package or a tar, without images", name, ErrNotFound)
		}
	}
	return fmt.Errorf("image %q: %w; there are %s", name, ErrNotFound, strings.Join(there, ", "))
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

// Each calls f for each ELF file of the images that a name chooses, "" for all, or for
// those of them that were to be kept: in the
// order in which the archive has them, a file of several names once, by the first.
// Where f returns an error, it ends with that.
func (a *Archive) Each(ctx context.Context, name string, f func(*Member) error) error {
	images := a.chosen(name)
	if len(images) == 0 {
		return a.noImage(name)
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
		return nil, a.noImage(name)
	case len(images) > 1:
		return nil, fmt.Errorf("%d images: say which, ARCHIVE@IMAGE:%s, of %s", len(images), path.Clean("/"+member), strings.Join(a.Images(), ", "))
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

// read goes through what is wanted in the order in which the layers have it. A layer is
// read again if something of it is not held, as far as that.
func (a *Archive) read(ctx context.Context, i *image, wanted map[*content]string, f func(*Member) error) error {
	byLayer := make([][]*content, len(i.layers))
	for c := range wanted {
		byLayer[c.layer] = append(byLayer[c.layer], c)
	}
	b := &budget{a.limits.Output}
	for k, todo := range byLayer {
		slices.SortFunc(todo, func(x, y *content) int { return x.entry - y.entry })
		give := func(r io.Reader) error {
			c := todo[0]
			todo = todo[1:]
			m := &Member{Image: a.nameOf(i), Path: wanted[c], Size: c.size}
			if err := a.fill(m, c, r); err != nil || m.Data == nil {
				return err
			}
			return f(m)
		}
		last := -1 // that is not held
		for _, c := range todo {
			if c.data == nil {
				last = c.entry
			}
		}
		if last >= 0 {
			if err := a.again(ctx, i.layers[k], b, last, &todo, give); err != nil {
				return err
			}
		}
		for len(todo) > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := give(nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// again reads a layer another time, as far as an entry.
func (a *Archive) again(ctx context.Context, l layer, b *budget, last int, todo *[]*content, give func(io.Reader) error) error {
	enough := errors.New("enough")
	err := a.entries(ctx, l, b, false, func(n int, h *tar.Header, r io.Reader) error {
		if len(*todo) == 0 || (*todo)[0].entry != n {
			return nil
		}
		if h.Size != (*todo)[0].size {
			return ErrChanged
		}
		if err := give(r); err != nil {
			return err
		}
		if n == last {
			return enough
		}
		return nil
	})
	if err == nil {
		return ErrChanged // it ended before
	}
	if errors.Is(err, enough) {
		return nil
	}
	return err
}

// fill gives a member its bytes, from r if they are not held; none if they are too
// many, which is a problem of that one alone.
func (a *Archive) fill(m *Member, c *content, r io.Reader) error {
	switch {
	case c.data != nil:
		m.Data = c.data
		return nil
	case c.size > a.limits.Member:
		a.problem(fmt.Errorf("%s: %d bytes, %d are read into memory: %w", m.Path, c.size, a.limits.Member, ErrLimit))
		return nil
	}
	var err error
	if a.buf, err = readMember(a.buf[:0], r, c.size); err != nil {
		return wrapFormat(fmt.Errorf("%s: %w", m.Path, err))
	}
	if c.summed && c.sum != crc32.ChecksumIEEE(a.buf) {
		return fmt.Errorf("%s: %w", m.Path, ErrChanged)
	}
	if a.unchanged != nil {
		if err := a.unchanged(); err != nil {
			return err
		}
	}
	m.Data = a.buf
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
