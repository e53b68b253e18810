package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
	"github.com/probels/probels/usdt"
)

// whyNoUSDT says why a file has no USDT probes and, where its runtime is in a
// library, which one that is, with the command for it.
func whyNoUSDT(t *offset.Target) string {
	why := noUSDT(t)
	p, err := t.Program()
	if err != nil || p.Runtime == "" || !p.Certain {
		return why // what was damaged is told by the listing
	}
	switch build := p.Runtime.ProbesNeed(); {
	case p.Launcher:
		return startsElsewhere(t, p)
	case t.File().Section(".note.stapsdt") != nil:
		return why
	case build != "":
		return fmt.Sprintf("%s, built without %s", p.Runtime, build)
	case p.Runtime.Interpreter():
		return fmt.Sprintf("%s has none", p.Runtime)
	}
	return why
}

// startsElsewhere says of a launcher what it starts, and where that is.
func startsElsewhere(t *offset.Target, p offset.Program) string {
	what := string(p.Runtime)
	if p.Runtime == offset.JVM {
		what = "a " + what
	}
	return fmt.Sprintf("it only starts %s, which is in a library; %s", what, runtimeElsewhere(t, p))
}

// runtimeElsewhere names the library that a launcher's runtime is in.
func runtimeElsewhere(t *offset.Target, p offset.Program) string {
	libs, err := t.RuntimeIn(context.Background(), p, findOptions())
	if err != nil {
		return "its library is not to be found: " + oneLine(err)
	}
	var out []string
	for _, l := range libs {
		if l.Path == "" {
			out = append(out, "its library is not to be found: "+oneLine(l.Err))
			continue
		}
		out = append(out, fmt.Sprintf("%s has %s: probels %s", filepath.Base(l.Path), probesOf(l.Path, p.Runtime.ProbesNeed()), shellWord(l.Path)))
	}
	return strings.Join(out, "; ")
}

// probesOf counts the USDT probes of another file.
func probesOf(path, build string) string {
	f, err := elfsym.Open(path)
	if err != nil {
		return "an error, " + oneLine(err)
	}
	defer f.Close()
	seen := map[string]bool{}
	for s, err := range usdt.Sites(f) {
		if err == nil {
			seen[s.Provider+":"+s.Name] = true
		}
	}
	if len(seen) == 0 {
		if build != "" {
			return "none either (built without " + build + ")"
		}
		return "none either"
	}
	return plural(len(seen), "USDT probe")
}

// shellWord quotes a path for a shell, where that is necessary.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:@%,") == "" && s != "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// programKind is what the first line on a terminal says that a file is.
func programKind(t *offset.Target) (kind, language string) {
	p, _ := t.Program() // what was damaged is told by the listing
	switch {
	case p.Launcher, p.Runtime.Interpreter():
		return p.String(), ""
	case p.Runtime == offset.Go: // its version says so
		return fileKind(t.File()), ""
	}
	return fileKind(t.File()), p.String()
}

// traceLines are below the first line on a terminal: how programs of the runtime
// are traced, and where the runtime is.
func traceLines(t *offset.Target) []string {
	p, err := t.Program()
	if err != nil || p.Runtime == "" || !p.Certain {
		return nil
	}
	var out []string
	if p.Launcher {
		out = append(out, startsElsewhere(t, p))
	} else if p.Runtime.Interpreter() {
		line := p.Runtime.Trace()
		if probes := p.Runtime.FunctionProbes(); len(probes) > 0 {
			line += " (" + strings.Join(probes, ", ") + ")"
		}
		out = append(out, line)
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// definedWhere adds to the error about a name that is only imported which library
// has it.
func definedWhere(t *offset.Target, err error) error {
	var nf *offset.NotFoundError
	if !errors.As(err, &nf) || !nf.Imported {
		return err
	}
	libs, _ := t.DefinedIn(context.Background(), nf.Spec.String(), findOptions()) // what it lacks is told by err
	if len(libs) == 0 {
		return err
	}
	return fmt.Errorf("%s: only imported; %s has it: probels resolve %s %s", nf.Spec, libs[0].Path, shellWord(libs[0].Path), shellWord(nf.Spec.String()))
}
