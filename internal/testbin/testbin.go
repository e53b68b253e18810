// Package testbin gives tests the committed binaries below testdata. What each is for, how often a
// program calls each function, and how all were made, says testdata/README.md;
// internal/cmd/mktestdata makes them. Only tests import this package.
package testbin

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
)

// Where testdata is, found before any test can change the working directory.
var root, errRoot = findRoot()

// findRoot looks upwards from the working directory, which "go test" makes the directory of the tested
// package. That holds with -trimpath too, where the compiler knows no paths; what the compiler knows is
// the second try, for a test binary started from elsewhere.
func findRoot() (string, error) {
	try := func(dir string) (string, bool) {
		root := filepath.Join(dir, "internal", "testbin", "testdata")
		_, err := os.Stat(filepath.Join(root, "README.md"))
		return root, err == nil
	}
	wd, err := os.Getwd()
	for dir := wd; err == nil; {
		if root, ok := try(dir); ok {
			return root, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			break
		}
		dir = up
	}
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		if root, ok := try(filepath.Dir(filepath.Dir(filepath.Dir(file)))); ok {
			return root, nil
		}
	}
	return "", fmt.Errorf("testbin: no internal/testbin/testdata above %s", wd)
}

// Path is the absolute path of a committed file, such as "amd64/probe-pie". The file is not
// executable; see [Exec].
func Path(t testing.TB, name string) string {
	t.Helper()
	if errRoot != nil {
		t.Fatal(errRoot)
	}
	p := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(p); err != nil {
		t.Fatal(err)
	}
	return p
}

// Read is the contents of a committed file.
func Read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(Path(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// All are the names of all committed binaries, sorted, as [Path] takes them.
func All(t testing.TB) []string {
	t.Helper()
	if errRoot != nil {
		t.Fatal(errRoot)
	}
	var names []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && path.Ext(name) != ".md" {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Exec copies a program, and the libraries it needs, into a directory of the test and returns the path
// of the program's copy, which may be executed. A copy also has an inode of its own, so that a uprobe
// on it disturbs no other test.
//
//	prog := testbin.Exec(t, "amd64/main", "amd64/libtestbin.so")
func Exec(t testing.TB, name string, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, n := range append(more, name) {
		// The copy must not be open for writing when it is executed, in no process: one that is forked for
		// another test meanwhile would have it open (go.dev/issue/22315).
		b := Read(t, n)
		syscall.ForkLock.RLock()
		err := os.WriteFile(filepath.Join(dir, path.Base(n)), b, 0o755)
		syscall.ForkLock.RUnlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, path.Base(name))
}
