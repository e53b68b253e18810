package debuginfod

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A cache is elfutils' directory of files by build-id.
type cache struct{ root string }

// The control files and what they hold when they are made.
const (
	cleanInterval, cleanIntervalDefault = "cache_clean_interval_s", 86400
	maxUnused, maxUnusedDefault         = "max_unused_age_s", 604800
	missTime, missTimeDefault           = "cache_miss_s", 600
)

// prepare makes the directory, and cleans it if it is time to. What goes wrong
// is told and not an error: without a cache a file can be fetched all the same.
func (c *cache) prepare(ctx context.Context, log func(string, ...any)) {
	if err := os.MkdirAll(filepath.Dir(c.root), 0o700); err != nil {
		log("%v", err)
		return
	}
	// 0777 less the umask, as elfutils; each entry's directory is 0700.
	if err := os.Mkdir(c.root, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		log("%v", err)
		return
	}
	if err := c.clean(ctx, time.Now()); err != nil {
		log("cleaning %s: %v", c.root, err)
	}
}

// control reads a control file's number, and its mtime. One that is missing or
// empty is written.
func (c *cache) control(name string, def int64) (n int64, at time.Time, err error) {
	p := filepath.Join(c.root, name)
	f, err := os.OpenFile(p, os.O_RDWR|os.O_CREATE|openFlags, 0o666)
	if errors.Is(err, fs.ErrPermission) {
		f, err = os.OpenFile(p, os.O_RDONLY|openFlags, 0) // somebody else's cache
	}
	if err != nil {
		return def, time.Time{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return def, time.Time{}, err
	}
	if !info.Mode().IsRegular() {
		return def, info.ModTime(), fmt.Errorf("%s is not a regular file", p)
	}
	if info.Size() == 0 {
		_, err := f.WriteString(strconv.FormatInt(def, 10))
		return def, info.ModTime(), err
	}
	var buf [64]byte
	got, _ := f.Read(buf[:])
	// scanf's idea of a number: blanks, then digits up to what is none.
	text := strings.TrimLeft(string(buf[:got]), " \t\r\n")
	end := 0
	for end < len(text) && (text[end] >= '0' && text[end] <= '9' || end == 0 && (text[0] == '-' || text[0] == '+')) {
		end++
	}
	n, err = strconv.ParseInt(text[:end], 10, 64)
	if err != nil {
		return def, info.ModTime(), nil
	}
	return n, info.ModTime(), nil
}

// open opens an entry. ErrMiss for one that says so and is not too old; one
// that is too old is removed, and is fs.ErrNotExist like one that never was.
func (c *cache) open(hexID, what string) (*os.File, error) {
	p := filepath.Join(c.root, hexID, what)
	info, err := os.Lstat(p)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", p)
	}
	f, err := os.OpenFile(p, os.O_RDONLY|openFlags, 0)
	if err != nil {
		if errors.Is(err, fs.ErrPermission) {
			os.Remove(p) // elfutils had entries of mode 000 once, and does the same
		}
		return nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, err
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("%s: not a regular file", p)
	}
	if info.Size() > 0 {
		return f, nil
	}
	f.Close()
	n, _, err := c.control(missTime, missTimeDefault)
	if err != nil && n == 0 {
		return nil, err
	}
	if age := time.Since(info.ModTime()); age.Truncate(time.Second) <= time.Duration(min(n, 1<<31))*time.Second {
		return nil, fmt.Errorf("%w (remembered for another %v)", ErrMiss, time.Duration(n)*time.Second-age.Truncate(time.Second))
	}
	os.Remove(p)
	return nil, fs.ErrNotExist
}

// temp makes the file that is written to. A cleaner may remove the directory
// between the two steps, so they are tried twice.
func (c *cache) temp(hexID, what string) (f *os.File, err error) {
	dir := filepath.Join(c.root, hexID)
	for range 2 {
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		// O_EXCL and mode 0600.
		if f, err = os.CreateTemp(dir, what+"."); err == nil {
			return f, nil
		}
	}
	return nil, err
}

// commit gives a whole file its name. Readers see the old entry or the new one.
func (c *cache) commit(f *os.File, hexID, what string, modTime time.Time) (string, error) {
	now := time.Now()
	if modTime.IsZero() {
		modTime = now
	}
	// The server's time for mtime. elfutils gives it to atime too, which then
	// makes its next cleaning remove what nobody had time to read.
	os.Chtimes(f.Name(), now, modTime)
	if err := f.Chmod(0o400); err != nil {
		return "", err
	}
	p := filepath.Join(c.root, hexID, what)
	return p, os.Rename(f.Name(), p)
}

// drop removes what temp made, and its directory if that leaves it empty.
func (c *cache) drop(f *os.File, hexID string) {
	os.Remove(f.Name())
	os.Remove(filepath.Join(c.root, hexID))
}

// miss remembers that nobody has a file, unless there is an entry by now.
func (c *cache) miss(hexID, what string) error {
	dir := filepath.Join(c.root, hexID)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, what), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil
		}
		return err
	}
	return f.Close()
}
