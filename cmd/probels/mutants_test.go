package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/internal/mutate"
	"github.com/probels/probels/internal/mutate/trial"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

// A long run, over files of this machine; go run ./internal/cmd/mutants does it.
var (
	mutantList  = flag.String("mutants.list", "", "a file of the names of files, one a line, to damage in TestMutants in the place of the committed ones")
	mutantAsIs  = flag.Bool("mutants.as-is", false, "the files once each as they are, not damaged: for those that are broken already")
	mutantCount = flag.Int("mutants.n", 0, "at most so many mutants; 0 is as many as there is time for")
	mutantTime  = flag.Duration("mutants.for", time.Minute, "how long, with -mutants.list")
	mutantSeed  = flag.Uint64("mutants.seed", 1, "the first seed, with -mutants.list")
	mutantOnly  = flag.Bool("mutants.only", false, "this seed alone, each task and what it cost told")
	mutantLog   = flag.String("mutants.log", os.DevNull, "where each seed is written before it is tried")
)

// names are what the tasks ask for: of a file's own probes and functions the first, and addresses.
func namesOf(t testing.TB, path string) (specs []string) {
	n := map[string]int{}
	for line := range strings.Lines(probels(t, path, "--debug=off").out) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		if n[kind]++; n[kind] > 2 {
			continue
		}
		rest = strings.TrimPrefix(rest, quote(path)+":")
		specs = append(specs, rest)
	}
	return specs
}

// commandTasks are the commands, with flags that make them read the most.
func commandTasks(specs []string, null *os.File, original string) []trial.Task {
	var tasks []trial.Task
	add := func(name string, args func(path string) []string) {
		tasks = append(tasks, trial.Task{Name: name, Run: func(_ context.Context, path string) error {
			var errs strings.Builder
			status := run(append(args(path), "--debug=off"), nil, null, &errs)
			if status != 0 && status != 1 && status != 2 {
				return fmt.Errorf("status %d", status)
			}
			if raw(errs.String()) {
				return fmt.Errorf("characters in an error that a terminal acts on: %q", errs.String())
			}
			return nil
		}})
	}
	spec := append([]string{"main", "0x401000", "+0x1000"}, specs...)
	about := func(command string, flags ...string) func(string) []string {
		return func(path string) []string { return append(append([]string{command, path}, flags...), spec...) }
	}
	all := "-k=usdt,uprobe,plt,anon,data"
	add("list -v --json", func(path string) []string { return []string{path, all, "-v", "--json"} })
	add("list -lv", func(path string) []string { return []string{path, all, "-lv"} })
	add("list --format", func(path string) []string { return []string{path, "--format=bpftrace"} })
	add("list -m", func(path string) []string { return []string{path, all, "-m", "*a*e*"} })
	add("resolve", about("resolve", "--json"))
	add("show", about("show"))
	add("show --json", about("show", "--json"))
	add("why SPEC", about("why"))
	add("why", func(path string) []string { return []string{"why", path} })
	add("check", about("check"))
	add("diff", func(path string) []string { return []string{"diff", original, path} })
	add("debuginfo", func(path string) []string { return []string{"debuginfo", path} })
	add("scan", func(path string) []string { return []string{"scan", filepath.Dir(path)} })
	if _, ok := findCommand("type"); ok {
		add("type", func(path string) []string { return append([]string{"type", path}, specs...) })
	}
	return tasks
}

// A mutantTrial is one file, and what each task costs on it undamaged.
type mutantTrial struct {
	file, dir string
	source    *mutate.Source
	tasks     []trial.Task
	base      []trial.Cost
	worst     worstCost
}

// worstCost is what took the most so far, and what it was.
type worstCost struct {
	trial.Cost
	cpuOf, allocOf string
}

func (w *worstCost) add(c trial.Cost, of string) {
	if c.CPU > w.CPU {
		w.CPU, w.cpuOf = c.CPU, of
	}
	if c.Alloc > w.Alloc {
		w.Alloc, w.allocOf = c.Alloc, of
	}
}

func newMutantTrial(t testing.TB, file string, null *os.File) *mutantTrial {
	mt, data := newTrial(t, file, null)
	mt.source = mutate.New(data)
	return mt
}

// newTrial runs all tasks over a file as it is.
func newTrial(t testing.TB, file string, null *os.File) (*mutantTrial, []byte) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	mt := &mutantTrial{file: file, dir: t.TempDir()}
	if err := os.WriteFile(mt.path(), data, 0o755); err != nil {
		t.Fatal(err)
	}
	mt.tasks = append(trial.Library(), commandTasks(namesOf(t, mt.path()), null, file)...)
	for _, task := range mt.tasks {
		cost, f := trial.Watch(task, mt.path(), trial.Cost{}, trial.Limits{})
		if f != nil && f.Kind != "time" && f.Kind != "memory" {
			t.Errorf("%s undamaged: %v", file, f)
		}
		mt.base = append(mt.base, cost)
	}
	return mt, data
}

