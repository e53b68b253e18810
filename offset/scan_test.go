package offset_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// tree makes files of a directory: "PATH": "=amd64/main" a test binary, "->TO" a link,
// "+TO" a hard link to one that is there, else text.
func tree(t testing.TB, files ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(files); i += 2 {
		path, what := filepath.Join(root, files[i]), files[i+1]
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		switch {
		case err != nil:
		case strings.HasPrefix(what, "="):
			err = os.WriteFile(path, testbin.Read(t, what[1:]), 0o644)
		case strings.HasPrefix(what, "->"):
			err = os.Symlink(what[2:], path)
		case strings.HasPrefix(what, "+"):
			err = os.Link(filepath.Join(root, what[1:]), path)
		default:
			err = os.WriteFile(path, []byte(what), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// scan is what a scan tells: paths below root with the number of probes, and errors.
func scan(t testing.TB, root string, o *offset.ScanOptions, paths ...string) (found []string, stats offset.ScanStats) {
	t.Helper()
	if len(paths) == 0 {
		paths = []string{root}
	}
	s := offset.NewScan(o)
	for f, err := range s.Files(context.Background(), paths...) {
		if err != nil {
			found = append(found, "error: "+strings.ReplaceAll(err.Error(), root+"/", ""))
			continue
		}
		if f.File().Size() == 0 {
			t.Error("not open")
		}
		found = append(found, fmt.Sprintf("%s %d", strings.TrimPrefix(f.Path(), root+"/"), len(f.Probes)))
		for _, err := range f.Errs {
			found = append(found, "damage: "+err.Error())
		}
	}
	return found, s.Stats()
}

func TestScan(t *testing.T) {
	root := tree(t,
		"b/prog", "=amd64/probe-pie", "a", "=amd64/libtestbin.so", "z/again", "+b/prog", "b/c/deep", "=s390x/probe-pie",
		"link", "->b/prog", "loop", "->.", "b/text", "#!/bin/sh\n", "b/empty", "", "none", "=amd64/cxx.so",
		"x/outside", "->/usr")
	count := func(name string) int {
		probes, _ := drain(open(t, name).Probes(context.Background(), offset.Query{Kinds: offset.KindUSDT}))
		return len(probes)
	}
	pie, lib, s390 := count("amd64/probe-pie"), count("amd64/libtestbin.so"), count("s390x/probe-pie")
	want := []string{fmt.Sprint("a ", lib), fmt.Sprint("b/prog ", pie), fmt.Sprint("b/c/deep ", s390)}
	if runtime.GOOS != "linux" { // where names of one file are not told from files
		want = append(want, fmt.Sprint("z/again ", pie))
	}
	for _, workers := range []int{1, 2, 7} {
		got, stats := scan(t, root, &offset.ScanOptions{Workers: workers})
		if !slices.Equal(got, want) {
			t.Errorf("%d workers: %v, want %v", workers, got, want)
		}
		if stats.Files != 7 || stats.ELF != 5 || stats.Dirs != 5 || stats.Matched != int64(len(want)) {
			t.Errorf("%d workers: %+v", workers, stats)
		}
	}
	// Named twice, told once; a file and a link to it too.
	if runtime.GOOS == "linux" {
		got, _ := scan(t, root, nil, filepath.Join(root, "link"), filepath.Join(root, "b"), filepath.Join(root, "b/prog"), root)
		if want := []string{want[1], want[2], want[0]}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
	got, _ := scan(t, root, nil, filepath.Join(root, "gone"), filepath.Join(root, "a"))
	if want := []string{"error: gone: no such file or directory", want[0]}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestScanQuery(t *testing.T) {
	root := tree(t, "lib", "=amd64/libtestbin.so", "cxx", "=amd64/cxx.so", "pie", "=amd64/probe-pie")
	o := &offset.ScanOptions{Query: offset.Query{Kinds: offset.KindFunc, Match: []string{"lib_*"}}}
	got, _ := scan(t, root, o)
	if len(got) != 1 || !strings.HasPrefix(got[0], "lib ") {
		t.Errorf("functions: %v", got)
	}
	o = &offset.ScanOptions{Query: offset.Query{Match: []string{"probelib:entry"}}}
	if got, _ := scan(t, root, o); len(got) != 1 || got[0] != "lib 1" {
		t.Errorf("probes: %v", got)
	}
	o.Query.Match = []string{"nothing"}
	if got, stats := scan(t, root, o); len(got) != 0 || stats.Matched != 0 {
		t.Errorf("nothing: %v, %+v", got, stats)
	}
}

// Debug files list probes that no process hits, and objects are linked first.
func TestScanLeavesOut(t *testing.T) {
	object := testbin.Read(t, "amd64/probe-pie")
	object[16] = 1
	var files []string
	debug := 0
	for _, name := range testbin.All(t) {
		if strings.HasSuffix(name, ".debug") {
			files = append(files, name, "="+name)
			debug++
		}
	}
	if debug == 0 {
		t.Fatal("no debug file to try")
	}
	root := tree(t, append(files, "mod.ko", string(object), "broken", string(testbin.Read(t, "amd64/probe-pie")[:100]))...)
	got, stats := scan(t, root, nil)
	if len(got) != 1 || !strings.HasPrefix(got[0], "error: broken: ") {
		t.Errorf("%v", got)
	}
	if stats.DebugOnly != int64(debug) || stats.Objects != 1 {
		t.Errorf("%+v, want %d debug files and an object", stats, debug)
	}
}

// Who has seen enough leaves, and nothing stays behind.
func TestScanStops(t *testing.T) {
	var files []string
	for i := range 500 {
		files = append(files, fmt.Sprintf("d%d/f%d", i%50, i), "=amd64/libtestbin.so")
	}
	root := tree(t, files...)
	before := runtime.NumGoroutine()
	n := 0
	for _, err := range offset.NewScan(nil).Files(context.Background(), root) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 3 {
			break
		}
	}
	// A goroutine that has said that it is done still counts until it has returned.
	after := runtime.NumGoroutine()
	for end := time.Now().Add(5 * time.Second); after > before && time.Now().Before(end); after = runtime.NumGoroutine() {
		time.Sleep(time.Millisecond)
	}
	if after > before {
		t.Errorf("%d goroutines, before %d", after, before)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var last error
	n = 0
	for _, err := range offset.NewScan(nil).Files(ctx, root) {
		n++
		last = err
		cancel()
	}
	if !errors.Is(last, context.Canceled) || n > 300 {
		t.Errorf("canceled: %d results, at last %v", n, last)
	}
	if got, _ := scan(t, root, nil); len(got) != 500 {
		t.Errorf("%d files, want 500", len(got))
	}
}
