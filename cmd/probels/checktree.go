package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt/manifest"
)

// findTargets finds in a directory, package or image the files that a manifest is about: by
// their paths there, else by their paths without version numbers, else by their names.
func (c *checking) findTargets(m *manifest.Manifest, arg string) ([]manifest.Target, error) {
	var files []treeFile
	name, err := c.a.walkTree(arg, func(f treeFile) error {
		f.open = nil // what is in an archive is gone by then
		files = append(files, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var out []manifest.Target
	for _, t := range m.Targets {
		f, err := findFile(files, t.Path)
		if err != nil {
			err = fmt.Errorf("%s: %s: %w", c.manifest, name, err)
			c.report.unread(cmp.Or(t.Path, name), err)
			c.a.fail(err)
			continue
		}
		t.Path = f.path
		out = append(out, t)
	}
	return out, nil
}

func findFile(files []treeFile, path string) (treeFile, error) {
	if path == "" {
		var have []treeFile
		for _, f := range files {
			if f.probes {
				have = append(have, f)
			}
		}
		if len(have) != 1 {
			return treeFile{}, usagef("%s with USDT probes, and the manifest does not say which is meant", plural(len(have), "file"))
		}
		return have[0], nil
	}
	last := func(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }
	for _, same := range []func(p string) bool{
		func(p string) bool { return p == path || strings.HasSuffix(p, ":"+path) },
		func(p string) bool { return unversioned(p) == unversioned(path) },
		func(p string) bool { return last(p) == last(path) },
		func(p string) bool { return unversioned(last(p)) == unversioned(last(path)) },
	} {
		var found []treeFile
		for _, f := range files {
			if same(f.within) {
				found = append(found, f)
			}
		}
		switch len(found) {
		case 0:
			continue
		case 1:
			return found[0], nil
		}
		return treeFile{}, usagef("%s: several files could be meant: %s and %s", path, found[0].within, found[1].within)
	}
	return treeFile{}, fmt.Errorf("%s is not in it", path)
}

// anywhere holds a directory, package or image to entries that name no file: one of the files in it has to
// have each. Only USDT probes are looked for, by which files are told apart quickly.
func (c *checking) anywhere(want *manifest.Target) error {
	for _, e := range want.Entries {
		if !e.USDT() {
			return usagef("%s: no USDT probe; name the file that has it: probels check %s%s", e.Spec, want.Path, inside(want.Path))
		}
	}
	best := make([]manifest.Result, len(want.Entries))
	of := make([]checkedFile, len(want.Entries))
	found := 0
	name, err := c.a.walkTree(want.Path, func(f treeFile) error {
		if !f.probes {
			return nil
		}
		t, err := f.open(c.o)
		switch {
		case errors.Is(err, offset.ErrNotExecutable), errors.Is(err, offset.ErrDebugOnly):
			return nil
		case err != nil:
			c.a.fail(plainError(err))
			return nil
		}
		defer t.Close()
		names, err := c.typeNames(t)
		if err != nil {
			return err
		}
		probes, err := c.a.usdtProbes(t, names)
		if err != nil {
			return err
		}
		found++
		results, _ := manifest.Check(want.Entries, probes, &manifest.Options{Program: programOf(t, probes), Types: c.types})
		for i := range results {
			if found == 1 || rank(&results[i]) < rank(&best[i]) {
				best[i], of[i] = results[i], fileOf(t)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range best {
		if found == 0 || missing(&best[i]) {
			nearest := []string(nil)
			if found > 0 {
				nearest = best[i].Failures[0].Nearest
			}
			f := manifest.Failure{Kind: manifest.Missing, Probe: want.Entries[i].Spec, Text: "missing in " + plural(found, "file") + " with USDT probes", Nearest: nearest}
			if len(nearest) > 0 {
				f.Text += "; nearest " + strings.Join(nearest, ", ")
			}
			best[i], of[i] = manifest.Result{Entry: &want.Entries[i], Failures: []manifest.Failure{f}}, checkedFile{path: name}
		}
		c.result(of[i], &best[i])
	}
	return nil
}

func inside(tree string) string {
	if in, ok := parseInArchive(tree); ok && in.member == "" {
		return ":/PATH"
	}
	return "/PATH"
}

func missing(r *manifest.Result) bool {
	return slices.ContainsFunc(r.Failures, func(f manifest.Failure) bool { return f.Kind == manifest.Missing })
}

// rank orders results: those that hold, then a probe that is there and is not as it
// should be, then one that is missing and has neighbours, then the others.
func rank(r *manifest.Result) int {
	switch {
	case len(r.Failures) == 0:
		return 0
	case !missing(r):
		return 1
	case len(r.Failures[0].Nearest) > 0:
		return 2
	}
	return 3
}
