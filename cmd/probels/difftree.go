package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/offset"
)

// tree is a directory, a package or an image: the programs and libraries in it.
type tree struct {
	name  string
	files map[string]*side // by the path within, and the image before it
}

// readTree reads what diff compares of each file.
func (a *app) readTree(arg string, o *options) (*tree, error) {
	tr := &tree{files: map[string]*side{}}
	var err, unknown error
	more := 0
	tr.name, err = a.walkTree(arg, func(f treeFile) error {
		if !f.probes && o.kinds == offset.KindUSDT {
			tr.files[f.within] = &side{path: f.path, within: f.within}
			return nil
		}
		t, err := f.open(o)
		switch {
		case errors.Is(err, offset.ErrNotExecutable), errors.Is(err, offset.ErrDebugOnly):
			return nil
		case err != nil: // what is damaged is told and left out
			a.fail(plainError(err))
			return nil
		}
		s, err := a.sideOf(t, o)
		t.Close()
		if err != nil {
			a.fail(err)
			return nil
		}
		s.within = f.within
		tr.files[f.within] = s
		if !o.declares() {
			return nil
		}
		if t, err = f.open(o.forDeclared()); err != nil {
			a.fail(plainError(err))
			return nil
		}
		defer t.Close()
		if s.declared, err = a.declaredOf(t); err != nil && unknown == nil {
			unknown = err
		} else if err != nil {
			more++
		}
		return nil
	})
	if unknown != nil {
		if more > 0 {
			unknown = fmt.Errorf("%w; nor are those of %s more", unknown, plural(more, "file"))
		}
		a.note("%s", oneLine(unknown))
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
