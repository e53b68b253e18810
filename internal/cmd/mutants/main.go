// Mutants damages files and runs all of probels over them, for as long as it is told:
//
//	go run ./internal/cmd/mutants -for 25m /usr/bin/grep /usr/lib/debug/.build-id/*/*.debug
//	go run ./internal/cmd/mutants -seed 12345 -one /usr/bin/grep     one mutant again, with what each task cost
//	go run ./internal/cmd/mutants -seed 12345 -o /tmp/m /usr/bin/grep  only write it
//	find DIR -type f | go run ./internal/cmd/mutants -as-is -     files that are broken already, once each as they are
//
// "-" takes the names of the files from standard input, one a line.
//
// It builds the tests of cmd/probels, whose TestMutants has the program in it, and starts that again with
// other seeds where a panic outside of the task's own goroutine has ended it. Run it at the project's top.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/probels/probels/internal/mutate"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run() error {
	length := flag.Duration("for", time.Minute, "how long")
	seed := flag.Uint64("seed", 1, "the first seed; with -one or -o the mutant's own, as a report has it")
	one := flag.Bool("one", false, "this mutant alone")
	out := flag.String("o", "", "write the mutant to `FILE`, and run nothing")
	count := flag.Int("n", 0, "end after so many mutants; 0 is when the time is over")
	asIs := flag.Bool("as-is", false, "damage nothing: each file once")
	flag.Parse()
	files := flag.Args()
	if len(files) == 1 && files[0] == "-" {
		b, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		files = strings.Split(strings.TrimSpace(string(b)), "\n")
	}
	if len(files) == 0 || (*one || *out != "") && len(files) != 1 {
		return errors.New("usage: mutants [-for 1m] [-n 0] [-seed 1] [-as-is] FILE…, or with -one or -o one FILE")
	}
	for i, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		if strings.Contains(abs, "\n") {
			return fmt.Errorf("%q: a newline separates files for the test: copy it to another name", f)
		}
		files[i] = abs
	}
	if *out != "" {
		data, err := os.ReadFile(files[0])
		if err != nil {
			return err
		}
		m := mutate.New(data).Mutant(*seed)
		fmt.Println(m.What)
		return os.WriteFile(*out, m.Data, 0o644)
	}
	dir, err := os.MkdirTemp("", "mutants-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	bin := filepath.Join(dir, "probels.test")
	build := exec.Command("go", "test", "-c", "-o", bin, "./cmd/probels")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	list, last := filepath.Join(dir, "list"), filepath.Join(dir, "last")
	if err := os.WriteFile(list, []byte(strings.Join(files, "\n")), 0o600); err != nil {
		return err
	}
	failed, done := false, 0
	// A round has seeds of its own, far from the next one's.
	for end := time.Now().Add(*length); ; *seed += 1 << 20 {
		left := time.Until(end)
		if !*one && !*asIs && (left <= 0 || *count > 0 && done >= *count) {
			break
		}
		args := []string{
			"-test.run=^TestMutants$", "-test.v", "-test.timeout=0", "-mutants.list=" + list,
			"-mutants.for=" + left.String(), fmt.Sprintf("-mutants.seed=%d", *seed), fmt.Sprintf("-mutants.only=%t", *one),
			fmt.Sprintf("-mutants.as-is=%t", *asIs), fmt.Sprintf("-mutants.n=%d", max(0, *count-done)), "-mutants.log=" + last,
		}
		cmd := exec.Command(bin, args...)
		cmd.Dir = filepath.Join("cmd", "probels")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			failed = true
			_, line := tried(last)
			fmt.Println("ended by", err, "at", line)
		}
		n, _ := tried(last)
		done += n
		if *one || *asIs {
			break
		}
	}
	if failed {
		return errors.New("there are findings")
	}
	return nil
}

// tried is how many mutants a log has, and its last line: the seed and the file that were under way.
func tried(path string) (int, string) {
	b, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	if lines[0] == "" {
		return 0, ""
	}
	return len(lines), lines[len(lines)-1]
}
