package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/probels/probels/internal/archive"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

// A treeFile is a program or library in a directory, a package or an image.
type treeFile struct {
	within string // its path there, with the image before it where there are several
	path   string // how it is told, and what may be typed
	probes bool   // whether it may have USDT probes
	open   func(*options) (*offset.Target, error)
}

// isTree reports whether a target has many files in it.
func isTree(arg string) bool {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return true
	}
	in, ok := parseInArchive(arg)
	return ok && in.member == ""
}

// walkTree visits the ELF files of one, and returns its path. Symbolic links are not
// followed: what they lead to has a path of its own.
func (a *app) walkTree(arg string, visit func(treeFile) error) (string, error) {
	if in, ok := parseInArchive(arg); ok && in.member == "" {
		return a.walkArchive(in, visit)
	}
	dir, err := realFile(arg)
	if err != nil {
		return "", plainError(err)
	}
	var filter usdt.Filter
	return dir, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			a.fail(plainError(err))
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		f, _, err := inroot.OpenHost(path) // it may be a FIFO by now
		if err != nil {
			a.fail(plainError(err))
			return nil
		}
		verdict := filter.Look(f)
		f.Close()
		if verdict == usdt.Object || verdict == usdt.DebugOnly || verdict == usdt.NotELF {
			return nil
		}
		return visit(treeFile{path[len(dir):], path, verdict != usdt.NoProbes, func(o *options) (*offset.Target, error) {
			how, err := a.target(o)
			if err != nil {
				return nil, err
			}
			return offset.Open(path, how)
		}})
	})
}

func (a *app) walkArchive(in inArchive, visit func(treeFile) error) (string, error) {
	file, err := realFile(in.file)
	if err != nil {
		return "", plainError(err)
	}
	ctx := context.Background()
	ar, err := archive.Open(ctx, file, archive.Limits{})
	if err != nil {
		return "", fmt.Errorf("%s: %w", file, err)
	}
	defer ar.Close()
	var filter usdt.Filter
	err = ar.Each(ctx, in.image, func(m *archive.Member) error {
		within := m.Path
		if m.Image != "" && in.image == "" {
			within = "@" + m.Image + ":" + m.Path
		}
		verdict := filter.Look(bytes.NewReader(m.Data))
		if verdict == usdt.Object || verdict == usdt.DebugOnly || verdict == usdt.NotELF {
			return nil
		}
		path := in.path(file, m)
		return visit(treeFile{within, path, verdict != usdt.NoProbes, func(o *options) (*offset.Target, error) {
			t, err := a.memberTarget(path, m.Data, o)
			a.members = a.members[:0]
			return t, err
		}})
	})
	for _, p := range ar.Problems() {
		a.fail(fmt.Errorf("%s: %w", file, p))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return file, err
}
