// Command matchtable measures how well functions are matched between two builds
// whose names are both known: it hides those of the target, matches, and holds
// every match to what was hidden. docs/match.md has its table.
//
//	matchtable [-v] <rows
//
// A row is a name, a reference and a target, and perhaps for each a folder with
// debug files in place of /usr/lib/debug, separated by tabs. rebuild.sh makes the
// files and the rows. The time is that of comparing; of a static archive, which can be
// a reference, it leaves out linking it.
//
// A match is right if the two functions have a name in common, apart from what a compiler appends
// to the name of a copy (".isra.0", ".constprop.0", ".lto_priv.0"); part of a function (".part.0",
// ".cold") is not the function. Where the target has names of what it exports
// only, a match of a function without one says nothing and is left out, but for a
// function of the reference that the target has elsewhere.
package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"time"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/relink"
	"github.com/probels/probels/internal/twin"
	"github.com/probels/probels/offset"
)

func main() {
	verbose := flag.Bool("v", false, "tell each wrong match that was certain")
	flag.Parse()
	if err := run(*verbose); err != nil {
		fmt.Fprintln(os.Stderr, "matchtable:", err)
		os.Exit(1)
	}
}

func run(verbose bool) error {
	fmt.Println("| reference → target | functions | in both | certain | wrong | precision | recall | recall, exported | likely | wrong | time |")
	fmt.Println("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		f := strings.Split(in.Text(), "\t")
		if len(f) < 3 {
			return fmt.Errorf("a row without three fields: %q", in.Text())
		}
		f = append(f, "", "")
		r, err := measure(f[1], f[2], f[3], f[4], verbose)
		if err != nil {
			return fmt.Errorf("%s: %w", f[0], err)
		}
		fmt.Printf("| %s | %d → %d | %d | %d | %d | %s | %s | %s | %d | %d | %.2f s |\n", f[0], r.functions[0], r.functions[1], r.present,
			r.certain.right+r.certain.wrong, r.certain.wrong, percent(r.certain.right, r.certain.right+r.certain.wrong), percent(r.certain.right, r.present),
			percent(r.exported.right, r.exported.wrong), r.likely.right+r.likely.wrong, r.likely.wrong, r.time.Seconds())
	}
	return nil
}

func percent(n, of int) string {
	if of == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(of))
}

type tally struct{ right, wrong int }

type result struct {
	functions       [2]int
	present         int
	certain, likely tally
	exported        tally // wrong: how many there are
	time            time.Duration
}

// open opens a file; the second result is of a static archive only.
func open(path, dir string) (*offset.Target, []uint64, error) {
	o := &offset.Options{}
	if dir != "" {
		o.Debug = &debuglink.Options{HostDirs: []string{dir}}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	head := make([]byte, relink.HeadSize)
	if n, _ := io.ReadFull(f, head); !relink.Is(head[:n]) {
		t, err := offset.Open(path, o)
		return t, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	lib, problems, err := relink.Link(context.Background(), f, info.Size(), path, relink.Limits{})
	for _, p := range problems {
		fmt.Fprintf(os.Stderr, "%s: %v\n", path, p)
	}
	if err != nil {
		return nil, nil, err
	}
	e, err := elfsym.NewFile(bytes.NewReader(lib.Image), int64(len(lib.Image)), nil)
	if err != nil {
		return nil, nil, err
	}
	t, err := offset.New(e, path, o)
	return t, lib.Units, err
}

// symbols are all names of a target.
func symbols(t *offset.Target) iter.Seq2[elfsym.Symbol, error] {
	return func(yield func(elfsym.Symbol, error) bool) {
		for p, err := range t.Probes(context.Background(), offset.Query{Kinds: offset.KindFunc}) {
			var s elfsym.Symbol
			if err == nil {
				s = *p.Symbol
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// truth is what the target's names say.
type truth struct {
	at       map[uint64]map[string]bool
	there    map[string]bool
	exported map[string]bool
	whole    bool // statics have names too
}

func truthOf(t *offset.Target) (*truth, error) {
	out := &truth{map[uint64]map[string]bool{}, map[string]bool{}, map[string]bool{}, false}
	for s, err := range symbols(t) {
		if err != nil {
			return nil, err
		}
		if out.at[uint64(s.Addr)] == nil {
			out.at[uint64(s.Addr)] = map[string]bool{}
		}
		name := base(s.Name)
		out.at[uint64(s.Addr)][name], out.there[name] = true, true
		if s.Source&elfsym.Dynsym != 0 {
			out.exported[name] = true
		}
		out.whole = out.whole || s.Bind == 0 // STB_LOCAL
	}
	return out, nil
}

// base is a name without what a compiler appends to that of a copy.
func base(name string) string {
	for {
		i := strings.LastIndexByte(name, '.')
		if i <= 0 {
			return name
		}
		switch suffix := name[i+1:]; {
		case suffix == "isra", suffix == "constprop", suffix == "lto_priv", suffix == "localalias", suffix == "llvm":
		case strings.Trim(suffix, "0123456789") == "":
		default:
			return name
		}
		name = name[:i]
	}
}

func measure(refPath, targetPath, refDebug, targetDebug string, verbose bool) (*result, error) {
	ref, units, err := open(refPath, refDebug)
	if err != nil {
		return nil, err
	}
	defer ref.Close()
	target, _, err := open(targetPath, targetDebug)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	known, err := truthOf(target)
	if err != nil {
		return nil, err
	}
	ctx, start := context.Background(), time.Now()
	a, _, err := twin.Read(ctx, ref.File(), refPath, symbols(ref), twin.Limits{})
	if err != nil {
		return nil, err
	}
	a.Divide(units)
	nameless := func(func(elfsym.Symbol, error) bool) {}
	b, _, err := twin.Read(ctx, target.File(), targetPath, nameless, twin.Limits{})
	if err != nil {
		return nil, err
	}
	m, err := twin.Pair(ctx, a, b, twin.Options{})
	if err != nil {
		return nil, err
	}
	r := &result{functions: [2]int{len(a.Funcs), len(b.Funcs)}, time: time.Since(start)}
	times := map[string]int{} // statics of one name
	for i := range a.Funcs {
		for _, n := range a.Funcs[i].Names {
			times[base(n)]++
		}
	}
	for i := range a.Funcs {
		f := &a.Funcs[i]
		if len(f.Names) == 0 {
			continue
		}
		is, exported, unique := false, false, false
		for _, n := range f.Names {
			n = base(n)
			is, exported, unique = is || known.there[n], exported || known.exported[n], unique || times[n] == 1
		}
		if is {
			r.present++
		}
		if exported {
			r.exported.wrong++
		}
		found := m.Of(i, 0)
		if found.Confidence < twin.Likely {
			continue
		}
		t := &r.likely
		if found.Confidence == twin.Certain {
			t = &r.certain
		}
		at := b.Funcs[found.Best.Target].Addr
		right := false
		for _, n := range f.Names {
			right = right || known.at[at][base(n)]
		}
		switch {
		case right:
			t.right++
			if exported && found.Confidence == twin.Certain {
				r.exported.right++
			}
		case known.at[at] == nil && !known.whole && (!is || !unique || strings.Contains(f.Names[0], ".")):
		default:
			t.wrong++
			if verbose && found.Confidence == twin.Certain {
				fmt.Fprintf(os.Stderr, "%s: %v is said to be 0x%x, which is %v (%d and %d instructions, %v)\n", targetPath, f.Names, at, known.at[at], f.Insns, b.Funcs[found.Best.Target].Insns, found.Best.Evidence)
			}
		}
	}
	return r, nil
}
