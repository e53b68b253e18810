package confirm

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt"
)

// withProbes are test binaries with USDT probes, and the system's files that have some.
func withProbes(t *testing.T) []string {
	out := []string{testbin.Path(t, "amd64/probe-pie"), testbin.Path(t, "amd64/probe-nopie"), testbin.Path(t, "amd64/sdt-stale"),
		testbin.Path(t, "amd64/probe-lld"), testbin.Path(t, "i386/probe-pie"), testbin.Path(t, "amd64/libtestbin.so")}
	const most = 6 // GDB takes long for a big file
	for _, path := range files() {
		if len(out) >= 6+most {
			break
		}
		if strings.Contains(path, ".debug") {
			continue // GDB ignores the notes of debug files
		}
		if len(sites(t, path)) > 0 {
			out = append(out, path)
		}
	}
	return out
}

func sites(t *testing.T, path string) []usdt.Site {
	t.Helper()
	f, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []usdt.Site
	for s, err := range usdt.Sites(f) {
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		out = append(out, s)
	}
	return out
}

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBUGINFOD_URLS=")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

// diff reports what is in one sorted list of lines and not in the other.
func diff(t *testing.T, path, tool string, ours, theirs []string) {
	t.Helper()
	slices.Sort(ours)
	slices.Sort(theirs)
	const few = 10
	n := 0
	report := func(who, line string) {
		if n++; n <= few {
			t.Errorf("%s: only %s: %s", path, who, line)
		}
	}
	for i, k := 0, 0; i < len(ours) || k < len(theirs); {
		c := 0
		switch {
		case i == len(ours):
			c = 1
		case k == len(theirs):
			c = -1
		default:
			c = cmp.Compare(ours[i], theirs[k])
		}
		switch {
		case c < 0:
			report("we have", ours[i])
			i++
		case c > 0:
			report(tool+" has", theirs[k])
			k++
		default:
			i, k = i+1, k+1
		}
	}
	if n > few {
		t.Errorf("%s: %d differences in all", path, n)
	}
}

var gdbLine = regexp.MustCompile(`^stap\s+(\S+)\s+(\S+)\s+0x([0-9a-f]+)\s+(?:0x([0-9a-f]+)\s+)?/`)

// GDB corrects addresses by .stapsdt.base, and semaphores with them, as we do.
func TestGDB(t *testing.T) {
	gdb := skip.Tool(t, "gdb")
	n := 0
	for _, path := range withProbes(t) {
		var ours, theirs []string
		for _, s := range sites(t, path) {
			ours = append(ours, fmt.Sprintf("%s:%s 0x%x semaphore 0x%x", s.Provider, s.Name, uint64(s.Addr), uint64(s.Semaphore)))
		}
		for line := range strings.Lines(output(t, gdb, "-batch", "-nx", "-ex", "set width 0", "-ex", "info probes stap", path)) {
			if m := gdbLine.FindStringSubmatch(line); m != nil {
				theirs = append(theirs, fmt.Sprintf("%s:%s 0x%x semaphore 0x%x", m[1], m[2], hexNumber(m[3]), hexNumber(cmp.Or(m[4], "0"))))
			}
		}
		diff(t, path, "GDB", ours, theirs)
		n += len(ours)
	}
	t.Logf("%d sites", n)
	if n < 100 {
		t.Errorf("only %d sites", n)
	}
}

var (
	euPlace = regexp.MustCompile(`^ +PC: (0x[0-9a-f]+|0), Base: (0x[0-9a-f]+|0), Semaphore: (0x[0-9a-f]+|0)$`)
	euName  = regexp.MustCompile(`^ +Provider: (.*), Name: (.*), Args: '(.*)'$`)
)

// eu-readelf prints the addresses of the note; where .stapsdt.base moves them we follow GDB.
func TestElfutils(t *testing.T) {
	tool := skip.Tool(t, "eu-readelf")
	paths := withProbes(t)
	for _, name := range testbin.All(t) {
		if filepath.Base(name) == "probe-nopie" || filepath.Base(name) == "probe-pie" {
			paths = append(paths, testbin.Path(t, name))
		}
	}
	n := 0
	for _, path := range paths {
		var ours, theirs []string
		for _, s := range sites(t, path) {
			semaphore := uint64(s.Semaphore)
			if semaphore != 0 {
				semaphore -= uint64(s.Moved)
			}
			ours = append(ours, fmt.Sprintf("%s:%s 0x%x semaphore 0x%x %s", s.Provider, s.Name, uint64(s.Addr)-uint64(s.Moved), semaphore, s.Spec))
		}
		place := ""
		for line := range strings.Lines(output(t, tool, "-n", path)) {
			line = strings.TrimSuffix(line, "\n")
			if m := euPlace.FindStringSubmatch(line); m != nil {
				place = fmt.Sprintf("0x%x semaphore 0x%x", hexNumber(strings.TrimPrefix(m[1], "0x")), hexNumber(strings.TrimPrefix(m[3], "0x")))
			} else if m := euName.FindStringSubmatch(line); m != nil {
				theirs = append(theirs, fmt.Sprintf("%s:%s %s %s", m[1], m[2], place, m[3]))
			}
		}
		diff(t, path, "eu-readelf", ours, theirs)
		n += len(ours)
	}
	t.Logf("%d sites", n)
}

// nm takes a symbol's version from the table as we do, but prints that of an undefined one, and the
// symbol that names a version, in its own way: only what a library defines is compared.
func TestNM(t *testing.T) {
	nm := skip.Tool(t, "nm")
	n := 0
	paths := []string{testbin.Path(t, "amd64/libtestbin.so"), testbin.Path(t, "amd64/libtestbin-sysv.so"), testbin.Path(t, "i386/libtestbin.so"),
		testbin.Path(t, "amd64/probe-pie"), testbin.Path(t, "amd64/cxx.so"), testbin.Path(t, "amd64/rust-v0.so")}
	for i, path := range files() {
		if i < 20 && !strings.Contains(path, ".debug") {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		f, err := elfsym.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, table := range []struct {
			src  elfsym.Source
			args []string
		}{
			{elfsym.Dynsym, []string{"-D", "--with-symbol-versions"}}, {elfsym.Symtab, nil},
		} {
			if f.Has(table.src) == 0 {
				continue
			}
			var ours, theirs []string
			for s, err := range f.Symbols(table.src) {
				if err != nil {
					t.Errorf("%s: %v", path, err)
				} else if s.Defined() && s.Section != elfsym.SectionAbs && s.Name != "" {
					ours = append(ours, fmt.Sprintf("%s 0x%x size 0x%x", s.FullName(), uint64(s.Addr), s.Size))
				}
			}
			for line := range strings.Lines(output(t, nm, append(table.args, "-P", "--defined-only", path)...)) {
				// NAME TYPE VALUE SIZE; the name may hold blanks.
				f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
				if k := len(f); k >= 4 && !strings.ContainsAny(f[k-3], "Aa") {
					theirs = append(theirs, fmt.Sprintf("%s 0x%x size 0x%x", strings.Join(f[:k-3], " "), hexNumber(f[k-2]), hexNumber(cmp.Or(f[k-1], "0"))))
				}
			}
			diff(t, path, "nm", ours, theirs)
			n += len(ours)
		}
		f.Close()
	}
	t.Logf("%d symbols", n)
	if n < 1000 {
		t.Errorf("only %d symbols", n)
	}
}
