//go:build unix

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"time"
)

// printTable prints Markdown: × is how often the first command's time it takes.
func printTable(w io.Writer, rows []row, cold bool) {
	head, rule := "| work | command | ms | × | first output, ms | peak, MB |", "|---|---|--:|--:|--:|--:|"
	if cold {
		head, rule = head+" cold, ms |", rule+"--:|"
	}
	fmt.Fprintf(w, "%s\n%s\n", head, rule)
	for _, r := range rows {
		name := r.name
		for _, c := range r.commands {
			if c.missing {
				continue
			}
			fmt.Fprintf(w, "| %s | `%s` | ", name, c.name)
			name = ""
			switch {
			case c.slow:
				fmt.Fprint(w, "stopped | | | |")
			case c.failed != nil:
				fmt.Fprintf(w, "fails: %v | | | |", c.failed)
			default:
				fmt.Fprintf(w, "%s | %.2f | %s | %.1f |", ms(c.median), float64(c.median)/float64(cmp.Or(r.commands[0].median, 1)), ms(c.first), float64(c.peak)/1e6)
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

func ms(d time.Duration) string {
	v := float64(d) / 1e6
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// chart draws each row's commands as bars; lengths are logarithmic, for what is compared differs by
// a factor of ten thousand.
func chart(rows []row) []byte {
	const bar, gap, left, width, size = 16, 22, 330, 420, 12
	low, high := math.Inf(1), 0.0
	height := 10
	for _, r := range rows {
		height += gap
		for _, c := range r.commands {
			if c.median > 0 {
				height += bar
				low, high = min(low, float64(c.median)), max(high, float64(c.median))
			}
		}
	}
	scale := func(d time.Duration) float64 {
		if high <= low {
			return width
		}
		return 4 + (width-4)*math.Log(float64(d)/low)/math.Log(high/low)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="%d">`+"\n", left+width+90, height, size)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	y := 10
	for _, r := range rows {
		y += gap
		fmt.Fprintf(&b, `<text x="4" y="%d" font-weight="bold">%s</text>`+"\n", y-7, html.EscapeString(r.name))
		commands := slices.Clone(r.commands)
		slices.SortStableFunc(commands, func(a, b *command) int { return cmp.Compare(a.median, b.median) })
		for _, c := range commands {
			if c.median == 0 {
				continue
			}
			color := "#9aa5b1"
			if c == r.commands[0] {
				color = "#1f77b4"
			}
			fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%s ms</text>`+"\n",
				left-6, y+bar-4, html.EscapeString(c.name), left, y+1, scale(c.median), bar-3, color, left+scale(c.median)+5, y+bar-4, ms(c.median))
			y += bar
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}
