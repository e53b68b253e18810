//go:build !linux

package inroot

import "path/filepath"

func findHost(name string) (Place, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return Place{}, err
	}
	real, err := filepath.EvalSymlinks(abs)
	return Place{Path: real}, err
}
