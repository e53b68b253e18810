package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/probels/probels/offset"
)

const scanHelp = `The USDT probes of every ELF file below directories; with -k uprobe -m GLOB
functions too. Symbolic links are not followed, a file of several names is told
once, by the first; separate debug files are left out, and other file systems
unless --all-filesystems is given. Output is as that of list, and its order is
fixed: by name, the files of a directory before its subdirectories.

  probels scan /usr                        all there is
  probels scan -m 'postgresql:*' /usr      those of one provider
  probels scan -k uprobe -m SSL_read /opt  a function, wherever it is built in
  probels scan -a                          of all that runs, and in which processes
  probels scan image.tar pkg.deb           archives, without unpacking them

An archive is a .deb, a tar (plain, .gz, .xz, .zst, .bz2), what docker save
writes, or an OCI image layout, tar or directory. A file in it is a TARGET too:
ARCHIVE:/PATH, and where it has several images ARCHIVE@IMAGE:/PATH, with a
platform (linux/arm64), tag or digest; ARCHIVE@IMAGE alone is that image. Given
more than 64 arguments, archives are those with .tar, .deb or .tgz in their names.

Exit status: 0 something was found, 1 nothing, 2 something could not be read; with
-a, processes of other users are only counted, on standard error.
`

// scanFlags are those that only scan has.
func scanFlags(fs *flag.FlagSet) (cross, running *bool) {
	return fs.Bool("all-filesystems", false, "directories of other file systems too"),
		fs.Bool("a", false, "in the place of DIR: every file that a running process has mapped executable, and which")
}

func runScan(a *app, args []string) error {
	flags, o := newFlags("scan", "m")
	cross, running := scanFlags(flags)
	dirs, err := parse(flags, o, args)
	switch {
	case err != nil:
		return helpOr(a, "scan", err)
	case *running && len(dirs) > 0:
		return usagef("%s: -a stands in the place of directories", dirs[0])
	case *running && *cross:
		return usagef("-a: it takes every file that is mapped, wherever it is")
	case len(dirs) == 0 && !*running:
		return usagef("no directory; try: probels scan /usr, or probels scan -a for what runs")
	}
	q := offset.Query{
		Kinds: cmp.Or(o.kinds, offset.KindUSDT),
		Match: o.match,
		Sizes: o.json || o.long || a.tty != nil,
	}
	if q.Kinds&^offset.KindUSDT != 0 && len(q.Match) == 0 {
		return usagef("every function of every file is too much: say which, with -m GLOB")
	}
	done := func() error { return nil }
	if a.tty != nil && !o.json {
		done = a.startPager(o)
	}
	if *running {
		err = a.scanAll(q, o)
	} else {
		err = a.scan(dirs, q, o, *cross)
	}
	a.out.Flush()
	return errors.Join(err, done())
}

// scan lists what is below directories and in archives, in the order given.
func (a *app) scan(paths []string, q offset.Query, o *options, cross bool) error {
	how, err := a.target(o)
	if err != nil {
		return err
	}
	v := &scanView{a: a, o: o, q: q, table: a.tty != nil && !o.json && !o.long}
	// Here each file's memory is garbage soon: half of main's setting's peak.
	debug.SetGCPercent(100)
	opts := &offset.ScanOptions{Query: q, CrossDevices: cross, Open: *how}
	var stats offset.ScanStats
	few := len(paths) <= 64
	for len(paths) > 0 {
		if in, ok := archiveArg(paths[0], few); ok {
			if in.member != "" {
				return usagef("%s: one file; list it: probels %s", paths[0], paths[0])
			}
			if err := v.archive(in); err != nil {
				v.problem(err.Error())
			}
			paths = paths[1:]
			continue
		}
		n := 1
		for ; n < len(paths); n++ {
			if _, ok := archiveArg(paths[n], few); ok {
				break
			}
		}
		s := offset.NewScan(opts)
		v.scan(s, paths[:n])
		stats = s.Stats()
		paths = paths[n:]
	}
	v.end()
	if v.files == 0 {
		a.raise(statusMissing)
	}
	switch {
	case o.quiet || v.files > 0 && a.tty == nil || v.problems > 0:
	case stats.Files > 0:
		a.note("%s", scanSummary(stats, v.files))
	case v.files == 0:
		a.note("no ELF file in it has what was asked for")
	}
	return nil
}

