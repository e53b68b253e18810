//go:build unix

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// printTable prints Markdown: × is how often the first command's time it takes.
func printTable(w io.Writer, rows []row, cold bool) {
	head, rule := "| work | command | ms | × | cpu, ms | first output, ms | peak, MB |", "|---|---|--:|--:|--:|--:|--:|"
	if cold {
		head, rule = head+" cold, ms |", rule+"--:|"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, r := range rows {
		if r.family != "" {
			continue
		}
		name := r.name
		for _, c := range r.commands {
			if c.missing {
				continue
			}
			fmt.Fprintf(w, "| %s | `%s` | ", name, strings.ReplaceAll(c.name, "|", "\\|"))
			name = ""
			switch {
			case c.slow:
				fmt.Fprint(w, "stopped | | | | |")
			case c.failed != nil:
				fmt.Fprintf(w, "fails: %v | | | | |", c.failed)
			default:
				fmt.Fprintf(w, "%s | %s | %s | %s | %s |", ms(c.median), times(c, &r), ms(c.cpu), ms(c.first), megabytes(c.peak))
			}
			if cold {
				if c.cold > 0 {
					fmt.Fprintf(w, " %s |", ms(c.cold))
				} else {
					fmt.Fprint(w, " |")
				}
			}
			fmt.Fprintln(w)
		}
	}
}

func times(c *command, r *row) string {
	return fmt.Sprintf("%.2f", float64(c.median)/float64(cmp.Or(r.commands[0].median, 1)))
}

func megabytes(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%.1f", float64(n)/1e6)
}

func ms(d time.Duration) string {
	v := float64(d) / 1e6
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// A curve is how one command's time grows with what there is in a file.
type curve struct {
	name   string
	points []point
}

type point struct {
	n    int
	took time.Duration
	why  string // instead of took
}

// families are the names of the curves' rows, in order, and their rows.
func families(rows []row) (names []string, by map[string][]row) {
	by = make(map[string][]row)
	for _, r := range rows {
		if r.family == "" {
			continue
		}
		if by[r.family] == nil {
			names = append(names, r.family)
		}
		by[r.family] = append(by[r.family], r)
	}
	return names, by
}

// curves are the commands of a family; those are one whose names differ in the file's
// name alone, which stand in one place in all rows.
func curves(rows []row) []curve {
	var out []curve
	for i := range rows[0].commands {
		var k curve
		for _, r := range rows {
			c := r.commands[i]
			p := point{n: r.n, took: c.median}
			switch {
			case c.missing:
				continue
			case c.slow:
				p.why = "stopped"
			case c.failed != nil:
				p.why = "fails"
			}
			k.name = strings.ReplaceAll(c.name, fmt.Sprint("-", r.n), "")
			k.points = append(k.points, p)
		}
		if len(k.points) > 0 {
			out = append(out, k)
		}
	}
	return out
}

// printGrowth prints a table for each family: milliseconds, and nanoseconds for each
// thing in the file, by which one sees whether time grows faster than the file.
func printGrowth(w io.Writer, rows []row) {
	names, by := families(rows)
	for _, name := range names {
		all := by[name]
		fmt.Fprintf(w, "\n| %s | ", name)
		for _, r := range all {
			fmt.Fprintf(w, "%s | ", thousands(r.n))
		}
		fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("--:|", len(all)))
		for _, k := range curves(all) {
			fmt.Fprintf(w, "| `%s` | ", k.name)
			for _, r := range all {
				i := slices.IndexFunc(k.points, func(p point) bool { return p.n == r.n })
				switch {
				case i < 0:
					fmt.Fprint(w, "| ")
				case k.points[i].why != "":
					fmt.Fprintf(w, "%s | ", k.points[i].why)
				default:
					took := k.points[i].took
					fmt.Fprintf(w, "%s ms, %s ns each | ", ms(took), thousands(int(took)/r.n))
				}
			}
			fmt.Fprintln(w)
		}
	}
}

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
