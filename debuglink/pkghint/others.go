package pkghint

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// byID is what the debug packages of rpm distributions say they provide.
func (s *system) byID() string { return "debuginfo(build-id) = " + s.BuildID }

// fedora is for Fedora, RHEL and their kin. Which package the file belongs to
// is left to rpm, whose database is not ours to read.
func (s *system) fedora() {
	// A path with a line break has been left out: no list of packages has it.
	file, ok := "", len(s.paths) > 0
	if ok {
		file, ok = quote(s.paths[0])
	}
	if !ok {
		s.problem(errors.New("the file's path is not fit for a command"))
	}
	tool := "dnf debuginfo-install"
	if v, _, _ := strings.Cut(s.os["VERSION_ID"], "."); v == "7" || v == "6" || s.System == "amzn" && v == "2" {
		tool = "debuginfo-install" // of yum-utils
	}
	if ok {
		s.step(true, "install the debug package of the package that has this file", `%s "$(rpm -qf %s)"`, tool, file)
	}
	if s.BuildID == "" {
		return
	}
	if tool == "debuginfo-install" {
		s.step(true, "or find it by build-id", "yum --enablerepo='*debug*' install '%s'", s.byID())
	} else {
		s.step(true, "or find it by build-id", "dnf --enablerepo='*debug*' install '%s'", s.byID())
	}
	s.Steps[len(s.Steps)-1].Instead = ok
}

// suse looks for repositories of debug packages that are there and disabled.
func (s *system) suse() {
	if s.BuildID == "" {
		s.problem(errors.New("the file has no build-id to ask zypper for"))
		return
	}
	const dir = "/etc/zypp/repos.d"
	var off []string
	enabled := false
	for _, name := range s.list(dir, ".repo") {
		for _, r := range parseRepos(string(s.read(dir+"/"+name, maxSmall))) {
			if !strings.Contains(r.alias, "debug") || !isName(r.alias) {
				continue
			}
			if enabled = enabled || r.enabled; !r.enabled {
				off = append(off, r.alias)
			}
		}
	}
	slices.Sort(off)
	plus := ""
	switch {
	case len(off) > 0:
		s.step(true, "enable the repositories of debug packages", "zypper modifyrepo --enable %s", strings.Join(off, " "))
	case !enabled:
		plus = "--plus-content debug "
	}
	s.step(true, "install the debug package that has this build-id", "zypper %sinstall -C 'debuginfo(build-id)=%s'", plus, s.BuildID)
}

type repo struct {
	alias   string
	enabled bool
}

// parseRepos reads a repository file: "[alias]" and "key=value" lines.
func parseRepos(text string) []repo {
	var out []repo
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]") {
			out = append(out, repo{alias: line[1 : len(line)-1], enabled: true})
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if ok && len(out) > 0 && strings.TrimSpace(key) == "enabled" {
			switch strings.ToLower(strings.TrimSpace(value)) {
			case "0", "no", "false", "off":
				out[len(out)-1].enabled = false
			}
		}
	}
	return out
}

// arch is for Arch Linux, which serves debug files by debuginfod.
func (s *system) arch() {
	switch {
	case s.BuildID == "":
		s.problem(errors.New("the file has no build-id to ask a debuginfod server for"))
	case len(s.Servers) == 0:
		s.problem(errors.New("/etc/debuginfod names no server"))
	default:
		s.step(false, "fetch the debug file into the cache that debuggers share",
			"DEBUGINFOD_URLS='%s' debuginfod-find debuginfo %s", strings.Join(s.Servers, " "), s.BuildID)
	}
}

// alpine reads apk's database. A debug package is named for the package that
// all of an APKBUILD's packages come from.
func (s *system) alpine() {
	for _, name := range []string{"/lib/apk/db/installed", "/usr/lib/apk/db/installed"} {
		b := s.read(name, maxFile)
		if b == nil {
			continue
		}
		if s.Package = apkOwner(b, s.paths); s.Package != nil {
			break
		}
	}
	if s.Package == nil {
		s.problem(errors.New("no installed package has this file, as far as apk's database tells"))
		return
	}
	s.step(true, "install the debug package of this version, if Alpine has one",
		"apk add %s-dbg=%s", s.Package.Source, s.Package.Version)
}

// apkOwner finds the package with one of the paths: lines "P:name",
// "V:version", "A:arch", "o:origin", then "F:directory" and its files "R:name".
func apkOwner(b []byte, paths []string) *Package {
	var p Package
	dir := ""
	for line := range bytes.Lines(b) {
		line = bytes.TrimRight(line, "\n")
		if len(line) == 0 {
			p, dir = Package{}, ""
			continue
		}
		if len(line) < 2 || line[1] != ':' {
			continue
		}
		value := string(line[2:])
		switch line[0] {
		case 'P':
			p.Name = value
		case 'V':
			p.Version = value
		case 'A':
			p.Arch = value
		case 'o':
			p.Source = value
		case 'F':
			dir = value
		case 'R':
			if slices.Contains(paths, path.Join("/", dir, value)) {
				if p.Source == "" {
					p.Source = p.Name
				}
				if !isName(p.Name) || !isName(p.Source) || !isVersion(p.Version) {
					return nil
				}
				return &p
			}
		}
	}
	return nil
}

// String is the package as its system writes it.
func (p *Package) String() string { return fmt.Sprintf("%s %s (%s)", p.Name, p.Version, p.Arch) }
