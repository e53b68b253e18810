//go:build unix

package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// printBrief prints a line for each row: the first command's time and memory, and those of
// the others as how often its time they take.
func printBrief(w io.Writer, rows []row) {
	fmt.Fprint(w, "| work | ms | MB | others: ms (times as long) |\n|---|--:|--:|---|\n")
	for _, r := range rows {
		own := r.commands[0]
		if r.family != "" || own.median == 0 {
			continue
		}
		others := slices.Clone(r.commands[1:])
		slices.SortStableFunc(others, func(a, b *command) int { return cmp.Compare(a.median, b.median) })
		var said []string
		for _, c := range others {
			switch {
			case c.missing, c.failed != nil:
			case c.slow:
				said = append(said, fmt.Sprintf("%s (stopped)", c.label))
			default:
				said = append(said, fmt.Sprintf("%s %s (%s×)", c.label, ms(c.median), round(float64(c.median)/float64(own.median))))
			}
		}
		fmt.Fprintf(w, "| %s: %s | %s | %s | %s |\n", r.name, own.label, ms(own.median), megabytes(own.peak), strings.Join(said, ", "))
	}
}

func round(v float64) string {
	switch {
	case v >= 100:
		return thousands(int(v))
	case v >= 10:
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.1f", v)
}

// labelOf is a command without what it is about: the tool, its commands and its options.
func labelOf(name string, args []string) string {
	text := filepath.Base(name)
	for _, a := range args {
		switch {
		case text == "gdb", text == "llvm-dwarfdump", text == "llvm-symbolizer":
		case a == "-q", a == "-x", a == "-e", a == "-m":
		case strings.HasPrefix(a, "-"), a == "usdt", a == "uprobe", a == "probe", a == "scan", a == "show", a == "resolve", a == "version":
			text += " " + a
		}
	}
	return "`" + text + "`"
}