// archiveArg is parseInArchive. Among many files, which a shell's pattern or xargs
// gave, it looks only into those that are called like an archive: reading each
// one first would take as long as the scan.
func archiveArg(path string, few bool) (inArchive, bool) {
	if !few && !calledArchive(path) {
		return inArchive{}, false
	}
	return parseInArchive(path)
}

// calledArchive reports whether a path has an archive's name in it.
func calledArchive(path string) bool {
	for _, s := range []string{".tar", ".deb", ".tgz", ".txz", ".tzst", ".tbz"} {
		if strings.Contains(path, s) {
			return true
		}
	}
	return false
}

// scan prints what is found below directories.
func (v *scanView) scan(s *offset.Scan, paths []string) {
	stop := v.a.showScanned(s)
	for found, err := range s.Files(context.Background(), paths...) {
		stop.pause()
		if err != nil {
			v.problem(err.Error())
		} else {
			v.file(found.Target, found.Probes, found.Errs)
		}
		stop.resume()
	}
	stop.end()
	v.a.out.Flush()
}

// scanView prints files one after the other, and counts what is wrong.
type scanView struct {
	a        *app
	o        *options
	q        offset.Query
	table    bool
	remark   string // of each line of -l
	files    int
	problems int
	first    []string
}

// file prints what was found in one.
func (v *scanView) file(t *offset.Target, probes []offset.Probe, errs []error) {
	for _, err := range errs {
		v.problem(t.Path() + ": " + oneLine(err))
	}
	if len(probes) == 0 {
		return
	}
	var p printer
	switch {
	case v.o.json:
		p = &jsonPrinter{a: v.a, t: t, o: v.o, q: v.q}
	case v.o.long:
		p = &longPrinter{a: v.a, remark: v.remark}
	case v.table:
		if v.files > 0 {
			fmt.Fprintln(v.a.out)
		}
		p = newTablePrinter(v.a, t, v.o, v.q)
	default:
		p = newPlainPrinter(v.a, t, v.o, v.q)
	}
	v.files++
	for i := range probes {
		p.probe(probes[i])
	}
	p.flush()
	p.end()
}

func (v *scanView) problem(text string) {
	if v.problems++; v.problems <= maxProblems {
		v.first = append(v.first, text)
	}
}

// end tells what could not be read: the first few, and how many more.
func (v *scanView) end() {
	for _, text := range v.first {
		v.a.fail(usageError{text})
	}
	if n := v.problems - len(v.first); n > 0 {
		v.a.note("%s could not be read", plural(n, "more file"))
	}
}

// scanSummary is what was looked at.
func scanSummary(s offset.ScanStats, found int) string {
	text := fmt.Sprintf("%s of %s have what was asked for", thousands(found), plural(int(s.ELF), "ELF file"))
	text += fmt.Sprintf(" (%s in all)", plural(int(s.Files), "file"))
	if s.DebugOnly > 0 {
		text += fmt.Sprintf("; %s left out", plural(int(s.DebugOnly), "debug file"))
	}
	if s.OtherDevices > 0 {
		text += fmt.Sprintf("; %s of other file systems left out: --all-filesystems", plural(int(s.OtherDevices), "tree"))
	}
	return text
}

// hasTerminal reports whether diagnosis goes to a terminal.
func (a *app) hasTerminal() bool {
	f, ok := a.err.(*os.File)
	return ok && isTerminal(f)
}
