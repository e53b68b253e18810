package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A toolVersion is a program that was used, and what it says it is.
type toolVersion struct {
	name, version string
}

// debianPackage is the package of bookworm that has /usr/bin/NAME.
func debianPackage(name string) string {
	switch name {
	case "clang", "rustc":
		return name
	case "ld.lld":
		return "lld"
	case "xz":
		return "xz-utils"
	}
	i := strings.LastIndex(name, "-")
	triple, tool := name[:i], name[i+1:]
	if tool == "gcc" || tool == "g++" {
		if triple == "x86_64-linux-gnu" {
			return tool + " (on another machine than amd64: " + tool + "-x86-64-linux-gnu)"
		}
		return tool + "-" + triple
	}
	return "binutils-" + strings.ReplaceAll(triple, "_", "-")
}

// tool is the program that a line runs first, and the linkers that it makes the compiler run.
func toolsOf(line string) []string {
	words := strings.Fields(line)
	if words[0] == "mktestdata" {
		return nil
	}
	tools := []string{words[0]}
	if slices.Contains(words, "-fuse-ld=lld") {
		tools = append(tools, "ld.lld")
	}
	triple := strings.TrimSuffix(strings.TrimSuffix(words[0], "-gcc"), "-g++")
	if triple != words[0] {
		tools = append(tools, triple+"-ld")
		if slices.Contains(words, "-fuse-ld=gold") {
			tools = append(tools, triple+"-ld.gold")
		}
	}
	return tools
}

// have says whether the tools of an optional fixture are there.
func (b *builder) have(f fixture) bool {
	for _, line := range f.lines() {
		for _, name := range toolsOf(line) {
			if _, err := os.Stat(filepath.Join(b.bin, name)); err != nil {
				return false
			}
		}
	}
	return true
}

// findTools asks every tool for its version. All that are missing are named at once, a line each.
func (b *builder) findTools(fixtures []fixture) error {
	var errs []error
	seen := map[string]bool{}
	for _, f := range fixtures {
		for _, line := range f.lines() {
			for _, name := range toolsOf(line) {
				if seen[name] {
					continue
				}
				seen[name] = true
				cmd := exec.Command(filepath.Join(b.bin, name), "--version")
				cmd.Env = []string{"LC_ALL=C"}
				out, err := cmd.Output()
				if err != nil && f.optional {
					// The file stays, and so does what the README says of its tool.
					if version := b.recordedVersion(name); version != "" {
						b.tools = append(b.tools, toolVersion{name, version})
					}
					fmt.Fprintf(os.Stderr, "mktestdata: no %s/%s: install %s to rebuild %s\n", b.bin, name, debianPackage(name), f.file)
					continue
				}
				if err != nil {
					errs = append(errs, fmt.Errorf("no %s/%s: install %s", b.bin, name, debianPackage(name)))
					continue
				}
				first, _, _ := strings.Cut(string(out), "\n")
				b.tools = append(b.tools, toolVersion{name, strings.TrimSpace(first)})
			}
		}
	}
	slices.SortFunc(b.tools, func(x, y toolVersion) int { return strings.Compare(x.name, y.name) })
	return errors.Join(errs...)
}

// recordedVersion is the version that the committed README has for a tool.
func (b *builder) recordedVersion(name string) string {
	readme, _ := os.ReadFile(filepath.Join(b.root, "testdata", "README.md"))
	for line := range strings.Lines(string(readme)) {
		if cells := strings.Split(line, " | "); len(cells) == 3 && cells[0] == "| "+name {
			return cells[1]
		}
	}
	return ""
}
