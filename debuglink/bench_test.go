package debuglink_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/internal/testbin"
)

func BenchmarkCRC(b *testing.B) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	r := bytes.NewReader(data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := debuglink.CRC(context.Background(), r, int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMiniDebug(b *testing.B) {
	f := parse(b, testbin.Read(b, "amd64/probe-minidebug"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := debuglink.MiniDebug(f, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// Found at the first place; by a link, at the third; and nowhere.
func BenchmarkFind(b *testing.B) {
	for _, c := range []struct{ what, exe, debug string }{
		{"build-id", "probe-stripped", idPath(probeID)},
		{"debuglink", "probe-debuglink", "/usr/bin/.debug/probe-pie.debug"},
		{"absent", "probe-debuglink", "/elsewhere"},
	} {
		s := newSystem(b)
		s.copy("/usr/bin/prog", "amd64/"+c.exe)
		s.copy(c.debug, "amd64/probe-pie.debug")
		f := s.open("/usr/bin/prog")
		for _, how := range []string{"root", "host"} {
			o, p := &debuglink.Options{Root: s.dir}, "/usr/bin/prog"
			if how == "host" {
				o, p = &debuglink.Options{Dirs: []string{s.host("/usr/lib/debug")}}, s.host("/usr/bin/prog")
			}
			b.Run(c.what+"/"+how, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					x, err := debuglink.Find(context.Background(), f, p, o)
					if err == nil {
						x.Close()
					} else if !errors.Is(err, debuglink.ErrNotFound) {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
