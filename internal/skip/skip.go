// Package skip is how the project's tests skip: with the name of what is missing, and never where it
// was promised to be there. With PROBELS_NO_SKIP=1 every skip is a failure; continuous integration
// sets it, so a test that could never run there cannot hide. Only tests import this package.
package skip

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

// Env is the variable that turns skips into failures when it is set to anything but "" or "0".
const Env = "PROBELS_NO_SKIP"

// Forbidden reports whether skips are failures.
func Forbidden() bool {
	v := os.Getenv(Env)
	return v != "" && v != "0"
}

// Now ends a test that lacks something: reason says what, such as "needs root".
func Now(t testing.TB, reason string) {
	t.Helper()
	if Forbidden() {
		t.Fatalf("%s; %s is set, so this may not be skipped", reason, Env)
	}
	t.Skip(reason)
}

// Nowf is Now with a format.
func Nowf(t testing.TB, format string, args ...any) {
	t.Helper()
	Now(t, fmt.Sprintf(format, args...))
}

// Tool is the path of a program in $PATH that the test runs, or ends the test.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Nowf(t, "needs %s in $PATH", name)
	}
	return path
}

// Short ends a test that takes too long for "go test -short". Whoever gives that flag asks for it,
// so it is no failure.
func Short(t testing.TB) {
	t.Helper()
	if testing.Short() && !Forbidden() {
		t.Skip("takes long")
	}
}
