package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/archive"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

// inArchive is a file in a package or an image, as a person writes it:
//
//	ARCHIVE:/MEMBER, and ARCHIVE@IMAGE:/MEMBER where there are several images
//
// IMAGE is a platform (linux/arm64), a tag or a digest. A file that is called so
// comes first.
type inArchive struct {
	file, image, member string // member is "" for all
}

// parseInArchive reads that; ok is false if it names no archive that there is.
func parseInArchive(text string) (in inArchive, ok bool) {
	if archive.Is(text) {
		return inArchive{file: text}, true
	}
	if _, err := os.Lstat(text); err == nil {
		return in, false
	}
	for at := 0; ; {
		i := strings.Index(text[at:], ":/")
		if i < 0 {
			break
		}
		at += i
		if in.file, in.image, ok = splitImage(text[:at]); ok {
			in.member = text[at+1:]
			return in, true
		}
		at++
	}
	in.file, in.image, ok = splitImage(text)
	return in, ok
}

// splitImage splits ARCHIVE[@IMAGE]; a tag or a digest may have a "@" too.
func splitImage(text string) (file, image string, ok bool) {
	if archive.Is(text) {
		return text, "", true
	}
	for i := range len(text) {
		if text[i] == '@' && archive.Is(text[:i]) {
			return text[:i], text[i+1:], true
		}
	}
	return "", "", false
}

// path is how a member is told: what may be typed again.
func (in inArchive) path(file string, m *archive.Member) string {
	if m.Image != "" {
		file += "@" + m.Image
	}
	return file + ":" + m.Path
}

// realFile is a path from the root without symbolic links.
func realFile(path string) (string, error) {
	at, err := inroot.Find(path)
	return at.Path, err
}

// openMember opens one file of an archive.
func (a *app) openMember(in inArchive, o *options) (*offset.Target, error) {
	file, err := realFile(in.file)
	if err != nil {
		return nil, plainError(err)
	}
	ar, err := archive.Open(context.Background(), file, archive.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer ar.Close()
	m, err := ar.Read(context.Background(), in.image, in.member)
	if err == nil && m == nil {
		err = errors.Join(ar.Problems()...)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if m.Image == "" {
		m.Image = in.image
	}
	return a.memberTarget(in.path(file, m), m.Data, o)
}

func (a *app) memberTarget(path string, data []byte, o *options) (*offset.Target, error) {
	how, err := a.target(o)
	if err != nil {
		return nil, err
	}
	f, err := elfsym.NewFile(bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	t, err := offset.New(f, path, how)
	if err == nil {
		a.members = append(a.members, t)
	}
	return t, err
}

// isMember reports whether a target is a file in an archive.
func (a *app) isMember(t *offset.Target) bool { return slices.Contains(a.members, t) }

// noteArchive says once what the listing of an archive cannot be used for.
func (a *app) noteArchive(file string, o *options) {
	if !o.quiet && !o.json {
		a.note("%s: to attach, unpack it: probes are put on files", file)
	}
}

// archive lists what is in one.
func (v *scanView) archive(in inArchive) error {
	a, ctx := v.a, context.Background()
	file, err := realFile(in.file)
	if err != nil {
		return plainError(err)
	}
	var filter usdt.Filter
	ar, err := archive.OpenKeeping(ctx, file, archive.Limits{}, func(data []byte) bool {
		switch filter.Look(bytes.NewReader(data)) {
		case usdt.Object, usdt.DebugOnly, usdt.NotELF:
			return false
		case usdt.NoProbes:
			return v.q.Kinds != offset.KindUSDT
		}
		return true
	})
	switch {
	case errors.Is(err, archive.ErrNotArchive) && in.image == "" && !calledArchive(file):
		return nil // compressed, or an ar archive: nothing for us, as any other file
	case err != nil:
		return fmt.Errorf("%s: %w", file, err)
	}
	defer ar.Close()
	v.remark = remarkArchive
	defer func() { v.remark = "" }()
	before := v.files
	err = ar.Each(ctx, in.image, func(m *archive.Member) error {
		t, err := a.memberTarget(in.path(file, m), m.Data, v.o)
		switch {
		case errors.Is(err, offset.ErrNotExecutable), errors.Is(err, offset.ErrDebugOnly):
			return nil
		case err != nil:
			v.problem(err.Error())
			return nil
		}
		a.members = a.members[:0]
		defer t.Close()
		var probes []offset.Probe
		var errs []error
		for p, err := range t.Probes(ctx, v.q) {
			if err == nil {
				probes = append(probes, p)
			} else if len(errs) < maxProblems {
				errs = append(errs, err)
			}
		}
		v.file(t, probes, errs)
		return nil
	})
	for _, p := range ar.Problems() {
		v.problem(file + ": " + p.Error())
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if v.files > before {
		a.noteArchive(file, v.o)
	}
	return nil
}

const remarkArchive = "not for bpftrace, it is in an archive"
