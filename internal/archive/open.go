package archive

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
)

// An Archive is one that was opened, its members known.
type Archive struct {
	limits    Limits
	images    []*image
	problems  []error
	closers   []io.Closer
	keep      func([]byte) bool
	held      int64
	buf       []byte       // one member
	unchanged func() error // nil if that is told otherwise
}

// Is reports whether a path, by what it begins with, is an archive that Open
// may read: cheap, and true for what only looks so.
func Is(name string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	if info.IsDir() {
		_, err := os.Stat(filepath.Join(name, "oci-layout"))
		return err == nil
	}
	f, _, err := inroot.OpenHost(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 512)
	n, _ := io.ReadFull(f, head)
	return isArchive(head[:n])
}

func isArchive(head []byte) bool {
	return compression(head) != "" || isTar(head) || bytes.HasPrefix(head, []byte(arMagic+"debian-binary"))
}

func isTar(head []byte) bool {
	return len(head) >= 512 && bytes.Equal(head[257:262], []byte("ustar"))
}

// Open reads the headers of all that a file, or a directory with an OCI image
// layout, has. Close it.
func Open(ctx context.Context, name string, l Limits) (*Archive, error) {
	return OpenKeeping(ctx, name, l, nil)
}

// OpenKeeping is Open for who wants to see many files: each ELF file's bytes are given
// to keep on the way, those that it wants are held, up to Limits.Held, and Each is
// about those alone. So the archive is mostly read once. keep may not keep the bytes.
func OpenKeeping(ctx context.Context, name string, l Limits, keep func([]byte) bool) (*Archive, error) {
	a := &Archive{limits: l.withDefaults(), keep: keep}
	err := a.open(ctx, name)
	if err == nil {
		err = a.indexAll(ctx)
	}
	if err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

func (a *Archive) indexAll(ctx context.Context) error {
	for _, i := range a.images {
		if err := a.index(ctx, i); err != nil {
			return err
		}
	}
	if len(a.images) != 1 || a.images[0].layers[0].stream == nil || !a.images[0].tree.isImage() {
		return nil
	}
	// A compressed tar has turned out to be an image.
	s, err := a.streamBlobs(ctx, a.images[0].layers[0])
	if err == nil {
		a.images, err = imagesOf(ctx, s, s.files)
	}
	for i := 0; err == nil && i < len(a.images); i++ {
		err = a.index(ctx, a.images[i])
	}
	return err
}

// Close closes the file.
func (a *Archive) Close() error {
	var errs []error
	for _, c := range a.closers {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Problems are what is damaged and was left out.
func (a *Archive) Problems() []error { return a.problems }

func (a *Archive) open(ctx context.Context, name string) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		root, err := inroot.Open(name)
		if err != nil {
			return err
		}
		a.closers = append(a.closers, root)
		a.images, err = ociImages(ctx, dirBlobs{root, map[string]fs.FileInfo{}})
		return err
	}
	f, info, err := inroot.OpenHost(name)
	switch {
	case errors.Is(err, elfsym.ErrNotRegular):
		return errors.Join(err, ErrNotArchive)
	case err != nil:
		return err
	}
	a.closers = append(a.closers, f)
	a.unchanged = func() error {
		now, err := f.Stat()
		if err == nil && !sameStamp(info, now) {
			err = ErrChanged
		}
		return err
	}
	return a.openReader(ctx, f, info.Size())
}

func (a *Archive) openReader(ctx context.Context, f io.ReaderAt, size int64) error {
	head := make([]byte, min(512, size))
	if _, err := f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	whole := func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, 0, size)), nil }
	switch {
	case bytes.HasPrefix(head, []byte(arMagic)):
		off, n, err := debData(f, size)
		whole = func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, off, n)), nil }
		if err != nil {
			return err
		}
	case isTar(head):
		t, err := tarBlobs(ctx, f, size, a.limits)
		if err != nil {
			return err
		}
		if t != nil {
			a.images, err = imagesOf(ctx, t, t.files)
			return err
		}
	case compression(head) == "":
		return ErrNotArchive
	default:
		a.images = []*image{{layers: []layer{{open: whole, stream: whole}}}}
		return nil
	}
	a.images = []*image{{layers: []layer{{open: whole}}}}
	return nil
}

