// Package usdttest holds a project's own binary to its USDT probes, in a test of
// that project:
//
//	func TestProbes(t *testing.T) {
//		usdttest.Check(t, "../bin/server", "probes.lock")
//	}
//
// The manifest is a text of one probe a line, as package usdt/manifest explains;
// "probels check --write probes.lock ../bin/server" writes one, and so does the
// test when the environment variable USDTTEST_UPDATE is set.
package usdttest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/consumer"
	"github.com/probels/probels/usdt/manifest"
)

// Check fails the test for each probe of the manifest that the binary does not
// have, or has with other arguments. New probes are logged. What a manifest says
// of several targets, it checks for the one of the binary's base name.
func Check(t testing.TB, binary, manifestFile string) {
	t.Helper()
	probes, program, err := read(binary)
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("USDTTEST_UPDATE") != "" {
		if err := update(manifestFile, binary, probes); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(manifestFile)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; set USDTTEST_UPDATE=1 to write it", err)
		}
		t.Fatal(err)
	}
	defer f.Close()
	m, err := manifest.Parse(f)
	if err != nil {
		t.Fatalf("%s: %v", manifestFile, err)
	}
	entries, err := entriesOf(m, binary)
	if err != nil {
		t.Fatalf("%s: %v", manifestFile, err)
	}
	for i := range entries {
		if !entries[i].USDT() {
			t.Errorf("%s:%d: %s is no USDT probe (PROVIDER:NAME); probels check knows functions too", manifestFile, entries[i].Line, entries[i].Spec)
		}
	}
	results, unlisted := manifest.Check(entries, probes, &manifest.Options{Program: program})
	for _, r := range results {
		if !r.Entry.USDT() {
			continue
		}
		for _, f := range r.Failures {
			t.Errorf("%s:%d: %s: %s: %s", manifestFile, r.Entry.Line, binary, f.Probe, f.Text)
		}
	}
	for _, p := range unlisted {
		t.Logf("%s: %s is new, and not in %s", binary, p.FullName(), manifestFile)
	}
}

// read is a file's probes. Damage is an error: a test must not pass because
// nobody could read what is there.
func read(binary string) ([]manifest.Probe, consumer.Program, error) {
	f, err := elfsym.Open(binary)
	if err != nil {
		return nil, consumer.Program{}, err
	}
	defer f.Close()
	var sites []usdt.Site
	for s, err := range usdt.Sites(f) {
		if err != nil {
			return nil, consumer.Program{}, fmt.Errorf("%s: %w", binary, err)
		}
		sites = append(sites, s)
	}
	return manifest.Probes(sites, nil), consumer.Program{Machine: f.Machine(), Class: f.Class(), Type: f.Type()}, f.CheckUnchanged()
}

func entriesOf(m *manifest.Manifest, binary string) ([]manifest.Entry, error) {
	if len(m.Targets) == 1 {
		return m.Targets[0].Entries, nil
	}
	var out []manifest.Entry
	found := 0
	for _, t := range m.Targets {
		if filepath.Base(t.Path) == filepath.Base(binary) {
			out = t.Entries
			found++
		}
	}
	if found != 1 {
		return nil, fmt.Errorf("%d of its %d targets are called %s", found, len(m.Targets), filepath.Base(binary))
	}
	return out, nil
}

func update(file, binary string, probes []manifest.Probe) error {
	var b strings.Builder
	m := manifest.Manifest{Targets: []manifest.Target{manifest.FromProbes(filepath.ToSlash(binary), probes)}}
	if _, err := m.WriteTo(&b); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
