package pkghint

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// debian is for Debian, Ubuntu and what is built of them.
func (s *system) debian() {
	name, arch := s.dpkgOwner()
	if name == "" {
		s.problem(errors.New("no installed package has this file, as far as /var/lib/dpkg tells"))
		return
	}
	pkg := dpkgStatus(s.read("/var/lib/dpkg/status", maxFile), name, arch)
	if pkg == nil {
		s.problem(fmt.Errorf("package %s has no entry in /var/lib/dpkg/status", name))
		return
	}
	s.Package = pkg
	dbg := oldNames(pkg)
	dbgsym := pkg.Name + "-dbgsym"
	have, fetched := s.available(pkg.Arch, append(slices.Clone(dbg), dbgsym))
	switch {
	case len(have[dbgsym]) > 0:
		s.aptInstall(pkg, dbgsym, have[dbgsym])
		return
	case fetched:
		for _, d := range dbg {
			if len(have[d]) > 0 {
				s.aptInstall(pkg, d, have[d])
				return
			}
		}
	case wellKnown(pkg) != "":
		s.step(true, "fetch the lists of packages", "apt-get update")
		s.aptInstall(pkg, wellKnown(pkg), nil)
		return
	}
	if !s.aptDebugSource(pkg) {
		return
	}
	s.step(true, "fetch the lists of packages", "apt-get update")
	s.aptInstall(pkg, dbgsym, nil)
}

// oldNames are what a debug package made by hand would be called.
func oldNames(pkg *Package) []string {
	names := []string{pkg.Name + "-dbg", pkg.Source + "-dbg"}
	if w := wellKnown(pkg); w != "" {
		names = append(names, w)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// wellKnown is the debug package of a source that has always had one by hand,
// for a system whose lists are not there to tell.
func wellKnown(pkg *Package) string {
	switch src := pkg.Source; {
	case src == "glibc":
		return "libc6-dbg"
	case strings.HasPrefix(src, "python3.") || strings.HasPrefix(src, "openjdk-"):
		return src + "-dbg"
	}
	return ""
}

// aptInstall installs a debug package of the version that the package has. If
// the archive is known to have only others, the package must follow.
func (s *system) aptInstall(pkg *Package, debug string, versions []string) {
	suffix := ""
	if arch := s.nativeArch(); arch != "" && pkg.Arch != arch && pkg.Arch != "all" {
		suffix = ":" + pkg.Arch
	}
	if len(versions) == 0 || slices.Contains(versions, pkg.Version) {
		s.step(true, "install the debug package of this version", "apt-get install %s%s=%s", debug, suffix, pkg.Version)
		return
	}
	s.step(true, fmt.Sprintf("the archive no longer has %s, which is installed, but %s: install that with its debug package, then restart what uses it",
		pkg.Version, strings.Join(versions, ", ")), "apt-get install %s%s %s%s", pkg.Name, suffix, debug, suffix)
}

// nativeArch is the architecture of dpkg itself.
func (s *system) nativeArch() string {
	if p := dpkgStatus(s.read("/var/lib/dpkg/status", maxFile), "dpkg", ""); p != nil {
		return p.Arch
	}
	return ""
}

// aptDebugSource adds the source of -dbgsym packages, unless there is one.
func (s *system) aptDebugSource(pkg *Package) bool {
	sources := s.aptSources()
	if slices.ContainsFunc(sources, func(a aptSource) bool { return a.hasDebug() }) {
		return true
	}
	if s.System == "ubuntu" || slices.Contains(s.like, "ubuntu") {
		return s.ubuntuDebugSource(sources)
	}
	// "+deb12u3" is a stable or security update of Debian 12.
	update := strings.Contains(pkg.Version, "+deb") || strings.Contains(pkg.Version, "~deb")
	for i := range sources {
		if d, ok := sources[i].debianDebug(update); ok {
			if file, text, ok := d.file("debug"); ok {
				s.writeSource("Debian keeps debug packages in a suite of their own: add it, from the mirror that this system uses", file, text)
				return true
			}
		}
	}
	s.problem(errors.New("/etc/apt has no source whose URI has a directory \"debian\", so the one of debug packages is unknown"))
	return false
}

// ubuntuDebugSource: the archive of debug packages is at "ddebs." in the domain
// that os-release calls the distribution's home.
func (s *system) ubuntuDebugSource(sources []aptSource) bool {
	home, err := url.Parse(s.os["HOME_URL"])
	if err != nil || home.Hostname() == "" {
		s.problem(errors.New("os-release has no HOME_URL, so the archive of debug packages is unknown"))
		return false
	}
	var d aptSource
	d.deb822 = true
	d.uris = []string{"http://ddebs." + strings.TrimPrefix(home.Hostname(), "www.")}
	d.signedBy = "/usr/share/keyrings/ubuntu-dbgsym-keyring.gpg"
	for _, src := range sources {
		if !slices.Contains(src.types, "deb") || !slices.Contains(src.components, "main") && !slices.Contains(src.components, "universe") {
			continue
		}
		for _, suite := range src.suites {
			if (isBase(suite) || strings.HasSuffix(suite, "-updates")) && isName(suite) && !slices.Contains(d.suites, suite) {
				d.suites = append(d.suites, suite)
			}
		}
		for _, c := range src.components {
			if !slices.Contains(d.components, c) {
				d.components = append(d.components, c)
			}
		}
	}
	file, text, ok := d.file("ddebs")
	if !ok || !isURL(d.uris[0]) || len(d.suites) == 0 {
		s.problem(errors.New("/etc/apt has no source of this release, so the one of debug packages can't be made"))
		return false
	}
	s.step(true, "Ubuntu's debug packages are signed with a key of their own", "apt-get install ubuntu-dbgsym-keyring")
	s.writeSource("Ubuntu keeps debug packages in an archive of their own", file, text)
	return true
}

func (s *system) writeSource(why, file, text string) {
	s.step(true, why, "tee /etc/apt/sources.list.d/%s >/dev/null <<'END'\n%sEND", file, text)
}
