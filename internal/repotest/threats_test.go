package repotest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/probels/probels/internal/licence"
	"github.com/probels/probels/internal/skip"
)

// Every test that docs/threats.md leans on is there.
func TestThreats(t *testing.T) {
	doc, err := os.ReadFile("../../docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	decl := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("../..", func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, m := range decl.FindAllSubmatch(b, -1) {
			have[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w+`).FindAllString(string(doc), -1)
	if len(named) < 20 {
		t.Errorf("only %d tests are named", len(named))
	}
	for _, name := range named {
		if !have[name] {
			t.Errorf("docs/threats.md names %s, which there is not", name)
		}
	}
}

// What is compiled in may be given on under the project's licence: of every module that a package imports the licence
// is one that is known to allow it.
func TestLicences(t *testing.T) {
	cmd := exec.Command(skip.Tool(t, "go"), "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Dir}}{{end}}{{end}}", "./...")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		path, dir, ok := strings.Cut(s.Text(), "\t")
		if !ok || seen[path] {
			continue
		}
		seen[path] = true
		if _, err := licence.Of(dir); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if len(seen) < 4 {
		t.Errorf("only %d modules", len(seen))
	}
}
