package main

import (
	"context"
	"flag"
	"io"
	"strings"

	"github.com/probels/probels/offset"
)

// The shell's script asks this program itself ("probels __complete WORDS…"), so
// that the names of a target's own probes can be offered. What it leaves open,
// file names, the shell completes.
var completionScripts = [...]struct{ shell, script string }{
	// Bash ends words at ":" too, and replaces only what is behind the last one.
	{"bash", `_probels() {
	local words found cur line="${COMP_LINE:0:COMP_POINT}"
	read -a words <<<"$line"
	[[ $line == *[[:blank:]] ]] && words+=("")
	cur="${words[-1]}"
	mapfile -t found < <(probels __complete "${words[@]:1}" 2>/dev/null)
	found=("${found[@]#"${cur%"${cur##*:}"}"}")
	COMPREPLY=()
	((${#found[@]})) && mapfile -t COMPREPLY < <(printf '%q\n' "${found[@]}")
}
complete -o default -o nospace -F _probels probels
`},
	{"zsh", `#compdef probels
_probels() {
	local -a found
	found=("${(@f)$(probels __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}")
	[[ -n "${found[1]}" ]] && compadd -- "${found[@]}"
	_files
}
compdef _probels probels
`},
	{"fish", `complete -c probels -a '(probels __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
`},
}

func runCompletion(a *app, args []string) error {
	for _, c := range completionScripts {
		if len(args) == 1 && args[0] == c.shell {
			_, err := io.WriteString(a.out, c.script)
			return err
		}
	}
	return usagef("which shell: probels completion bash, zsh or fish")
}

// runComplete prints what the last word may become, a line each.
func runComplete(a *app, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	words = words[:len(words)-1]
	name, plain := "list", []string{}
	for i, w := range words {
		switch c, ok := findCommand(w); {
		case ok && len(plain) == 0 && name == "list":
			name = c.name
		case !strings.HasPrefix(w, "-") && !takesValue(words, i):
			plain = append(plain, w)
		}
	}
	before := ""
	if len(words) > 0 {
		before = words[len(words)-1]
	}
	offer := func(s string) {
		if strings.HasPrefix(s, last) {
			a.out.WriteString(s + "\n")
		}
	}
	switch {
	case strings.HasPrefix(last, "-"):
		letters := ""
		if name == "list" {
			letters = "mpf"
		}
		flags, _ := newFlags(name, letters)
		flags.VisitAll(func(f *flag.Flag) { offer(dashed(f.Name)) })
	case before == "-k" || before == "--kind":
		for _, k := range []string{"usdt", "uprobe", "plt", "anon", "data", "jit"} {
			offer(k)
		}
	case len(words) == 0:
		for _, c := range commands() {
			offer(c.name)
		}
	case name == "completion":
		for _, s := range []string{"bash", "zsh", "fish"} {
			offer(s)
		}
	case name == "help":
		for _, c := range commands() {
			offer(c.name)
		}
		offer("json")
	case len(plain) > 0 && (name == "resolve" || before == "-m" || before == "--match"):
		a.offerNames(plain[0], offer)
	}
	return nil
}

// takesValue reports whether word i is the value of the flag before it.
func takesValue(words []string, i int) bool {
	if i == 0 {
		return false
	}
	switch strings.TrimLeft(words[i-1], "-") {
	case "m", "match", "k", "kind", "color", "debug", "p", "in", "reference", "confidence", "save":
		return strings.HasPrefix(words[i-1], "-")
	}
	return false
}

// offerNames offers the probes of a target that begin with what was typed.
func (a *app) offerNames(target string, offer func(string)) {
	t, err := a.openTarget(target, &options{debug: "off", quiet: true})
	if err != nil {
		return // the command itself will say so
	}
	defer t.Close()
	last := ""
	for p, err := range t.Probes(context.Background(), offset.Query{}) {
		if err == nil && p.Name() != last && safe(p.Name()) {
			last = p.Name()
			offer(last)
		}
	}
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
