package pkghint

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
)

// dpkgOwner finds the package whose list has one of the file's paths, and its
// architecture where several can be installed side by side.
func (s *system) dpkgOwner() (name, arch string) {
	const dir = "/var/lib/dpkg/info"
	paths, notBy := s.diverted()
	if len(paths) == 0 {
		return "", ""
	}
	left := int64(4 * maxFile) // in all lists
	for _, file := range s.list(dir, ".list") {
		if s.ctx.Err() != nil {
			return "", ""
		}
		name, arch, _ = strings.Cut(strings.TrimSuffix(file, ".list"), ":")
		if !isName(name) || arch != "" && !isName(arch) || name == notBy {
			continue
		}
		b := s.read(dir+"/"+file, min(maxFile, left))
		left -= int64(len(b))
		for _, p := range paths {
			if hasLine(b, p) {
				return name, arch
			}
		}
	}
	return "", ""
}

// hasLine reports whether a text has a line.
func hasLine(b []byte, line string) bool {
	for {
		i := bytes.Index(b, []byte(line))
		if i < 0 {
			return false
		}
		end := i + len(line)
		if (i == 0 || b[i-1] == '\n') && (end == len(b) || b[end] == '\n') {
			return true
		}
		b = b[end:]
	}
}

// diverted takes diversions in: a file that one package has moved out of its
// own one's way is in the list of its owner by the name it had.
func (s *system) diverted() (paths []string, notBy string) {
	lines := strings.Split(string(s.read("/var/lib/dpkg/diversions", maxSmall)), "\n")
	for ; len(lines) >= 3; lines = lines[3:] { // from, to, by whom
		for _, p := range s.paths {
			if lines[1] == p && p != "" {
				return []string{lines[0]}, lines[2]
			}
		}
	}
	return s.paths, ""
}

// A paragraph is the fields of one package, by their names in lower case.
type paragraph map[string]string

// paragraphs reads a file of RFC 822 kind: "Field: value", an empty line
// between two. Only the wanted fields are kept, continuation lines joined.
func paragraphs(b []byte, want ...string) iter.Seq[paragraph] {
	return func(yield func(paragraph) bool) {
		p, field := paragraph{}, ""
		for line := range bytes.Lines(b) {
			line = bytes.TrimRight(line, "\r\n")
			switch {
			case len(bytes.TrimSpace(line)) == 0:
				if len(p) > 0 && !yield(p) {
					return
				}
				p, field = paragraph{}, ""
			case line[0] == '#':
			case line[0] == ' ' || line[0] == '\t':
				if field != "" {
					p[field] += "\n" + string(line)
				}
			default:
				name, value, ok := bytes.Cut(line, []byte{':'})
				field = ""
				for _, w := range want {
					if ok && strings.EqualFold(string(name), w) {
						field = strings.ToLower(w)
						p[field] = string(bytes.TrimSpace(value))
					}
				}
			}
		}
		if len(p) > 0 {
			yield(p)
		}
	}
}

// dpkgStatus finds an installed package by name and architecture; "" is any.
func dpkgStatus(b []byte, name, arch string) *Package {
	for p := range paragraphs(b, "Package", "Version", "Architecture", "Source", "Status") {
		if p["package"] != name || arch != "" && p["architecture"] != arch || !strings.HasSuffix(p["status"], " installed") {
			continue
		}
		pkg := &Package{Name: name, Version: p["version"], Arch: p["architecture"], Source: p["source"]}
		pkg.Source, _, _ = strings.Cut(pkg.Source, " ") // "glibc (2.36-9)"
		if pkg.Source == "" {
			pkg.Source = name
		}
		if !isVersion(pkg.Version) || !isName(pkg.Arch) || !isName(pkg.Source) {
			return nil
		}
		return pkg
	}
	return nil
}

// available reads apt's lists for the versions of some packages. fetched tells
// whether there are lists at all: images are often made without.
func (s *system) available(arch string, names []string) (versions map[string][]string, fetched bool) {
	const dir = "/var/lib/apt/lists"
	versions = make(map[string][]string)
	for _, file := range s.list(dir, "") {
		packed := strings.HasSuffix(file, "_Packages.lz4")
		if !packed && !strings.HasSuffix(file, "_Packages") {
			continue
		}
		if s.ctx.Err() != nil {
			return versions, fetched
		}
		b := s.read(dir+"/"+file, maxFile)
		if packed {
			var err error
			if b, err = unlz4(b, maxFile); err != nil {
				s.problem(fmt.Errorf("%s/%s: %w", dir, file, err))
			}
		}
		fetched = fetched || len(b) > 0
		for _, name := range names {
			for at := range packageAt(b, name) {
				for p := range paragraphs(at, "Package", "Version", "Architecture") {
					if (p["architecture"] == arch || p["architecture"] == "all") && isVersion(p["version"]) {
						versions[name] = append(versions[name], p["version"])
					}
					break
				}
			}
		}
	}
	return versions, fetched
}

// packageAt yields the paragraphs of a package in a list of some 50 MB, found
// without reading it line by line.
func packageAt(b []byte, name string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		line := []byte("Package: " + name + "\n")
		for {
			i := bytes.Index(b, line)
			if i < 0 {
				return
			}
			if i == 0 || b[i-1] == '\n' {
				p, _, _ := bytes.Cut(b[i:], []byte("\n\n"))
				if !yield(p) {
					return
				}
			}
			b = b[i+len(line):]
		}
	}
}
