//go:build unix

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"html"
	"math"
	"slices"
	"time"
)

const (
	fontSize   = 12
	chartLeft  = 330
	chartWidth = 420
	ours       = "#1f77b4"
	theirs     = "#9aa5b1"
)

// chart draws rows as bars and families as curves, one below the other. Lengths are
// logarithmic, for what is compared differs by a factor of ten thousand.
func chart(rows []row) []byte {
	var body bytes.Buffer
	y := bars(&body, rows, 10)
	names, by := families(rows)
	for _, name := range names {
		y = panel(&body, name, by[name][0].unit, curves(by[name]), y+20)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="%d">`+"\n", chartLeft+chartWidth+270, y+10, fontSize)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/>`+"\n")
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func bars(b *bytes.Buffer, rows []row, y int) int {
	const bar, gap = 16, 22
	low, high := math.Inf(1), 0.0
	for _, r := range rows {
		for _, c := range r.commands {
			if c.median > 0 && r.family == "" {
				low, high = min(low, float64(c.median)), max(high, float64(c.median))
			}
		}
	}
	scale := func(d time.Duration) float64 {
		if high <= low {
			return chartWidth
		}
		return 4 + (chartWidth-4)*math.Log(float64(d)/low)/math.Log(high/low)
	}
	for _, r := range rows {
		if r.family != "" {
			continue
		}
		y += gap
		fmt.Fprintf(b, `<text x="4" y="%d" font-weight="bold">%s</text>`+"\n", y-7, html.EscapeString(r.name))
		commands := slices.Clone(r.commands)
		slices.SortStableFunc(commands, func(a, b *command) int { return cmp.Compare(a.median, b.median) })
		for _, c := range commands {
			if c.median == 0 {
				continue
			}
			color := theirs
			if c == r.commands[0] {
				color = ours
			}
			fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%s ms</text>`+"\n",
				chartLeft-6, y+bar-4, html.EscapeString(c.name), chartLeft, y+1, scale(c.median), bar-3, color, chartLeft+scale(c.median)+5, y+bar-4, ms(c.median))
			y += bar
		}
	}
	return y
}

// panel draws the curves of a family: both axes are logarithmic, so that what is linear
// rises by 45 degrees where a decade is as high as it is wide.
func panel(b *bytes.Buffer, name, unit string, all []curve, y int) int {
	low, high := math.Inf(1), 0.0
	from, to := math.Inf(1), 0.0
	for _, k := range all {
		for _, p := range k.points {
			if p.took > 0 && p.why == "" {
				low, high = min(low, float64(p.took)), max(high, float64(p.took))
				from, to = min(from, float64(p.n)), max(to, float64(p.n))
			}
		}
	}
	if high <= low || to <= from {
		return y
	}
	lowest, highest := math.Floor(math.Log10(low)), math.Ceil(math.Log10(high))
	decade := chartWidth / math.Log10(to/from)
	height := decade * (highest - lowest)
	at := func(n int, took float64) (float64, float64) {
		return chartLeft + decade*math.Log10(float64(n)/from), float64(y) + 24 + height - decade*(math.Log10(took)-lowest)
	}
	fmt.Fprintf(b, `<text x="4" y="%d" font-weight="bold">%s</text>`+"\n", y+12, html.EscapeString(name))
	for e := lowest; e <= highest; e++ {
		_, v := at(int(from), math.Pow(10, e))
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g ms</text>`+"\n", chartLeft, v, chartWidth, chartLeft-6, v+4, math.Pow(10, e-6))
	}
	for n := int(from); n <= int(to); n *= 10 {
		x, _ := at(n, low)
		fmt.Fprintf(b, `<path d="M%.1f %dv%.1f" stroke="#ddd"/><text x="%.1f" y="%.1f" text-anchor="middle">%s</text>`+"\n", x, y+24, height, x, float64(y)+40+height, thousands(n))
	}
	fmt.Fprintf(b, `<text x="%d" y="%.1f">%s</text>`+"\n", chartLeft+chartWidth+30, float64(y)+40+height, html.EscapeString(unit))
	// Names stand where curves end, and no two at one height.
	type end struct {
		y    float64
		text string
	}
	var ends []end
	for i, k := range all {
		color, width, path := theirs, 1, ""
		if i == 0 {
			color, width = ours, 2
		}
		var last float64
		for _, p := range k.points {
			if p.took == 0 || p.why != "" {
				continue
			}
			x, v := at(p.n, float64(p.took))
			verb := "L"
			if path == "" {
				verb = "M"
			}
			path += fmt.Sprintf("%s%.1f %.1f", verb, x, v)
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="2.5" fill="%s"/>`+"\n", x, v, color)
			last = v
		}
		if path != "" {
			fmt.Fprintf(b, `<path d="%s" fill="none" stroke="%s" stroke-width="%d"/>`+"\n", path, color, width)
			ends = append(ends, end{last, k.name})
		}
	}
	slices.SortStableFunc(ends, func(a, b end) int { return cmp.Compare(a.y, b.y) })
	for i := range ends {
		if i > 0 {
			ends[i].y = max(ends[i].y, ends[i-1].y+fontSize+1)
		}
		fmt.Fprintf(b, `<text x="%d" y="%.1f">%s</text>`+"\n", chartLeft+chartWidth+8, ends[i].y+4, html.EscapeString(ends[i].text))
	}
	bottom := y + 48 + int(height)
	if n := len(ends); n > 0 {
		bottom = max(bottom, int(ends[n-1].y)+fontSize)
	}
	return bottom
}
