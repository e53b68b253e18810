package pkghint

import (
	"os/exec"
	"strings"
	"testing"
)

// Whatever a root and a file hold, each command is one that a shell reads as
// what it seems to be: no control characters, and no expansion but ours.
func FuzzHint(f *testing.F) {
	f.Add("debian", "bash", "5.2-1", "bash", debianSources, "", "/bin/bash")
	f.Add("ubuntu", "a", "1", "", "deb [x=y] http://m/debian sid main", "[r-debug]\nenabled=0\n", "/x")
	f.Add("fedora", "", "", "", "", "", "/it's\x1b")
	f.Add("alpine", "a\nF:\nR:x", "1", "o", "", "", "/x")
	f.Add("fedora", "", "", "", "", "", "/x\ny")
	f.Fuzz(func(t *testing.T, id, pkg, version, source, sources, repos, path string) {
		files := map[string]string{
			"etc/os-release":                   "ID=" + id + "\nHOME_URL=http://" + pkg + "\n",
			"etc/apt/sources.list":             sources,
			"etc/apt/sources.list.d/x.sources": sources,
			"etc/zypp/repos.d/x.repo":          repos,
			"etc/debuginfod/x.urls":            repos,
			"var/lib/dpkg/status":              status(pkg, version, source),
			"lib/apk/db/installed":             "P:" + pkg + "\nV:" + version + "\no:" + source + "\nF:\nR:" + path + "\n",
			"var/lib/dpkg/diversions":          repos,
		}
		if isName(pkg) && len(pkg) < 100 {
			files["var/lib/dpkg/info/"+pkg+".list"] = path + "\n"
		}
		h, err := For(t.Context(), file(t, ""), path, root(t, files))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range h.Steps {
			safe(t, s.Command)
		}
	})
}

// safe takes what is quoted off and looks at the rest.
func safe(t *testing.T, cmd string) {
	t.Helper()
	for _, c := range cmd {
		if c < ' ' && c != '\n' && c != '\t' || c == 0x7f || c == 0xfffd {
			t.Fatalf("%q", cmd)
		}
	}
	if before, doc, ok := strings.Cut(cmd, "<<'END'\n"); ok {
		if strings.Index("\n"+doc, "\nEND") != len(doc)-len("END") {
			t.Fatalf("the text ends early: %q", cmd)
		}
		cmd = strings.Replace(before, ">/dev/null", "", 1)
	}
	cmd = strings.Replace(cmd, `"$(rpm -qf `, "", 1)
	cmd = strings.TrimSuffix(cmd, `)"`)
	for {
		a, rest, ok := strings.Cut(cmd, "'")
		if !ok {
			break
		}
		_, b, ok := strings.Cut(rest, "'")
		if !ok {
			t.Fatalf("a quote is open: %q", cmd)
		}
		cmd = a + strings.TrimPrefix(b, `\'`)
		if strings.HasPrefix(b, `\'`) {
			cmd = a + b[2:]
		}
	}
	if strings.ContainsAny(cmd, "`$;&|<>()*?[]{}!#\\\"\n") {
		t.Fatalf("not quoted: %q", cmd)
	}
}

// The parsers end, and what they give has been in the text.
func FuzzParsers(f *testing.F) {
	f.Add([]byte(debianSources))
	f.Add([]byte(status("a", "1", "b (2)")))
	f.Add([]byte("deb [a=b] http://x/debian sid main\n"))
	f.Add([]byte("ID=\"a\\\"b\"\n"))
	f.Add([]byte("P:a\nV:1\nF:x\nR:y\n"))
	f.Add([]byte("\x04\x22\x4d\x18\x40\x40\xc0\x05\x00\x00\x80hello\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		text := string(b)
		for _, s := range append(parseOneLine(text), parseDeb822(b)...) {
			for _, list := range [][]string{s.types, s.uris, s.suites, s.components} {
				for _, w := range list {
					if !strings.Contains(text, w) || strings.ContainsAny(w, " \n\t") {
						t.Fatalf("%q", w)
					}
				}
			}
			if d, ok := s.debianDebug(true); ok {
				d.file("x")
			}
		}
		if p := dpkgStatus(b, "a", ""); p != nil && (!isVersion(p.Version) || !isName(p.Source)) {
			t.Fatalf("%+v", p)
		}
		if p := apkOwner(b, []string{"/x/y"}); p != nil && (!isVersion(p.Version) || !isName(p.Source)) {
			t.Fatalf("%+v", p)
		}
		if out, err := unlz4(b, 1<<16); len(out) > 1<<16 || err != nil && out != nil {
			t.Fatalf("%d bytes %v", len(out), err)
		}
		parseOSRelease(text)
		parseRepos(text)
		parseNote(b)
		hasLine(b, "a")
	})
}

// A shell reads a quoted word as what it was.
func FuzzQuote(f *testing.F) {
	f.Add("/usr/bin/it's $(x)")
	f.Fuzz(func(t *testing.T, s string) {
		w, ok := quote(s)
		if !ok || len(s) > 4096 {
			return
		}
		out, err := exec.Command("/bin/sh", "-c", "printf %s "+w).Output()
		if err != nil || string(out) != s {
			t.Fatalf("%q: sh reads %q as %q, %v", s, w, out, err)
		}
	})
}
