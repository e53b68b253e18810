// Fetchcorpus downloads Debian packages of any architecture and unpacks them, without installing
// anything, for the tests of internal/confirm:
//
//	go run ./internal/cmd/fetchcorpus [-lists DIR] -arch arm64,s390x DIR [PACKAGE…]
//
// A package is unpacked into DIR/ARCH/PACKAGE; what is there already is kept. Without packages it
// takes those in packages.go, with -small the few that continuous integration can afford. It needs a
// Debian system whose apt has its lists ("apt-get update"), takes the mirrors from there, and leaves
// that apt's own state alone. With -lists the lists of packages that it fetches for itself stay there, for
// the next call.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

func main() {
	arch := flag.String("arch", "arm64,armhf,i386,mips64el,ppc64el,s390x", "Debian's names of architectures")
	small := flag.Bool("small", false, "without packages, take only a few")
	lists := flag.String("lists", "", "keep apt's lists in this `directory`, and take those that are there")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: fetchcorpus [-lists DIR] [-arch ARCH,…] [-small] DIR [PACKAGE…]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := fetch(flag.Arg(0), strings.Split(*arch, ","), flag.Args()[1:], *small, *lists); err != nil {
		fmt.Fprintln(os.Stderr, "fetchcorpus:", err)
		os.Exit(1)
	}
}

func fetch(dir string, arches, packages []string, small bool, lists string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	keep := lists != ""
	if keep {
		lists, err = filepath.Abs(lists)
	} else {
		lists, err = os.MkdirTemp("", "fetchcorpus")
		defer os.RemoveAll(lists)
	}
	if err != nil {
		return err
	}
	sources, err := systemSources()
	if err != nil {
		return err
	}
	// One architecture's packages are fetched while another's are unpacked.
	errs := make([]error, len(arches))
	var all sync.WaitGroup
	for i, arch := range arches {
		want := packages
		if len(want) == 0 {
			want = defaultPackages(arch, small)
		}
		dst := filepath.Join(dir, arch)
		want = slices.DeleteFunc(slices.Clone(want), func(p string) bool {
			_, err := os.Stat(filepath.Join(dst, p))
			return err == nil
		})
		if len(want) > 0 {
			all.Go(func() { errs[i] = fetchArch(filepath.Join(lists, arch), arch, sources, dst, want) })
		}
	}
	all.Wait()
	return errors.Join(errs...)
}

func fetchArch(state, arch, sources, dst string, packages []string) error {
	a, err := newApt(state, arch, sources)
	if err != nil {
		return err
	}
	debs, err := a.download(packages)
	errs := []error{err}
	defer os.RemoveAll(a.debs)
	for name, deb := range debs {
		if err := unpack(deb, name, dst); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", arch, err))
		} else {
			fmt.Println(filepath.Join(dst, name))
		}
	}
	return errors.Join(errs...)
}

// apt is an apt for one architecture with state of its own.
type apt struct {
	arch    string
	debs    string // where it downloads to
	options []string
}

func newApt(state, arch, sources string) (*apt, error) {
	have := filepath.Join(state, "updated")
	for _, d := range []string{"lists/partial", "cache/archives/partial", "parts"} {
		if err := os.MkdirAll(filepath.Join(state, d), 0o755); err != nil {
			return nil, err
		}
	}
	debs, err := os.MkdirTemp(state, "debs")
	if err != nil {
		return nil, err
	}
	a := &apt{arch: arch, debs: debs}
	for name, text := range map[string]string{"status": "", "parts/debian.sources": sources} {
		if err := os.WriteFile(filepath.Join(state, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	for _, o := range []string{
		"APT::Architecture=" + arch, "APT::Architectures::=" + arch,
		"Dir::State::Lists=" + state + "/lists", "Dir::State::status=" + state + "/status",
		"Dir::Etc::SourceList=/dev/null", "Dir::Etc::SourceParts=" + state + "/parts",
		"Dir::Cache=" + state + "/cache", "Acquire::Languages=none", "Acquire::Retries=3",
		"Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
		// Root fetches as another user otherwise, who may not write here.
		"APT::Sandbox::User=",
	} {
		a.options = append(a.options, "-o", o)
	}
	if _, err := os.Stat(have); err == nil {
		return a, nil
	}
	if err := a.run("update"); err != nil {
		return nil, err
	}
	return a, os.WriteFile(have, nil, 0o644)
}

func (a *apt) run(args ...string) error {
	cmd := exec.Command("apt-get", slices.Concat(a.options, []string{"-q"}, args)...)
	cmd.Dir = a.debs
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: apt-get %s: %w\n%s", a.arch, strings.Join(args, " "), err, out)
	}
	return nil
}

// download fetches packages, all at once: each call of apt reads its lists, which takes a second. If one
// is not to be had there would be none, so then it is one by one.
func (a *apt) download(packages []string) (map[string]string, error) {
	err := a.run(append([]string{"download"}, packages...)...)
	if err != nil {
		var errs []error
		for _, p := range packages {
			errs = append(errs, a.run("download", p))
		}
		err = errors.Join(errs...)
	}
	files, _ := filepath.Glob(filepath.Join(a.debs, "*.deb"))
	debs := map[string]string{}
	for _, f := range files {
		name, _, _ := strings.Cut(filepath.Base(f), "_") // NAME_VERSION_ARCH.deb
		debs[name] = f
	}
	for _, p := range packages {
		if err == nil && debs[p] == "" {
			err = fmt.Errorf("%s: apt-get downloaded no %s", a.arch, p)
		}
	}
	return debs, err
}

// unpack leaves the files of a package in dst/NAME.
func unpack(deb, name, dst string) error {
	// A directory under another name until it is whole: a second run takes what is there for good.
	part := filepath.Join(dst, name+".part")
	if err := os.MkdirAll(part, 0o755); err != nil {
		return err
	}
	defer os.RemoveAll(part)
	if out, err := exec.Command("dpkg", "-x", deb, part).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: dpkg -x: %w\n%s", deb, err, out)
	}
	return os.Rename(part, filepath.Join(dst, name))
}

// systemSources are the Debian repositories that this system's apt reads, as a sources file. Those of
// others seldom have a foreign architecture; those of security and other updates change daily, and a
// corpus should not.
func systemSources() (string, error) {
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(COMPONENT)", "Origin: Debian", "Identifier: Packages").Output()
	if err != nil {
		return "", fmt.Errorf("apt-get indextargets: %w", err)
	}
	lines := strings.Fields(string(out))
	slices.Sort(lines)
	var b strings.Builder
	for _, line := range slices.Compact(lines) {
		f := strings.Split(line, "|")
		if len(f) != 3 {
			return "", fmt.Errorf("apt-get indextargets: %q", line)
		}
		if strings.Contains(f[1], "-") {
			continue
		}
		fmt.Fprintf(&b, "Types: deb\nURIs: %s\nSuites: %s\nComponents: %s\n", f[0], f[1], f[2])
		const keys = "/usr/share/keyrings/debian-archive-keyring.gpg"
		if _, err := os.Stat(keys); err == nil {
			fmt.Fprintf(&b, "Signed-By: %s\n", keys)
		}
		b.WriteByte('\n')
	}
	if b.Len() == 0 {
		return "", errors.New("this system's apt knows no Debian repository: run apt-get update first")
	}
	return b.String(), nil
}
