package debuginfod

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// clean removes what nobody has read for a while, if the last cleaning is long
// enough ago. Only entries that look like the cache's own are touched: files of
// the known names in directories that are named by hexadecimal digits.
func (c *cache) clean(ctx context.Context, now time.Time) error {
	interval, last, err := c.control(cleanInterval, cleanIntervalDefault)
	if err != nil {
		return err
	}
	if now.Unix()-last.Unix() < interval {
		return nil
	}
	// First the time, so that others don't start too.
	if err := os.Chtimes(filepath.Join(c.root, cleanInterval), now, now); err != nil {
		return err
	}
	age, _, err := c.control(maxUnused, maxUnusedDefault)
	if err != nil {
		return err
	}
	unused := func(t time.Time) bool { return now.Unix()-t.Unix() >= age }
	dir, err := os.Open(c.root)
	if err != nil {
		return err
	}
	defer dir.Close()
	for {
		entries, err := dir.ReadDir(256)
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return err
			}
			if e.IsDir() && isHex(e.Name()) {
				cleanEntry(filepath.Join(c.root, e.Name()), unused)
			}
		}
		if err != nil || len(entries) == 0 {
			return nil
		}
	}
}

func cleanEntry(dir string, unused func(time.Time) bool) {
	// Read before anything is removed, which changes its time.
	info, err := os.Lstat(dir)
	if err != nil {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !isArtifact(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		if info, err := e.Info(); err == nil && unused(accessTime(info)) {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	if unused(info.ModTime()) {
		os.Remove(dir) // if it is empty
	}
}

// isArtifact: debuginfo, executable, source-…, section-…, and the headers kept
// beside them. Not the temporary files, which somebody may be writing.
func isArtifact(name string) bool {
	if name == "debuginfo" || name == "executable" {
		return true
	}
	for _, p := range []string{"source", "section-", "hdr-"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

func isHex(s string) bool {
	return s != "" && strings.Trim(s, "0123456789abcdef") == ""
}

// accessTime is when a file was last read, or written where the system does
// not say.
func accessTime(info fs.FileInfo) time.Time {
	if t, ok := atime(info); ok {
		return t
	}
	return info.ModTime()
}
