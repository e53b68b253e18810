//go:build linux

package offset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/probels/probels/internal/testbin"
)

// manyFiles are copies of a program, each a file of its own.
func manyFiles(b testing.TB, n int) []string {
	dir, data := b.TempDir(), testbin.Read(b, "amd64/probe-stripped")
	var out []string
	for i := range n {
		path := filepath.Join(dir, fmt.Sprint("prog", i))
		if err := os.WriteFile(path, data, 0o755); err != nil {
			b.Fatal(err)
		}
		out = append(out, path)
	}
	return out
}

// What a tracer asks of every file: two functions and a USDT probe, of which a file
// has some.
var benchSpecs = []Spec{Func("SSL_read"), Func("lib_func"), USDT("probels", "always")}

func benchOptions(b *testing.B) map[string]*Options {
	return map[string]*Options{"without": {}, "cache": {Cache: newCacheTest(b, CacheLimits{}).Cache}}
}

// Opening, resolving and closing 200 files in turn.
func BenchmarkCacheOpenResolve(b *testing.B) {
	files := manyFiles(b, 200)
	for _, how := range []string{"without", "cache"} {
		o := benchOptions(b)[how]
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				tg, err := Open(files[i%len(files)], o)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := tg.Resolve(context.Background(), benchSpecs...); err != nil {
					b.Fatal(err)
				}
				tg.Close()
			}
		})
	}
}

// A thousand processes of 200 distinct files in turn: 50 sets of four files, each
// mapped by 20 processes. Open is OpenPID, Resolve and Close; Resolve is that alone.
func BenchmarkCacheProcesses(b *testing.B) {
	files := manyFiles(b, 200)
	var procs []*fakeProc
	for i := range 50 {
		f := fakes(b, 1, files[4*i:4*i+4]...)[0]
		f.write("42/maps", f.maps.String())
		procs = append(procs, f)
	}
	open := func(i int, o *Options) *Process {
		p, err := openProcess(context.Background(), procs[i%len(procs)].proc, fakePID, o)
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	resolve := func(p *Process) {
		if _, err := p.Resolve(context.Background(), benchSpecs...); err != nil {
			b.Fatal(err)
		}
	}
	for _, how := range []string{"without", "cache"} {
		o := benchOptions(b)[how]
		b.Run("open/"+how, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				p := open(i, o)
				resolve(p)
				p.Close()
			}
		})
		b.Run("resolve/"+how, func(b *testing.B) {
			b.ReportAllocs()
			var all []*Process
			for i := range procs {
				p := open(i, o)
				defer p.Close()
				all = append(all, p)
			}
			for i := 0; b.Loop(); i++ {
				resolve(all[i%len(all)])
			}
		})
	}
}

// BenchmarkCacheOpenResolve without the opening: targets that were opened anew, each asked once.
func BenchmarkCacheResolve(b *testing.B) {
	files := manyFiles(b, 200)
	for _, how := range []string{"without", "cache"} {
		o := benchOptions(b)[how]
		var targets []*Target
		for _, f := range files {
			tg, err := Open(f, o)
			if err != nil {
				b.Fatal(err)
			}
			defer tg.Close()
			targets = append(targets, tg)
		}
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := targets[i%len(targets)].Resolve(context.Background(), benchSpecs...); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
