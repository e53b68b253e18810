package confirm

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
	"github.com/probels/probels/internal/loader"
)

// The libraries of the system's programs are those that the loader itself lists, at the same paths: what
// "ldd" prints is what "ld.so --list" does, which also names what it cannot find.
func TestLDD(t *testing.T) {
	root, err := inroot.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	hwcaps, known := loader.HostHWCaps()
	f := loader.New(loader.Config{Root: root, HWCaps: hwcaps, HWCapsKnown: known})
	programs, libraries := 0, 0
	l := &fileList{seen: map[string]bool{}}
	limit := 120
	if os.Getenv("PROBELS_CONFIRM_ALL") != "" {
		limit = 1 << 30
	}
	dirs := []string{"/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/libexec", "/usr/lib/jvm"}
	for _, dir := range dirs {
		l.walk(dir, limit)
	}
	for _, path := range l.paths {
		theirs, ok := listed(t, path)
		if !ok {
			continue
		}
		e, err := elfsym.Open(path)
		if err != nil {
			continue
		}
		o := loader.NewObject(e, path, nil)
		e.Close()
		found, err := f.Needed(t.Context(), o)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		var ours []string
		for _, r := range found {
			if r.Path == "" {
				ours = append(ours, r.Name+" not found")
				continue
			}
			if filepath.Base(r.Path) != filepath.Base(o.Interp) && !strings.HasPrefix(r.Name, "ld-linux") {
				ours = append(ours, r.Name+" "+r.Path)
			}
		}
		diff(t, path, "ld.so", ours, theirs)
		programs++
		libraries += len(ours)
	}
	t.Logf("%d files and %d of their libraries compared", programs, libraries)
	if programs < 50 || libraries < 200 {
		t.Errorf("only %d files, %d libraries", programs, libraries)
	}
}

// listed is what the file's loader says of it; false if it has none, or is a static program. A library
// goes to the loader of the system.
func listed(t *testing.T, path string) ([]string, bool) {
	e, err := elfsym.Open(path)
	if err != nil {
		return nil, false
	}
	defer e.Close()
	l, err := e.Linking()
	dynamic := false
	for _, s := range e.Segments().All() {
		dynamic = dynamic || s.Type == elf.PT_DYNAMIC
	}
	if err != nil || !dynamic || e.Type() != elf.ET_EXEC && e.Type() != elf.ET_DYN {
		return nil, false
	}
	ld := l.Interp
	if ld == "" {
		host, _ := loader.HostABI()
		if len(l.Needed) == 0 || !loader.ABIOf(e).Fits(host) {
			return nil, false
		}
		for _, p := range []string{"/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"} {
			if _, err := os.Stat(p); err == nil {
				ld = p
			}
		}
	}
	cmd := exec.Command(ld, "--list", path)
	cmd.Env = []string{"LC_ALL=C"}
	out, err := cmd.Output()
	if err != nil {
		return nil, false // a static PIE, or a program of another machine
	}
	var theirs []string
	for line := range strings.Lines(string(out)) {
		name, rest, ok := strings.Cut(strings.TrimSpace(line), " => ")
		if !ok {
			// The vdso, the loader, and libraries needed by path.
			if name, _, _ := strings.Cut(name, " ("); strings.HasPrefix(name, "/") && filepath.Base(name) != filepath.Base(ld) {
				theirs = append(theirs, name+" "+name)
			}
			continue
		}
		if rest == "not found" {
			theirs = append(theirs, name+" not found")
			continue
		}
		where, _, _ := strings.Cut(rest, " (0x")
		if filepath.Base(where) == filepath.Base(ld) {
			continue
		}
		theirs = append(theirs, name+" "+where)
	}
	return theirs, true
}