// imagesOf are the images in a tar. An OCI layout's own index comes first: docker save
// writes both.
func imagesOf(ctx context.Context, b blobs, files map[string][2]int64) ([]*image, error) {
	if imageKind(maps.Keys(files)) == ociLayout {
		return ociImages(ctx, b)
	}
	return dockerImages(b)
}

// sameStamp reports whether a file is as it was.
func sameStamp(was, now fs.FileInfo) bool {
	return was.Size() == now.Size() && was.ModTime().Equal(now.ModTime())
}

// dirBlobs are those of a directory; nothing outside of it is opened.
type dirBlobs struct {
	root *inroot.Root
	seen map[string]fs.FileInfo
}

func (d dirBlobs) open(name string) (io.ReadCloser, int64, error) {
	f, info, err := d.root.OpenFile(name)
	if err != nil {
		return nil, 0, err
	}
	if was := d.seen[name]; was != nil && !sameStamp(was, info) {
		f.Close()
		return nil, 0, ErrChanged
	}
	d.seen[name] = info
	return f, info.Size(), nil
}

// memberBlobs are places in a tar that is not compressed.
type memberBlobs struct {
	r     io.ReaderAt
	files map[string][2]int64 // offset and size
}

func (m *memberBlobs) open(name string) (io.ReadCloser, int64, error) {
	at, ok := m.files[path.Clean(name)]
	if !ok {
		return nil, 0, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(io.NewSectionReader(m.r, at[0], at[1])), at[1], nil
}

// tarBlobs finds the files of a tar that is an image; nil if it is none.
func tarBlobs(ctx context.Context, r io.ReaderAt, size int64, l Limits) (*memberBlobs, error) {
	section := io.NewSectionReader(r, 0, size)
	files, err := tarFiles(ctx, section, size, l, func() (int64, error) { return section.Seek(0, io.SeekCurrent) })
	if err != nil || imageKind(maps.Keys(files)) == noImage {
		return nil, err
	}
	return &memberBlobs{r, files}, nil
}

// tarFiles are the places and sizes of a tar's files. at tells how far it was read.
func tarFiles(ctx context.Context, r io.Reader, size int64, l Limits, at func() (int64, error)) (map[string][2]int64, error) {
	files := map[string][2]int64{}
	links := map[string]string{}
	names := int64(0)
	for tr := tar.NewReader(r); ; {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, tar.ErrInsecurePath) {
			err = nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, wrapFormat(err)
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		if names += int64(len(name)); names > l.Names || len(files)+len(links) >= l.Entries {
			return nil, fmt.Errorf("too many names: %w", ErrLimit)
		}
		switch h.Typeflag {
		case tar.TypeReg:
			off, err := at()
			if err != nil {
				return nil, err
			}
			if h.Size > size-off {
				return nil, fmt.Errorf("%.80q: it reaches beyond the end: %w", name, ErrFormat)
			}
			files[name] = [2]int64{off, h.Size}
		case tar.TypeSymlink: // docker save had links from layer to equal layer
			links[name] = path.Join(path.Dir("/"+name), h.Linkname)[1:]
		case tar.TypeLink:
			links[name] = strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")
		}
	}
	for name, to := range links {
		if at, ok := files[to]; ok {
			files[name] = at
		}
	}
	return files, nil
}

const (
	arMagic  = "!<arch>\n"
	arHeader = 60
)

// debData finds data.tar.* in a deb, whose first member says what it is.
func debData(r io.ReaderAt, size int64) (off, n int64, err error) {
	bad := func(text string) (int64, int64, error) {
		return 0, 0, fmt.Errorf("deb: %s: %w", text, ErrFormat)
	}
	off = int64(len(arMagic))
	const most = 16 // members; there are three, and room for a signature
	for i := range most {
		var h [arHeader]byte
		if _, err := r.ReadAt(h[:], off); err != nil {
			return bad("no data.tar")
		}
		off += arHeader
		name := strings.TrimRight(strings.TrimRight(string(h[:16]), " "), "/")
		n, err := strconv.ParseInt(strings.TrimRight(string(h[48:58]), " "), 10, 64)
		switch {
		case string(h[58:]) != "`\n", err != nil, n < 0, n > size-off:
			return bad("a damaged member")
		case i == 0 && name != "debian-binary":
			return 0, 0, fmt.Errorf("an ar archive that is no package: %w", ErrNotArchive)
		case strings.HasPrefix(name, "data.tar"):
			return off, n, nil
		}
		off += n + n&1
	}
	return bad("no data.tar")
}
