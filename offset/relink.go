package offset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/internal/relink"
	"github.com/probels/probels/internal/twin"
)

// openObjects makes a reference of a static archive or of an object file; nil if
// the file is neither.
func openObjects(ctx context.Context, path string, o *Options) (*Reference, []error, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil, nil // told by who opens it as a program
	}
	f, info, err := inroot.OpenHost(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	head := make([]byte, relink.HeadSize)
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	if !relink.Is(head[:n]) {
		return nil, nil, nil
	}
	var limits elfsym.Limits
	if o != nil {
		limits = o.Limits
	}
	ref, problems, err := referenceOfObjects(ctx, f, info.Size(), path, limits)
	if err != nil {
		return nil, problems, fmt.Errorf("%s: %w", path, err)
	}
	now, err := f.Stat()
	if err == nil && (now.Size() != info.Size() || !now.ModTime().Equal(info.ModTime())) {
		err = elfsym.ErrChanged
	}
	if err != nil {
		return nil, problems, fmt.Errorf("%s: %w", path, err)
	}
	return ref, problems, nil
}

func referenceOfObjects(ctx context.Context, r io.ReaderAt, size int64, path string, l elfsym.Limits) (*Reference, []error, error) {
	lib, problems, err := relink.Link(ctx, r, size, path, relink.Limits{ELF: l})
	if err != nil {
		return nil, problems, err
	}
	f, err := elfsym.NewFile(bytes.NewReader(lib.Image), int64(len(lib.Image)), &elfsym.Options{Limits: l})
	if err != nil {
		return nil, problems, err
	}
	set, errs, err := twin.Read(ctx, f, path, f.Symbols(elfsym.Symtab), twin.Limits{})
	problems = append(problems, errs...)
	if err != nil {
		return nil, problems, err
	}
	set.Divide(lib.Units)
	if err := hasNames(set); err != nil {
		return nil, problems, err
	}
	return &Reference{sets: []*twin.Set{set}}, problems, nil
}
