package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

// openTarget opens what a person named: a path, or a command in $PATH.
func (a *app) openTarget(name string, o *options) (*offset.Target, error) {
	path, err := findTarget(name)
	if err != nil {
		return nil, err
	}
	how, err := a.target(o)
	if err != nil {
		return nil, err
	}
	t, err := offset.Open(path, how)
	switch {
	case err == nil:
		return t, nil
	case errors.Is(err, elfsym.ErrNotRegular):
		if info, serr := os.Stat(path); serr == nil && info.IsDir() {
			return nil, usagef("%s: a directory; name a program or library in it", name)
		}
	case errors.Is(err, elfsym.ErrNotELF):
		if hint := scriptHint(name, path); hint != "" {
			return nil, usagef("%s", hint)
		}
	}
	return nil, plainError(err)
}

// plainError leaves the system call out of a file error: "PATH: reason".
func plainError(err error) error {
	if pe := (*fs.PathError)(nil); errors.As(err, &pe) {
		return usagef("%s: %s", pe.Path, oneLine(pe.Err))
	}
	return err
}

// findTarget is the path of a target. A word without "/" is a file here or,
// if there is none, a command.
func findTarget(name string) (string, error) {
	_, err := os.Stat(name)
	if err == nil || strings.Contains(name, "/") {
		return name, nil
	}
	if found := inPath(name, false); len(found) > 0 {
		return found[0], nil
	}
	if name == "" {
		return "", usagef("an empty file name")
	}
	return "", usagef("%s: no such file, and no such command in $PATH", name)
}

// inPath are the files of that name in $PATH that may be executed, in its order.
func inPath(name string, onlyELF bool) []string {
	var out []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			continue
		}
		if onlyELF && !bytes.HasPrefix(firstBytes(path, 4), []byte("\x7fELF")) {
			continue
		}
		out = append(out, path)
	}
	return out
}

func firstBytes(path string, n int) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, n)
	n, _ = f.Read(b)
	return b[:n]
}

// scriptHint says, of a script, what runs it and which program of that name
// comes next in $PATH: what people meant who typed "probels python3" where that
// is a wrapper. "" if it is no script.
func scriptHint(name, path string) string {
	line, ok := bytes.CutPrefix(firstBytes(path, 256), []byte("#!"))
	if !ok {
		return ""
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	words := strings.Fields(string(line))
	hint := path + ": a script, not an ELF file"
	if len(words) > 0 {
		interpreter := words[0]
		if filepath.Base(interpreter) == "env" {
			// Its own switches and settings ("-S", "NAME=value") come first.
			for _, w := range words[1:] {
				if w[0] != '-' && !strings.Contains(w, "=") {
					interpreter = w
					break
				}
			}
		}
		hint += "; " + interpreter + " runs it: probels " + interpreter
	}
	if !strings.Contains(name, "/") {
		if next := inPath(name, true); len(next) > 0 {
			hint += "; the next " + name + " in $PATH is a program: probels " + next[0]
		}
	}
	return hint
}

// expandTargets turns the arguments of a listing into targets, file patterns
// expanded.
func expandTargets(args []string) ([]wantedTarget, error) {
	var out []wantedTarget
	for _, arg := range args {
		s, ok, err := parseSpelled(arg)
		if err != nil {
			return nil, err
		}
		if !ok {
			out = append(out, wantedTarget{arg: arg, path: arg})
			continue
		}
		w := wantedTarget{arg: arg, match: s.match()}
		if s.usdt {
			w.kinds |= offset.KindUSDT
		}
		if s.uprobe {
			w.kinds |= offset.KindFunc
		}
		if s.data {
			w.kinds |= offset.KindData
		}
		paths, err := s.paths()
		if err != nil {
			return nil, err
		}
		if w.many = len(paths) > 1 || s.path == "*"; w.many {
			w.paths = paths
			out = append(out, w)
			continue
		}
		w.path = paths[0]
		out = append(out, w)
	}
	return out, nil
}

// wantedTarget is a file to list, and what its spelling narrows the listing to.
type wantedTarget struct {
	arg, path string
	paths     []string // of a pattern that fits several: path is ""
	many      bool
	kinds     offset.Kind
	match     []string
}
