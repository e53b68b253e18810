package pkghint

import (
	"net/url"
	"slices"
	"strings"
)

// An aptSource is one line of apt's, or one paragraph of a *.sources file
// (sources.list(5)).
type aptSource struct {
	types, uris, suites, components []string
	options                         string // of a line: what is in brackets, without them
	signedBy                        string // of a paragraph; may be a key of several lines
	deb822                          bool
}

// aptSources reads the system's sources, the enabled ones.
func (s *system) aptSources() []aptSource {
	out := parseOneLine(string(s.read("/etc/apt/sources.list", maxSmall)))
	const dir = "/etc/apt/sources.list.d"
	for _, name := range s.list(dir, "") {
		switch {
		case strings.HasSuffix(name, ".list"):
			out = append(out, parseOneLine(string(s.read(dir+"/"+name, maxSmall)))...)
		case strings.HasSuffix(name, ".sources"):
			out = append(out, parseDeb822(s.read(dir+"/"+name, maxSmall))...)
		}
	}
	for i := range out {
		out[i].uris = s.mirrors(out[i].uris)
	}
	return out
}

// parseOneLine: "deb [options] URI SUITE COMPONENT…".
func parseOneLine(text string) []aptSource {
	var out []aptSource
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		typ, rest, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(line, "\t", " ")), " ")
		rest = strings.TrimSpace(rest)
		var src aptSource
		if strings.HasPrefix(rest, "[") {
			var ok bool
			if src.options, rest, ok = strings.Cut(rest[1:], "]"); !ok {
				continue
			}
			src.options = strings.Join(strings.Fields(src.options), " ")
		}
		words := strings.Fields(rest)
		if typ != "deb" && typ != "deb-src" || len(words) < 2 {
			continue
		}
		src.types, src.uris, src.suites, src.components = []string{typ}, words[:1], words[1:2], words[2:]
		out = append(out, src)
	}
	return out
}

func parseDeb822(b []byte) []aptSource {
	var out []aptSource
	for p := range paragraphs(b, "Types", "URIs", "Suites", "Components", "Signed-By", "Enabled") {
		if strings.EqualFold(p["enabled"], "no") || strings.EqualFold(p["enabled"], "false") {
			continue
		}
		out = append(out, aptSource{
			types: strings.Fields(p["types"]), uris: strings.Fields(p["uris"]), suites: strings.Fields(p["suites"]),
			components: strings.Fields(p["components"]), signedBy: p["signed-by"], deb822: true,
		})
	}
	return out
}

// mirrors replaces mirror+file:/LIST, which images for clouds have, by the
// first mirror in that list.
func (s *system) mirrors(uris []string) []string {
	out := slices.Clone(uris)
	for i, u := range out {
		list, ok := strings.CutPrefix(u, "mirror+file:")
		if !ok {
			continue
		}
		name := "/" + strings.TrimLeft(list, "/")
		for line := range strings.Lines(string(s.read(name, maxSmall))) {
			if f := strings.Fields(line); len(f) > 0 && isURL(f[0]) {
				out[i] = f[0]
				break
			}
		}
	}
	return out
}

// hasDebug reports whether a source is one of debug packages.
func (a *aptSource) hasDebug() bool {
	if !slices.Contains(a.types, "deb") {
		return false
	}
	for _, u := range a.uris {
		if strings.Contains(u, "-debug") || strings.Contains(u, "://ddebs.") {
			return true
		}
	}
	return false
}

// isBase tells the suite of a release from those beside it.
func isBase(suite string) bool {
	if !isName(suite) {
		return false
	}
	for _, end := range []string{"-updates", "-security", "-backports", "-backports-sloppy", "-debug", "-proposed", "-proposed-updates"} {
		if strings.HasSuffix(suite, end) {
			return false
		}
	}
	return true
}

// debianDebug makes the source of debug packages out of the one of packages;
// ok is false if it is not a mirror of Debian's archive. update: the package
// came by way of a stable or security update, whose debug packages wait in
// proposed-updates until the next point release.
func (a *aptSource) debianDebug(update bool) (debug aptSource, ok bool) {
	if !slices.Contains(a.types, "deb") || !slices.Contains(a.components, "main") {
		return debug, false
	}
	for _, u := range a.uris {
		if d, isMirror := debugURI(u); isMirror {
			debug.uris = []string{d}
			break
		}
	}
	if debug.uris == nil {
		return debug, false
	}
	for _, suite := range a.suites {
		switch {
		case isBase(suite):
			debug.suites = append(debug.suites, suite+"-debug")
			if update && suite != "sid" && suite != "unstable" && suite != "testing" && suite != "experimental" {
				debug.suites = append(debug.suites, suite+"-proposed-updates-debug")
			}
		case strings.HasSuffix(suite, "-backports") && isName(suite):
			debug.suites = append(debug.suites, suite+"-debug")
		}
	}
	if !slices.ContainsFunc(a.suites, isBase) {
		return debug, false
	}
	debug.types, debug.components = []string{"deb"}, []string{"main"}
	debug.options, debug.signedBy, debug.deb822 = a.options, a.signedBy, a.deb822
	return debug, true
}

// debugURI replaces the last "debian" of a URI's path. A snapshot of a day has
// the day behind it, a proxy a host before it.
func debugURI(uri string) (string, bool) {
	if !isURL(uri) {
		return "", false
	}
	u, err := url.Parse(uri)
	if err != nil {
		return "", false
	}
	parts := strings.Split(u.Path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] == "debian" {
			parts[i] = "debian-debug"
			u.Path = strings.Join(parts, "/")
			d := u.String()
			return d, isURL(d)
		}
	}
	return "", false
}

// file is the source as a file of apt's has it, its name, and whether all in
// it is fit to be pasted.
func (a *aptSource) file(name string) (file, text string, ok bool) {
	for _, list := range [][]string{a.suites, a.components} {
		for _, w := range list {
			if !isName(w) {
				return "", "", false
			}
		}
	}
	var b strings.Builder
	if !a.deb822 {
		options := ""
		if a.options != "" {
			if !only(a.options, " =,+-._:/") {
				return "", "", false
			}
			options = "[" + a.options + "] "
		}
		for _, suite := range a.suites {
			b.WriteString("deb " + options + a.uris[0] + " " + suite + " " + strings.Join(a.components, " ") + "\n")
		}
		return name + ".list", b.String(), true
	}
	b.WriteString("Types: deb\nURIs: " + a.uris[0] + "\nSuites: " + strings.Join(a.suites, " ") +
		"\nComponents: " + strings.Join(a.components, " ") + "\n")
	if a.signedBy != "" {
		// A path, fingerprints, or a key in ASCII armor, each line indented.
		if !only(strings.ReplaceAll(a.signedBy, "\n", ""), " +-._:/=,\t") || len(a.signedBy) > 64<<10 {
			return "", "", false
		}
		b.WriteString("Signed-By: " + a.signedBy + "\n")
	}
	return name + ".sources", b.String(), true
}
