package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt/manifest"
)

// writeManifest writes what the targets have.
func (c *checking) writeManifest(args []string) error {
	switch {
	case c.manifest != "":
		return usagef("-f and --write: one of them")
	case len(args) == 0:
		return usagef("no target; try: probels check --write %s TARGET…", c.write)
	}
	m := &manifest.Manifest{}
	probes, sum := 0, 0
	for _, arg := range args {
		had := len(m.Targets)
		add := c.addFile
		if isTree(arg) {
			add = c.addTree
		}
		n, err := add(m, arg)
		if err != nil {
			return err
		}
		if n == 0 {
			c.a.note("%s: no USDT probes", arg)
			c.a.raise(statusMissing)
		}
		probes, sum = probes+n, sum+len(m.Targets)-had
	}
	if c.write == "-" {
		_, err := m.WriteTo(c.a.out)
		return err
	}
	if err := writeFile(c.write, m); err != nil {
		return plainError(err)
	}
	if !c.o.quiet {
		c.a.note("%s: %s of %s", c.write, plural(probes, "probe"), plural(sum, "target"))
	}
	return nil
}

// addFile adds a file's probes and returns how many there are.
func (c *checking) addFile(m *manifest.Manifest, arg string) (int, error) {
	t, err := c.a.openTarget(arg, c.o)
	if err != nil {
		return 0, err
	}
	defer t.Close()
	path := arg
	if !isFile(arg) {
		path = t.Path() // a command of $PATH
	}
	return c.addTarget(m, path, t)
}

// addTree adds those of each file in a directory, package or image that has some, by the path in
// there: the next build has another name.
func (c *checking) addTree(m *manifest.Manifest, arg string) (int, error) {
	n := 0
	_, err := c.a.walkTree(arg, func(f treeFile) error {
		if !f.probes {
			return nil
		}
		t, err := f.open(c.o)
		switch {
		case errors.Is(err, offset.ErrNotExecutable), errors.Is(err, offset.ErrDebugOnly):
			return nil
		case err != nil:
			return plainError(err)
		}
		defer t.Close()
		had := len(m.Targets)
		k, err := c.addTarget(m, f.within, t)
		if k == 0 && err == nil {
			m.Targets = m.Targets[:had] // nothing to hold it to
		}
		n += k
		return err
	})
	return n, err
}

func (c *checking) addTarget(m *manifest.Manifest, path string, t *offset.Target) (int, error) {
	names, err := c.typeNames(t)
	if err != nil {
		return 0, err
	}
	have, err := c.a.usdtProbes(t, names)
	if err != nil {
		return 0, err
	}
	if c.a.status == statusTrouble {
		return 0, fmt.Errorf("%s: damaged, so no manifest of it is written", path)
	}
	m.Targets = append(m.Targets, manifest.FromProbes(path, have))
	return len(have), nil
}

// writeFile writes a manifest whole or not at all.
func writeFile(path string, m *manifest.Manifest) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = m.WriteTo(f); err == nil {
		err = f.Chmod(0o644)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
