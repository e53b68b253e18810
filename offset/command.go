package offset

import (
	"bytes"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/probels/probels/internal/inroot"
)

// A Script is what its first line says: "#!/usr/bin/env -S python3 -u".
type Script struct {
	Line string // the first line, without "#!"

	// Interpreter is the program that the kernel starts. Program is the one that
	// reads the script, which differs where the interpreter is env.
	Interpreter, Program string

	// Shim is where a version manager's wrapper (pyenv, rbenv, nodenv, asdf) has
	// the programs that it may run: their paths, and first the one that it runs
	// unless told otherwise, if that is known to be Default.
	Shim    []string
	Default string
}

// maxShebang is how much of a file the kernel reads for it
// (BINPRM_BUF_SIZE).
const maxShebang = 256

// ParseScript reads the first line of a script; false if b, which needs no more
// than 256 bytes of it, does not begin one.
func ParseScript(b []byte) (*Script, bool) {
	b = b[:min(len(b), maxShebang)]
	b, ok := bytes.CutPrefix(b, []byte("#!"))
	if !ok {
		return nil, false
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	s := &Script{Line: strings.TrimSpace(string(line))}
	words := strings.Fields(s.Line)
	if len(words) == 0 {
		return s, true
	}
	s.Interpreter, s.Program = words[0], words[0]
	if path.Base(s.Interpreter) != "env" {
		return s, true
	}
	// env's own switches and settings come first. -u and -C have a value; the
	// value of -S is the command itself.
	for i := 1; i < len(words); i++ {
		w := words[i]
		switch {
		case w == "-u", w == "-C", w == "--unset", w == "--chdir":
			i++
			continue
		case strings.HasPrefix(w, "--split-string="):
			w = strings.TrimPrefix(w, "--split-string=")
		case strings.HasPrefix(w, "-S") && len(w) > 2:
			w = w[2:]
		case w[0] == '-', strings.Contains(w, "="):
			continue
		}
		if w = strings.Trim(w, `"'`); w != "" {
			s.Program = w
			break
		}
	}
	return s, true
}

// findCommands are the files of a name in the directories of $PATH that may be
// executed, in its order.
func findCommands(root *inroot.Root, name string, o *FindOptions) []Candidate {
	var out []Candidate
	for _, dir := range o.Path {
		if !path.IsAbs(dir) && !root.Host() {
			continue // where the process is, is not known
		}
		c, ok := command(root, path.Join(dir, name))
		if !ok || slices.ContainsFunc(out, func(have Candidate) bool { return have.Path == c.Path }) {
			continue
		}
		c.Name, c.How = name, dir
		out = append(out, c)
	}
	return out
}

// command looks at one file: false if it is none that can be executed.
func command(root *inroot.Root, name string) (Candidate, bool) {
	info, err := root.Stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return Candidate{}, false
	}
	c := Candidate{Kind: FoundCommand, Path: outside(root, name)}
	f, _, err := root.OpenFile(name)
	if err != nil {
		return c, true // opening it again will say why
	}
	defer f.Close()
	b := make([]byte, maxShebang)
	n, err := io.ReadFull(f, b)
	if err != nil && n == 0 {
		return c, true
	}
	if s, ok := ParseScript(b[:n]); ok {
		c.Kind, c.Script = FoundScript, s
		s.shim(root, name)
	} else if !bytes.HasPrefix(b[:n], []byte("\x7fELF")) {
		// What is neither, a shell reads line by line.
		c.Kind, c.Script = FoundScript, &Script{}
	}
	return c, true
}

const maxShims = 256

// shim finds the programs of a version manager: its wrappers are all in a
// directory "shims", beside which are versions/VERSION/bin (pyenv, rbenv,
// nodenv, plenv) or installs/LANGUAGE/VERSION/bin (asdf, mise).
func (s *Script) shim(root *inroot.Root, name string) {
	dir, base := path.Split(name)
	if path.Base(dir) != "shims" || !path.IsAbs(name) {
		return
	}
	home := path.Dir(path.Clean(dir))
	add := func(dir string) {
		full := path.Join(dir, "bin", base)
		info, err := root.Stat(full)
		if err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 && len(s.Shim) < maxShims {
			s.Shim = append(s.Shim, outside(root, full))
		}
	}
	versions := path.Join(home, "versions")
	for _, v := range names(root, versions) {
		add(path.Join(versions, v))
	}
	installs := path.Join(home, "installs")
	for _, lang := range names(root, installs) {
		for _, v := range names(root, path.Join(installs, lang)) {
			add(path.Join(installs, lang, v))
		}
	}
	s.chosen(root, home, versions, base)
}

// chosen puts the version that is set for all first. A directory or the
// environment can set another, so it is not the answer.
func (s *Script) chosen(root *inroot.Root, home, versions, base string) {
	b, err := root.ReadFile(path.Join(home, "version"), 4<<10)
	if err != nil {
		return
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if word = strings.TrimSpace(word); word == "" || strings.Contains(word, "/") {
		return
	}
	want := outside(root, path.Join(versions, word, "bin", base))
	if i := slices.Index(s.Shim, want); i >= 0 {
		s.Shim = slices.Insert(slices.Delete(s.Shim, i, i+1), 0, want)
		s.Default = want
	}
}

func names(root *inroot.Root, dir string) []string {
	out, err := root.ReadDir(dir, maxShims)
	if err != nil {
		return nil
	}
	slices.Sort(out)
	return out
}

// A Mapped is a file that a process has mapped.
type Mapped struct {
	Path   string // as the process calls it
	SONAME string // if the caller knows it, which makes the answer exact
}

// FindMapped are the files among those mapped that a name stands for: by path, by
// SONAME, by file name; else without version and "lib", as Find has it. The first
// of these readings that has an answer counts, and all answers to it are returned.
func FindMapped(name string, mapped []Mapped) []Mapped {
	readings := []func(m Mapped) bool{
		func(m Mapped) bool { return m.Path == name || m.SONAME == name || path.Base(m.Path) == name },
	}
	if strings.Contains(name, ".so.") {
		// The file of libglib-2.0.so.0 is libglib-2.0.so.0.7400.6.
		readings = append(readings, func(m Mapped) bool { return m.SONAME == "" && strings.HasPrefix(path.Base(m.Path), name+".") })
	} else {
		for _, stem := range []string{strings.TrimSuffix(name, ".so"), "lib" + strings.TrimSuffix(name, ".so")} {
			readings = append(readings, func(m Mapped) bool { return isVersionOf(m.SONAME, stem) || isVersionOf(path.Base(m.Path), stem) })
		}
	}
	for _, fits := range readings {
		var out []Mapped
		for _, m := range mapped {
			if name != "" && fits(m) {
				out = append(out, m)
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// isVersionOf reports whether a file name is STEM.so or STEM.so.VERSION.
func isVersionOf(file, stem string) bool {
	rest, ok := strings.CutPrefix(file, stem+".so")
	return ok && (rest == "" || rest[0] == '.')
}
