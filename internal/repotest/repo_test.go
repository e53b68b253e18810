package repotest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/internal/skip"
)

const module = "github.com/probels/probels"

// A listed package is what "go list -json" says of one.
type listed struct {
	ImportPath, Dir, Doc, Name string
	GoFiles                    []string
	IgnoredGoFiles             []string
	Deps                       []string
}

// goList lists packages as GOOS/GOARCH sees them; "" is this system.
func goList(t *testing.T, target string, args ...string) []listed {
	t.Helper()
	cmd := exec.Command(skip.Tool(t, "go"), append([]string{"list", "-json=ImportPath,Dir,Doc,Name,GoFiles,IgnoredGoFiles,Deps"}, args...)...)
	cmd.Dir = "../.." // the module's root
	// Nothing is to be fetched, and nothing of the user's is to count.
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOPROXY=off", "CGO_ENABLED=0")
	if goos, goarch, ok := strings.Cut(target, "/"); ok {
		cmd.Env = append(cmd.Env, "GOOS="+goos, "GOARCH="+goarch)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// buildLine is a file's //go:build line, "" if it has none.
func buildLine(t *testing.T, file string) string {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if strings.HasPrefix(s.Text(), "//go:build ") {
			return s.Text()
		}
		if strings.HasPrefix(s.Text(), "package ") {
			break
		}
	}
	return ""
}

// A name that ends in an architecture, "args_arm64.go", keeps its file out of
// the build everywhere else, silently, and here files are about architectures
// and not for them. So what is left out must say so itself.
func TestIgnoredFiles(t *testing.T) {
	for _, target := range []string{"", "linux/amd64", "linux/386", "linux/arm64", "linux/s390x", "darwin/arm64", "windows/amd64"} {
		for _, p := range goList(t, target, "./...") {
			for _, name := range p.IgnoredGoFiles {
				line := buildLine(t, filepath.Join(p.Dir, name))
				if line == "" {
					t.Errorf("%s: %s of %s is not built, by its name alone", target, name, p.ImportPath)
				}
				for _, arch := range []string{"amd64", "386", "arm", "s390x", "riscv", "ppc", "mips"} {
					if strings.Contains(line, arch) {
						t.Errorf("%s: %s of %s is for an architecture: %s", target, name, p.ImportPath, line)
					}
				}
			}
		}
	}
	for _, p := range goList(t, "linux/amd64", "./elfsym", "./usdt") {
		want := map[string]string{module + "/elfsym": "[open_other.go]", module + "/usdt": "[]"}[p.ImportPath]
		if got := fmt.Sprint(p.IgnoredGoFiles); got != want {
			t.Errorf("%s: not built are %s, want %s", p.ImportPath, got, want)
		}
	}
}

// Every package says what it is for.
func TestPackageComments(t *testing.T) {
	for _, p := range goList(t, "", "./...") {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		if want := "Package " + p.Name + " "; p.Name != "main" && p.Doc != "" && !strings.HasPrefix(p.Doc, want) {
			t.Errorf("the comment of %s does not begin with %q: %q", p.ImportPath, want, p.Doc)
		}
	}
}

// What may load programs into the kernel, or is made of its instructions.
var ebpfUsers = []string{"/offset/attach", "/usdt/usdtbpf", "/internal/bpfrun", "/examples"}

func TestEBPFUsers(t *testing.T) {
	for _, p := range goList(t, "linux/amd64", "./...") {
		allowed := slices.ContainsFunc(ebpfUsers, func(prefix string) bool {
			return p.ImportPath == module+prefix || strings.HasPrefix(p.ImportPath, module+prefix+"/")
		})
		if slices.ContainsFunc(p.Deps, func(d string) bool { return strings.HasPrefix(d, "github.com/cilium/ebpf") }) && !allowed {
			t.Errorf("%s depends on cilium/ebpf", p.ImportPath)
		}
	}
}

// Who only reads files does not pay for loading programs into the kernel, nor
// for the network.
func TestDependencies(t *testing.T) {
	for _, p := range goList(t, "", "./elfsym", "./usdt", "./usdt/operand", "./offset") {
		for _, dep := range p.Deps {
			if strings.HasPrefix(dep, "github.com/cilium/ebpf") {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
			if slices.Contains([]string{"net/http", "testing", module + "/internal/testbin", module + "/internal/elfwrite"}, dep) {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
		if strings.HasSuffix(p.ImportPath, "/operand") && slices.Contains(p.Deps, module+"/elfsym") {
			t.Errorf("%s, a leaf, depends on elfsym", p.ImportPath)
		}
	}
}
