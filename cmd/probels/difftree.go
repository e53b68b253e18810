package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probels/probels/internal/archive"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

// tree is a directory, a package or an image: the programs and libraries in it.
type tree struct {
	name  string
	files map[string]*side // by the path within, and the image before it
}

// isTree reports whether a target of diff is one.
func isTree(arg string) bool {
	if info, err := os.Stat(arg); err == nil && info.IsDir() {
		return true
	}
	in, ok := parseInArchive(arg)
	return ok && in.member == ""
}

// readTree reads what diff compares of each file. Symbolic links are not
// followed: what they lead to has a path of its own.
func (a *app) readTree(arg string, o *options) (*tree, error) {
	if in, ok := parseInArchive(arg); ok && in.member == "" {
		return a.readArchive(in, o)
	}
	dir, err := realFile(arg)
	if err != nil {
		return nil, plainError(err)
	}
	tr := &tree{name: dir, files: map[string]*side{}}
	how, err := a.target(o)
	if err != nil {
		return nil, err
	}
	var filter usdt.Filter
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			a.fail(plainError(err))
			return nil
		}
		if !e.Type().IsRegular() {
			return nil
		}
		within := path[len(dir):]
		f, _, err := inroot.OpenHost(path) // it may be a FIFO by now
		if err != nil {
			a.fail(plainError(err))
			return nil
		}
		verdict := filter.Look(f)
		f.Close()
		switch verdict {
		case usdt.Object, usdt.DebugOnly, usdt.NotELF:
			return nil
		case usdt.NoProbes:
			if o.kinds == offset.KindUSDT {
				tr.files[within] = &side{path: path, within: within}
				return nil
			}
		}
		t, err := offset.Open(path, how)
		return a.addToTree(tr, within, t, err, o)
	})
	return tr, err
}

// addToTree adds a file that was opened. What is damaged is told and left out.
func (a *app) addToTree(tr *tree, within string, t *offset.Target, err error, o *options) error {
	switch {
	case errors.Is(err, offset.ErrNotExecutable), errors.Is(err, offset.ErrDebugOnly):
		return nil
	case err != nil:
		a.fail(plainError(err))
		return nil
	}
	defer t.Close()
	s, err := a.sideOf(t, o)
	if err != nil {
		a.fail(err)
		return nil
	}
	s.within = within
	tr.files[within] = s
	return nil
}

func (a *app) readArchive(in inArchive, o *options) (*tree, error) {
	file, err := realFile(in.file)
	if err != nil {
		return nil, plainError(err)
	}
	ctx := context.Background()
	ar, err := archive.Open(ctx, file, archive.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer ar.Close()
	tr := &tree{name: file, files: map[string]*side{}}
	var filter usdt.Filter
	err = ar.Each(ctx, in.image, func(m *archive.Member) error {
		within := m.Path
		if m.Image != "" && in.image == "" {
			within = "@" + m.Image + ":" + m.Path
		}
		switch verdict := filter.Look(bytes.NewReader(m.Data)); {
		case verdict == usdt.Object, verdict == usdt.DebugOnly, verdict == usdt.NotELF:
			return nil
		case verdict == usdt.NoProbes && o.kinds == offset.KindUSDT:
			tr.files[within] = &side{path: in.path(file, m), within: within}
			return nil
		}
		t, err := a.memberTarget(in.path(file, m), m.Data, o)
		a.members = a.members[:0]
		return a.addToTree(tr, within, t, err, o)
	})
	for _, p := range ar.Problems() {
		a.fail(fmt.Errorf("%s: %w", file, p))
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", file, err)
	}
	return tr, err
}

// pair is a file and what became of it; old or new is nil where there is none.
type pair struct{ old, new *side }

// pairTrees pairs files of one path; then those whose paths are the same but for
// version numbers, and those whose names are, as far as there is one of each.
func pairTrees(old, new *tree) []pair {
	var out []pair
	left := [2]map[string]*side{{}, {}}
	for path, s := range old.files {
		if n := new.files[path]; n != nil {
			out = append(out, pair{s, n})
		} else {
			left[0][path] = s
		}
	}
	for path, s := range new.files {
		if old.files[path] == nil {
			left[1][path] = s
		}
	}
	for _, key := range []func(string) string{unversioned, func(p string) string { return unversioned(p[strings.LastIndexByte(p, '/')+1:]) }} {
		var byKey [2]map[string][]string
		for i := range left {
			byKey[i] = map[string][]string{}
			for path := range left[i] {
				byKey[i][key(path)] = append(byKey[i][key(path)], path)
			}
		}
		for k, a := range byKey[0] {
			if b := byKey[1][k]; len(a) == 1 && len(b) == 1 {
				out = append(out, pair{left[0][a[0]], left[1][b[0]]})
				delete(left[0], a[0])
				delete(left[1], b[0])
			}
		}
	}
	for _, s := range left[0] {
		out = append(out, pair{old: s})
	}
	for _, s := range left[1] {
		out = append(out, pair{new: s})
	}
	slices.SortFunc(out, func(a, b pair) int { return strings.Compare(a.within(), b.within()) })
	return out
}

func (p pair) within() string {
	if p.old != nil {
		return p.old.within
	}
	return p.new.within
}

// unversioned is a path without the numbers in it: "libx.so.6.0.30" and
// "libx.so.6.0.33" are one, and so are "python3.11" and "python3.13".
func unversioned(path string) string {
	b := make([]byte, 0, len(path))
	digit := func(i int) bool { return i >= 0 && i < len(path) && '0' <= path[i] && path[i] <= '9' }
	for i := range len(path) {
		switch {
		case !digit(i) && !(path[i] == '.' && digit(i-1) && digit(i+1)):
			b = append(b, path[i])
		case digit(i) && (i == 0 || !digit(i-1) && !(path[i-1] == '.' && digit(i-2))):
			b = append(b, '0')
		}
	}
	return string(b)
}

// diffTrees compares all that is in two directories, packages or images.
func (a *app) diffTrees(args []string, o *options, d *differ) error {
	var trees [2]*tree
	for i, arg := range args {
		if !isTree(arg) {
			return usagef("%s: a file, and %s is not; name a file in it, or another directory, package or image", arg, args[1-i])
		}
		tr, err := a.readTree(arg, o)
		if err != nil {
			return err
		}
		if trees[i] = tr; len(tr.files) == 0 {
			a.note("%s: no programs or libraries", tr.name)
		}
	}
	for _, p := range pairTrees(trees[0], trees[1]) {
		d.pair(p)
	}
	return nil
}
