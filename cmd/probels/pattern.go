package main

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"github.com/probels/probels/offset"
)

// A path with wildcards is looked up as bpftrace 0.17 does: below the root or the
// working directory if it has a "/", else in each directory of $PATH. "*" alone
// is every command in $PATH and every library where the loader looks; newer
// versions of bpftrace take it for the files of the processes that run just now.
func patternPaths(pattern string) ([]string, error) {
	var out []string
	switch {
	case pattern == "*":
		return existing(append(filepath.SplitList(os.Getenv("PATH")), libraryDirs...)), nil
	case strings.Contains(pattern, "/"):
		all, err := filepath.Glob(pattern)
		if err != nil {
			return nil, err
		}
		return onlyFiles(all), nil
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		all, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, err
		}
		out = append(out, all...)
	}
	return onlyFiles(out), nil
}

// libraryDirs are where loaders look without being told, glibc's and musl's.
var libraryDirs = []string{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"}

// existing are the directories that there are, each once, and none that is below
// another one.
func existing(dirs []string) []string {
	var real []string
	for _, d := range dirs {
		r, err := filepath.EvalSymlinks(d)
		if err != nil || d == "" {
			continue
		}
		if info, err := os.Stat(r); err == nil && info.IsDir() {
			real = append(real, r)
		}
	}
	var out []string
	for i, d := range real {
		within := false
		for k, other := range real {
			if d == other {
				within = within || k < i
			} else {
				within = within || strings.HasPrefix(d, strings.TrimSuffix(other, "/")+"/")
			}
		}
		if !within {
			out = append(out, d)
		}
	}
	return out
}

// onlyFiles leaves directories out, which a scan would go into.
func onlyFiles(paths []string) []string {
	out := paths[:0]
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			out = append(out, p)
		}
	}
	return out
}

// listMany lists the files of a pattern, each once, whatever links lead to it. What is no
// ELF file is not what was meant.
func (a *app) listMany(w wantedTarget, o *options) error {
	return a.listScan(w, w.paths, cmp.Or(o.kinds, w.kinds, offset.KindUSDT|offset.KindFunc), o)
}

// listArchive lists an archive given as a target: its USDT probes, unless asked for more.
func (a *app) listArchive(w wantedTarget, o *options) error {
	return a.listScan(w, []string{w.path}, cmp.Or(o.kinds, w.kinds, offset.KindUSDT), o)
}

func (a *app) listScan(w wantedTarget, paths []string, kinds offset.Kind, o *options) error {
	q := offset.Query{Kinds: kinds, Match: o.match, Sizes: o.json || o.long || a.tty != nil}
	if len(w.match) > 0 {
		if len(o.match) > 0 {
			return usagef("%s: names are given there and with -m: leave one out", w.arg)
		}
		q.Match = w.match
	}
	return a.scan(paths, q, o, false)
}
