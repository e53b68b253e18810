package confirm

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/probels/probels/internal/testbin"
)

// named are files of Debian 12 worth confirming first, where they are installed: with USDT probes,
// many versions, many symbols. Patterns, as filepath.Glob takes them.
var named = []string{
	"/usr/bin/python3*", "/usr/lib/*/libc.so.6", "/usr/lib/*/ld-linux*", "/usr/lib/*/libstdc++.so.6", "/usr/lib/*/libm.so.6",
	"/usr/lib/postgresql/*/bin/postgres", "/usr/lib/jvm/*/lib/server/libjvm.so", "/usr/lib/*/libruby*.so.*",
	"/usr/lib/*/libvirt.so.0", "/usr/lib/*/libglib-2.0.so.0", "/usr/lib/*/libLLVM-*.so.*", "/usr/lib/*/libpython3*.so.*",
	"/usr/sbin/mysqld", "/usr/sbin/mariadbd", "/usr/bin/qemu-system-*", "/usr/bin/bpftrace", "/usr/bin/gdb",
}

// some is how many more of the system's files are taken, and of the debug files below /usr/lib/debug.
const (
	some      = 300
	someDebug = 40
)

// files are what is compared: test binaries, the system's files and those of PROBELS_CORPUS.
var files = sync.OnceValue(func() []string {
	l := &fileList{seen: map[string]bool{}}
	for _, pattern := range named {
		matches, _ := filepath.Glob(pattern)
		for _, m := range matches {
			l.add(m)
		}
	}
	limit := some
	if os.Getenv("PROBELS_CONFIRM_ALL") != "" {
		limit = 1 << 30
	}
	l.walk("/usr/bin", limit/2)
	for _, dir := range []string{"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu"} {
		l.walk(dir, limit/2)
	}
	l.walk("/usr/lib/debug", min(limit, someDebug*limit/some))
	for _, dir := range filepath.SplitList(os.Getenv("PROBELS_CORPUS")) {
		l.walk(dir, 1<<30)
	}
	return l.paths
})

// fixtures are the committed test binaries.
func fixtures(t *testing.T) []string {
	var out []string
	for _, name := range testbin.All(t) {
		out = append(out, testbin.Path(t, name))
	}
	return out
}

type fileList struct {
	paths []string
	seen  map[string]bool
}

// add takes a file if it is ELF and new; many names of one file count once.
func (l *fileList) add(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || l.seen[real] || !isELF(real) {
		return false
	}
	l.seen[real] = true
	l.paths = append(l.paths, real)
	return true
}

// walk takes up to limit files below a directory, as evenly as their number allows.
func (l *fileList) walk(dir string, limit int) {
	var found []string
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			found = append(found, path)
		}
		return nil
	})
	step := max(1, len(found)/limit)
	for i, taken := 0, 0; i < len(found) && taken < limit; i += step {
		if l.add(found[i]) {
			taken++
		}
	}
}

// isELF also leaves out files that are too small for a header, and those of other uses: modules of the
// kernel, and objects.
func isELF(path string) bool {
	if strings.HasSuffix(path, ".ko") || strings.HasSuffix(path, ".o") {
		return false
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [52]byte
	_, err = io.ReadFull(f, b[:])
	return err == nil && bytes.HasPrefix(b[:], []byte("\x7fELF"))
}
