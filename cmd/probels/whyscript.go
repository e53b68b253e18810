package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probels/probels/offset"
)

// whyScript explains a target that is a script: the programs that it may mean, and
// the command with the one that has what was asked for. False if it is none.
func (a *app) whyScript(name string, specs []string, o *options) bool {
	path, script, next := findScript(name)
	if script == nil {
		return false
	}
	a.raise(statusTrouble)
	programs := slices.Clone(script.Shim)
	if i := slices.Index(programs, script.Default); i > 0 {
		programs = slices.Insert(slices.Delete(programs, i, i+1), 0, script.Default)
	}
	if next != "" {
		programs = append(programs, next)
	}
	if script.Program != "" {
		if found, _ := offset.Find(context.Background(), script.Program, findOptions()); len(found) > 0 && found[0].Kind == offset.FoundCommand {
			programs = append(programs, found[0].Path)
		} else if strings.Contains(script.Program, "/") {
			programs = append(programs, script.Program)
		}
	}
	text := fmt.Sprintf("%s: a script, not an ELF file", path)
	if script.Program != "" {
		text += "; " + script.Program + " runs it"
	}
	command := ""
	for _, p := range programs {
		has := a.hasAll(p, specs, o)
		if has || command == "" {
			if command = "probels why " + shellWord(p); has {
				command = "probels resolve " + shellWord(p)
			}
			if len(specs) == 0 {
				command = "probels " + shellWord(p)
			}
			for _, s := range specs {
				command += " " + shellWord(s)
			}
		}
		if has {
			break
		}
	}
	if command == "" {
		command = "nothing can help: no program is known that it runs"
	}
	if o.json {
		var j jsonLine
		j.reset()
		j.str("kind", "why")
		j.str("path", path)
		j.str("cause", "script-file")
		j.str("text", text)
		if len(programs) > 0 {
			j.strs("programs", programs)
		}
		j.strs("help", []string{command})
		a.out.Write(j.line())
		return true
	}
	fmt.Fprintln(a.out, clean(text))
	for _, p := range programs {
		fmt.Fprintf(a.out, "  %-13s %s\n", "program", clean(p))
	}
	fmt.Fprintln(a.out, clean(command))
	return true
}

// findScript is the script that a name leads to, and the next program of the
// name in $PATH.
func findScript(name string) (path string, s *offset.Script, next string) {
	if _, err := os.Stat(name); err == nil || strings.Contains(name, "/") {
		if s, ok := offset.ParseScript(firstBytes(name, 256)); ok {
			return name, s, ""
		}
		return "", nil, ""
	}
	found, _ := offset.Find(context.Background(), name, findOptions())
	if len(found) == 0 || found[0].Kind != offset.FoundScript {
		return "", nil, ""
	}
	for _, c := range found {
		if c.Kind == offset.FoundCommand {
			next = c.Path
			break
		}
	}
	return filepath.Join(found[0].How, name), found[0].Script, next
}

// hasAll reports whether a program has all that is asked for.
func (a *app) hasAll(path string, texts []string, o *options) bool {
	how, err := a.target(o)
	if err != nil {
		return false
	}
	t, err := offset.Open(path, how)
	if err != nil {
		return false
	}
	defer t.Close()
	var specs []offset.Spec
	for _, text := range texts {
		s, err := offset.ParseSpec(text)
		if err != nil {
			return false
		}
		specs = append(specs, s)
	}
	results, err := t.Resolve(context.Background(), specs...)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(results, func(r offset.Result) bool { return len(r.Locations) == 0 })
}
