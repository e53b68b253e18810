// Mutants damages files and runs all of probels over them, for as long as it is told:
//
//	go run ./internal/cmd/mutants -for 25m /usr/bin/grep /usr/lib/debug/.build-id/*/*.debug
//	go run ./internal/cmd/mutants -seed 12345 -one /usr/bin/grep     one mutant again, with what each task cost
//	go run ./internal/cmd/mutants -seed 12345 -o /tmp/m /usr/bin/grep  only write it
//
// It builds the tests of cmd/probels, whose TestMutants has the program in it, and starts that again with
// other seeds where a panic outside of the task's own goroutine has ended it. Run it at the project's top.
package main

import (
	"errors"
	"flag"
	"fmt"
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
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 || (*one || *out != "") && len(files) != 1 {
		return errors.New("usage: mutants [-for 1m] [-seed 1] FILE…, or with -one or -o one FILE")
	}
	for i, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return err
		}
		if strings.Contains(abs, ",") {
			return fmt.Errorf("%s: a comma separates files for the test: copy it to another name", f)
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
	failed := false
	// A round has seeds of its own, far from the next one's.
	for end := time.Now().Add(*length); ; *seed += 1 << 20 {
		left := time.Until(end)
		if !*one && left <= 0 {
			break
		}
		args := []string{
			"-test.run=^TestMutants$", "-test.v", "-test.timeout=0", "-mutants.files=" + strings.Join(files, ","),
			"-mutants.for=" + left.String(), fmt.Sprintf("-mutants.seed=%d", *seed), fmt.Sprintf("-mutants.only=%t", *one),
			"-mutants.log=" + filepath.Join(dir, "last"),
		}
		cmd := exec.Command(bin, args...)
		cmd.Dir = filepath.Join("cmd", "probels")
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if err := cmd.Run(); err != nil {
			failed = true
			fmt.Println("ended by", err, "at", lastLine(filepath.Join(dir, "last")))
		}
		if *one {
			break
		}
	}
	if failed {
		return errors.New("there are findings")
	}
	return nil
}

// lastLine is the seed and the file that were under way.
func lastLine(path string) string {
	b, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return lines[len(lines)-1]
}
