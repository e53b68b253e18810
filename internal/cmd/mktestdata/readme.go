package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"strings"
)

// The part of testdata/README.md that is written by hand.
//
//go:embed readme.md
var readmeHead string

func (b *builder) readme() []byte {
	var out bytes.Buffer
	out.WriteString(readmeHead)
	fmt.Fprintf(&out, "\n## Files\n\nFLAGS stands for the common flags:\n\n    %s\n\n", commonFlags)
	out.WriteString("and CC, CXX, BIN for the machine's programs and its own flags:\n\n| directory | programs | flags |\n|---|---|---|\n")
	for _, m := range machines {
		fmt.Fprintf(&out, "| %s | %s- | %s |\n", m.dir, m.triple, m.flags)
	}
	out.WriteString("\n| file | is | for | made by |\n|---|---|---|---|\n")
	for _, f := range allFixtures() {
		commands := strings.Split(strings.NewReplacer("DIR", f.machine.dir, "OUT", f.file).Replace(f.short), " ; ")
		fmt.Fprintf(&out, "| %s | %s | %s | `%s` |\n", f.file, f.elf, f.purpose, strings.Join(commands, "`; `"))
	}
	out.WriteString("\n## Tools\n\n| program | version | Debian package |\n|---|---|---|\n")
	for _, t := range b.tools {
		fmt.Fprintf(&out, "| %s | %s | %s |\n", t.name, t.version, debianPackage(t.name))
	}
	return out.Bytes()
}
