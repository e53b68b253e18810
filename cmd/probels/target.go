package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/archive"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/offset"
)

// openTarget opens what a person named: a path, a command in $PATH, or a library
// as its loader would find it.
func (a *app) openTarget(name string, o *options) (*offset.Target, error) {
	path, err := a.findTarget(name, o)
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
	case errors.Is(err, fs.ErrNotExist):
		if in, ok := parseInArchive(name); ok && in.member != "" {
			return a.openMember(in, o)
		}
	case archive.Is(path):
		return nil, usagef("%s: an archive; name a file in it, %s:/PATH, or: probels scan %s", name, name, name)
	case errors.Is(err, elfsym.ErrNotRegular):
		if info, serr := os.Stat(path); serr == nil && info.IsDir() {
			if _, ok := findCommand("scan"); ok {
				return nil, usagef("%s: a directory; for what is in it: probels scan %s", name, shellWord(name))
			}
			return nil, usagef("%s: a directory; name a program or library in it", name)
		}
	case errors.Is(err, elfsym.ErrNotELF):
		if s, ok := offset.ParseScript(firstBytes(path, 256)); ok {
			return nil, usagef("%s", scriptHint(path, s, ""))
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

// findOptions are where names are looked up: $PATH. LD_LIBRARY_PATH is set for
// this process, and says nothing about those to be traced.
func findOptions() *offset.FindOptions {
	return &offset.FindOptions{Path: filepath.SplitList(os.Getenv("PATH"))}
}

// findTarget is the path of a target. A word without "/" is a file here or, if
// there is none, a command or a library.
func (a *app) findTarget(name string, o *options) (string, error) {
	_, err := os.Stat(name)
	if err == nil || strings.Contains(name, "/") {
		return name, nil
	}
	if name == "" {
		return "", usagef("an empty file name")
	}
	found, err := offset.Find(context.Background(), name, findOptions())
	if len(found) == 0 {
		if !errors.Is(err, offset.ErrNoSuchName) {
			return "", err
		}
		if looksLikeLibrary(name) {
			return "", usagef("%s: no such file, no such command in $PATH, and no such library", name)
		}
		return "", usagef("%s: no such file, and no such command in $PATH", name)
	}
	switch first := &found[0]; first.Kind {
	case offset.FoundCommand:
		return first.Path, nil
	case offset.FoundScript:
		return "", usagef("%s", scriptHint(filepath.Join(first.How, name), first.Script, nextProgram(name, found)))
	}
	return a.chooseLibrary(name, found, o)
}

// chooseLibrary is the one library that a name stands for on this machine.
func (a *app) chooseLibrary(name string, found []offset.Candidate, o *options) (string, error) {
	if !looksLikeLibrary(name) {
		// "probels bash readline" means a function: only what looks like a library's
		// name is one.
		return "", usagef("%s: no such file, and no such command in $PATH; there is a library: probels %s", name, found[0].Name)
	}
	var mine, others []string
	var path string
	for pass := range 2 {
		for _, c := range found {
			if c.Shadowed != "" || c.Only != "" || c.Native != (pass == 0) {
				continue
			}
			path = c.Path
			mine = append(mine, fmt.Sprintf("%s (%s, %s)", c.Path, c.Name, c.Machine))
		}
		if len(mine) > 0 {
			break
		}
	}
	switch {
	case len(mine) > 1:
		return "", usagef("%s: %d libraries have this name: %s; give the path of one", name, len(mine), strings.Join(mine, ", "))
	case len(mine) == 0:
		path = found[0].Path
	}
	for _, c := range found {
		switch {
		case c.Path == path:
		case c.Shadowed != "":
			others = append(others, c.Path+" (not the one loaded)")
		case c.Only != "":
			others = append(others, fmt.Sprintf("%s (on processors with %s)", c.Path, c.Only))
		default:
			others = append(others, fmt.Sprintf("%s (%s)", c.Path, c.Machine))
		}
	}
	if len(others) > 0 && !o.quiet {
		a.note("%s: %s; there is also %s", name, path, strings.Join(others, ", "))
	}
	return path, nil
}

func looksLikeLibrary(name string) bool {
	return strings.HasPrefix(name, "lib") || strings.Contains(name, ".so")
}

// firstBytes are those of a regular file: opening a FIFO would wait for a writer.
func firstBytes(path string, n int) []byte {
	f, _, err := inroot.OpenHost(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	b := make([]byte, n)
	n, _ = f.Read(b)
	return b[:n]
}

// nextProgram is the next program of a name in $PATH, behind a script.
func nextProgram(name string, found []offset.Candidate) string {
	for _, c := range found {
		if c.Kind == offset.FoundCommand {
			return "; the next " + name + " in $PATH is a program: probels " + shellWord(c.Path)
		}
	}
	return ""
}

// scriptHint says, of a script, what runs it, which programs a version manager's
// wrapper starts, and what comes next in $PATH: what people meant who typed
// "probels python3" where that is a wrapper.
func scriptHint(path string, s *offset.Script, next string) string {
	hint := path + ": a script, not an ELF file"
	if s.Program != "" {
		hint += "; " + s.Program + " runs it: probels " + shellWord(s.Program)
	}
	const few = 3
	for i, p := range s.Shim {
		switch {
		case p == s.Default:
			hint += "; a wrapper that by default starts: probels " + shellWord(p)
		case i == few:
			return hint + fmt.Sprintf("; %d more in %s", len(s.Shim)-few, filepath.Dir(filepath.Dir(filepath.Dir(p)))) + next
		default:
			hint += "; a wrapper that may start: probels " + shellWord(p)
		}
	}
	return hint + next
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
		if s.uprobe && strings.Contains(s.name, "@plt") {
			w.kinds |= offset.KindPLT
		}
		if s.uprobe && strings.HasPrefix(s.name, "0x") {
			w.kinds |= offset.KindAnon
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
