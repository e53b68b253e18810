package livetest

import (
	"context"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// Static functions whose names were stripped from the program, and that a debug file beside it, one in
// a debug directory, or .gnu_debugdata still knows. The offsets are the program's own.
func TestStripped(t *testing.T) {
	const debugFile = "amd64/probe-pie.debug"
	// beside is where .gnu_debuglink looks.
	beside := func(t *testing.T, prog string) *offset.Options {
		copyTo(t, debugFile, filepath.Join(filepath.Dir(prog), "probe-pie.debug"))
		return nil
	}
	byBuildID := func(t *testing.T, prog string) *offset.Options {
		f, err := elfsym.Open(prog)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		dir := t.TempDir()
		id := f.BuildID()
		copyTo(t, debugFile, filepath.Join(dir, ".build-id", hex.EncodeToString(id[:1]), hex.EncodeToString(id[1:])+".debug"))
		return &offset.Options{Debug: &debuglink.Options{HostDirs: []string{dir}}}
	}
	for _, tt := range []struct {
		prog   string
		setUp  func(t *testing.T, prog string) *offset.Options
		source elfsym.Source
		specs  map[string]int // places
	}{
		{"amd64/probe-debuglink", beside, elfsym.DebugFile, map[string]int{"a.c:helper": 1, "b.c:helper": 1, "helper": 2, "traced": 1}},
		{"amd64/probe-stripped", byBuildID, elfsym.DebugFile, map[string]int{"a.c:helper": 1, "helper": 2, "traced": 1}},
		{"amd64/probe-minidebug", func(*testing.T, string) *offset.Options { return nil }, elfsym.MiniDebug, map[string]int{"helper": 2, "traced": 1}},
	} {
		t.Run(tt.prog, func(t *testing.T) {
			for spec, places := range tt.specs {
				c := newCounter(t)
				prog := program(t, tt.prog)
				tgt, err := offset.Open(prog, tt.setUp(t, prog))
				if err != nil {
					t.Fatal(err)
				}
				defer tgt.Close()
				ls := resolve(t, tgt, spec)
				if len(ls) != places {
					t.Fatalf("%s: %d places, want %d: %+v", spec, len(ls), places, ls)
				}
				first := c.locations(t, ls, 0)
				run(t, prog)
				for i, l := range ls {
					if n := c.count(t, first+uint64(i)); n != rounds || l.Sources != tt.source {
						t.Errorf("%s at 0x%x: %d hits, want %d; from %v, want %v", spec, uint64(l.Offset), n, rounds, l.Sources, tt.source)
					}
				}
			}
			// Without the debug file nobody knows them.
			prog := program(t, tt.prog)
			tgt, err := offset.Open(prog, &offset.Options{OwnTables: true})
			if err != nil {
				t.Fatal(err)
			}
			defer tgt.Close()
			if res, err := tgt.Resolve(context.Background(), offset.Func("helper")); err != nil || res[0].Err == nil {
				t.Errorf("its own tables have helper: %+v, %v", res, err)
			}
		})
	}
}

// copyTo copies a test binary to a path.
func copyTo(t *testing.T, name, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, testbin.Read(t, name), 0o644); err != nil {
		t.Fatal(err)
	}
}
