package confirm

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset"
)

// A scan leaves files out by two short reads, so nothing but every file of a system
// can tell whether it leaves out too many: those that readelf -n finds sites in.
func TestScan(t *testing.T) {
	skip.Short(t)
	tool := skip.Tool(t, "readelf")
	const root = "/usr"
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var ours []string
	s := offset.NewScan(nil)
	for f, err := range s.Files(ctx, root) {
		if err != nil {
			if ctx.Err() != nil {
				t.Fatal(err)
			}
			t.Logf("not read: %v", err)
			continue
		}
		for _, err := range f.Errs {
			t.Logf("%s: %v", f.Path(), err)
		}
		id := inode(t, f.Path())
		for _, p := range f.Probes {
			ours = append(ours, fmt.Sprintf("%s %s 0x%x %s", id, p.Name(), uint64(p.Site.Addr)-uint64(p.Site.Moved), strings.TrimSpace(p.Site.Spec)))
		}
	}
	stats := s.Stats()

	var theirs []string
	executed := executables(t, root)
	for paths := executed; len(paths) > 0; {
		n := min(500, len(paths))
		theirs = append(theirs, noteSites(t, tool, paths[:n])...)
		paths = paths[n:]
	}
	diff(t, root, "readelf -n", ours, theirs)
	t.Logf("%d files, %d ELF, %d of them executed (by the walk of this test %d), %d sites in %d files", stats.Files, stats.ELF,
		stats.ELF-stats.DebugOnly-stats.Objects, len(executed), len(ours), stats.Matched)
	if len(ours) < 10 {
		t.Errorf("only %d sites", len(ours))
	}
}

func inode(t *testing.T, path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// executables are the programs and libraries below a directory, each file once, found
// by nothing that a scan uses.
func executables(t *testing.T, root string) []string {
	var out []string
	seen := map[string]bool{}
	filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() || !isELF(path) || seen[inode(t, path)] {
			return nil
		}
		f, err := elfsym.Open(path)
		if err != nil {
			return nil
		}
		defer f.Close()
		if (f.Type() == elf.ET_EXEC || f.Type() == elf.ET_DYN) && !f.DebugOnly() {
			seen[inode(t, path)] = true
			out = append(out, path)
		}
		return nil
	})
	return out
}

// combined is what a tool prints whatever its status.
func combined(t *testing.T, tool string, args ...string) string {
	t.Helper()
	cmd := exec.Command(tool, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBUGINFOD_URLS=")
	out, err := cmd.Output()
	if ee := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ee) {
		t.Fatal(err)
	}
	return string(out)
}

// noteSites are the sites that readelf -n prints.
func noteSites(t *testing.T, tool string, paths []string) []string {
	t.Helper()
	var out []string
	var id, provider, name, at string
	// Its status is not 0 if one of the files is damaged, and goes on.
	for line := range strings.Lines(combined(t, tool, append([]string{"-n", "--"}, paths...)...)) {
		line = strings.TrimSuffix(line, "\n")
		field := strings.TrimSpace(line)
		switch key, value, _ := strings.Cut(field, ": "); {
		case strings.HasPrefix(line, "File: "):
			id = inode(t, strings.TrimPrefix(line, "File: "))
		case key == "Provider":
			provider = value
		case key == "Name":
			name = value
		case key == "Location":
			at, _, _ = strings.Cut(value, ",")
		case strings.HasPrefix(field, "Arguments:"):
			out = append(out, fmt.Sprintf("%s %s:%s 0x%x %s", id, provider, name, hexNumber(strings.TrimPrefix(at, "0x")),
				strings.TrimSpace(strings.TrimPrefix(field, "Arguments:"))))
		}
	}
	return out
}
