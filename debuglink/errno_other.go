//go:build !unix

package debuglink

import "io/fs"

var errNotDir = fs.ErrNotExist
