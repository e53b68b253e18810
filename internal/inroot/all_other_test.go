//go:build !linux

package inroot

import "testing"

func openAll(t testing.TB, dir string) map[string]*Root {
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*Root{"os.Root": r}
}
