//go:build unix

// Bench times probels beside the tools that answer the same questions: whole processes, one after the
// other in turn, on the same files, in one run. It prints a table in Markdown, and draws it.
//
//	go run ./bench [-n RUNS] [-cold] [-only PATTERN] [-svg FILE] [-report FILE] [-corpus DIR] [-inprocess=false]
//
// The files are Debian packages, unpacked into the corpus and not installed, and generated ones; without
// Debian's apt, those that the system has. Tools that are not installed are left out. Commands are those
// that a person types: sorted and demangled as each tool does by itself. Where only a library answers, small programs
// do: library/ in Go and rust/ in Rust, which is built if cargo is there, of Debian's sources of gimli. As root, -cold
// measures with an empty page cache too.
//
// Each row has the median of the wall times, of the time on all processors, and until the first output, and the peak
// memory of the first run; a command that takes seconds is run a few times only, and one that takes longer than
// -most seconds is stopped and told as such. Peak memory is at least that of the small program which asks for it, 2 MB.
// An interrupt ends the run, and what has been measured is printed.
//
// The first table has a line for each question, the second all commands.
// Tables of growth follow: files of ever more of one thing, and what each takes then. The last table is of
// benchmarks within a process (inprocess/), for what takes less time than to start one.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// about is what a page of the tables begins with.
const about = `What ` + "`go run ./bench`" + ` prints: whole processes, one after the other in turn, on the same files, in one run; medians, warm
cache. The first table has a line for each question, with how often the time of the first command others take; the second has all
commands, with the time on all processors, until the first output, and the most memory that was resident. Then, how time grows with what
a file has; and what takes less than starting a process, measured within one. ` + "`bench/main.go`" + ` says what the files are and how they are got.
`

func run() error {
	runs := flag.Int("n", 21, "`runs` of each command")
	most := flag.Float64("most", 60, "stop a command after so many `seconds`")
	cold := flag.Bool("cold", false, "with an empty page cache too (root)")
	only := flag.String("only", "", "only rows whose name matches the `pattern`")
	report := flag.String("report", "", "write all tables into `file` too, as a page about speed")
	svg := flag.String("svg", "", "draw the rows into `file`")
	corpusDir := flag.String("corpus", filepath.Join(os.TempDir(), "probels-bench"), "`directory` of the files, kept between runs")
	inProcess := flag.Bool("inprocess", true, "the benchmarks within a process too")
	making := flag.Bool("generate", false, "write a file: `KIND N FILE`, for the program itself")
	flag.Parse()
	if *making {
		return makeFile(flag.Args())
	}
	match, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	work, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	c, err := prepare(ctx, *corpusDir, work)
	if err != nil {
		return err
	}
	m := &meter{runs: *runs, most: time.Duration(*most * float64(time.Second)), cold: *cold, peak: c.peak}
	var measured []row
	rows := slices.DeleteFunc(c.rows(), func(r row) bool { return !match.MatchString(r.name) })
	for _, r := range rows {
		fmt.Fprintln(os.Stderr, r.name)
		if err := m.row(ctx, &r); ctx.Err() != nil {
			break
		} else if err != nil {
			return err
		}
		measured = append(measured, r)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s.\n\n", versions(context.Background()))
	if ctx.Err() != nil {
		fmt.Fprintf(&out, "Interrupted: %d of %d rows.\n\n", len(measured), len(rows))
	}
	printBrief(&out, measured)
	fmt.Fprintln(&out)
	printTable(&out, measured, *cold)
	printGrowth(&out, measured)
	if *inProcess && ctx.Err() == nil {
		if err := printInProcess(ctx, &out, c); err != nil {
			return err
		}
	}
	if _, err := os.Stdout.Write(out.Bytes()); err != nil {
		return err
	}
	if *svg != "" {
		if err := os.WriteFile(*svg, chart(measured), 0o644); err != nil {
			return err
		}
	}
	if *report == "" {
		return nil
	}
	page := "# Speed\n\n" + about
	if *svg != "" {
		page += "\n![the same, drawn](" + filepath.Base(*svg) + ")\n"
	}
	return os.WriteFile(*report, []byte(page+"\n"+out.String()), 0o644)
}

// versions is what was measured on.
func versions(ctx context.Context) string {
	said := []string{time.Now().Format(time.DateOnly), fmt.Sprintf("%d processors %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH), runtime.Version()}
	for _, cmd := range [][]string{{"uname", "-sr"}, {"readelf", "--version"}, {"eu-readelf", "--version"}, {"gdb", "--version"}, {"bpftrace", "--version"}, {"perf", "--version"}} {
		if out, err := exec.CommandContext(ctx, cmd[0], cmd[1:]...).Output(); err == nil {
			line, _, _ := strings.Cut(string(out), "\n")
			said = append(said, strings.TrimSpace(line))
		}
	}
	return strings.Join(said, ", ")
}