// The name stays the file's own: an archive is known by it.
func (mt *mutantTrial) path() string { return filepath.Join(mt.dir, filepath.Base(mt.file)) }

// try runs all tasks over the mutant of one seed; only a hang ends it early.
func (mt *mutantTrial) try(t testing.TB, seed uint64, tell bool) (ok bool) {
	m := mt.source.Mutant(seed)
	// A new file each time: what was open of the last must not change under a reader.
	os.Remove(mt.path())
	if err := os.WriteFile(mt.path(), m.Data, 0o755); err != nil {
		t.Fatal(err)
	}
	for i, task := range mt.tasks {
		cost, f := trial.Watch(task, mt.path(), mt.base[i], trial.Limits{})
		mt.worst.add(cost, fmt.Sprintf("%s of %s seed %d, undamaged %v and %d KB", task.Name, mt.file, seed, mt.base[i].CPU, mt.base[i].Alloc>>10))
		if tell {
			t.Logf("%s: %v, %d KB", task.Name, cost.CPU, cost.Alloc>>10)
		}
		if f == nil {
			continue
		}
		t.Errorf("%s seed %d (%s): %v", mt.file, seed, m.What, f)
		if f.Kind == "hang" {
			t.Fatal("a goroutine is left that does not end")
		}
	}
	return !t.Failed()
}

// Damaged files of all machines, and damaged archives, through all of the library and all commands: no panic, and
// neither time nor memory out of proportion.
func TestMutants(t *testing.T) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if *mutantList != "" {
		list, err := os.ReadFile(*mutantList)
		if err != nil {
			t.Fatal(err)
		}
		files := strings.Split(strings.TrimSpace(string(list)), "\n")
		if *mutantAsIs {
			asIs(t, files, null)
		} else {
			longMutants(t, files, null)
		}
		return
	}
	each := uint64(6)
	if testing.Short() || skip.Race {
		each = 2
	}
	for i, name := range []string{
		"amd64/probe-pie", "amd64/cxx.so", "amd64/rust-v0.so", "amd64/probe-dwarf4", "amd64/probe-zstd", "amd64/libtestbin-both.so", "amd64/sdt-damaged.so", "arm/probe-nopie",
		"i386/probe-pie", "mips64el/libtestbin.so", "ppc64/probe-pie", "riscv64/main", "s390x/probe-pie", "arm64/probe-pie",
	} {
		mt := newMutantTrial(t, testbin.Path(t, name), null)
		for seed := range each {
			mt.try(t, uint64(i)<<32+seed, false)
		}
	}
}

// longMutants damages each file in turn until the time is over.
func longMutants(t *testing.T, files []string, null *os.File) {
	end := time.Now().Add(*mutantTime)
	log, err := os.Create(*mutantLog)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n := 0
	trials := map[string]*mutantTrial{}
	defer func() {
		var w worstCost
		for _, mt := range trials {
			w.add(trial.Cost{CPU: mt.worst.CPU}, mt.worst.cpuOf)
			w.add(trial.Cost{Alloc: mt.worst.Alloc}, mt.worst.allocOf)
		}
		t.Logf("%d mutants of %d files; the most: %v (%s), %d KB (%s)", n, len(trials), w.CPU, w.cpuOf, w.Alloc>>10, w.allocOf)
	}()
	for round := uint64(0); ; round++ {
		for _, file := range files {
			if time.Now().After(end) || *mutantCount > 0 && n >= *mutantCount {
				return
			}
			mt := trials[file]
			if mt == nil {
				if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
				mt = newMutantTrial(t, file, null)
				trials[file] = mt
			}
			h := fnv.New32a()
			io.WriteString(h, filepath.Base(file))
			seed := uint64(h.Sum32())<<32 + *mutantSeed + round
			if *mutantOnly {
				seed = *mutantSeed
			}
			// Known before a panic in a goroutine of the library ends the process.
			fmt.Fprintln(log, seed, file)
			mt.try(t, seed, *mutantOnly)
			n++
			if *mutantOnly {
				return
			}
		}
	}
}

// asIs runs all tasks over files as others keep them, broken ones among them. There is no undamaged file to measure
// by: the limits hold as they are, and big files may well be over them.
func asIs(t *testing.T, files []string, null *os.File) {
	log, err := os.Create(*mutantLog)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n, tasks := 0, 0
	var w worstCost
	for _, file := range files {
		fmt.Fprintln(log, 0, file)
		mt, _ := newTrial(t, file, null)
		os.RemoveAll(mt.dir) // thousands of files, some of them large
		n++
		for i, task := range mt.tasks {
			tasks++
			w.add(mt.base[i], task.Name+" of "+file)
			if mt.base[i].CPU > 2*time.Second || mt.base[i].Alloc > 256<<20 {
				t.Errorf("%s: %s took %v and %d KB", file, task.Name, mt.base[i].CPU, mt.base[i].Alloc>>10)
			}
		}
	}
	t.Logf("%d files, %d tasks; the most: %v (%s), %d KB (%s)", n, tasks, w.CPU, w.cpuOf, w.Alloc>>10, w.allocOf)
}
