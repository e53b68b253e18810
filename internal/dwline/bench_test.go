package dwline

import (
	"strings"
	"testing"
)

// benchSections are the first of -files or, so that the benchmarks run anywhere, a program of our own.
func benchSections(b *testing.B) *Sections {
	name, _, _ := strings.Cut(*files, ",")
	if name == "" {
		name = compile(b, "gcc", "-g", "-O2")
	}
	s := sections(b, name)
	b.SetBytes(int64(len(s.Line)))
	b.ReportAllocs()
	b.ResetTimer()
	return s
}

func BenchmarkIndex(b *testing.B) {
	s := benchSections(b)
	for b.Loop() {
		if x, err := s.NewIndex(); err != nil || x.Len() == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkLocate(b *testing.B) {
	s := benchSections(b)
	x, err := s.NewIndex()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		q := x.spans[len(x.spans)*2/3]
		if hits, err := s.Locate((q.Low + q.High) / 2); err != nil || len(hits) == 0 {
			b.Fatal(err)
		}
	}
}

func BenchmarkRows(b *testing.B) {
	s := benchSections(b)
	n := 0
	for b.Loop() {
		for t, err := range s.Tables() {
			if err != nil {
				b.Fatal(err)
			}
			for range t.Rows() {
				n++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/row")
}

func BenchmarkMatch(b *testing.B) {
	s := benchSections(b)
	for b.Loop() {
		for t, err := range s.Tables() {
			if err != nil {
				b.Fatal(err)
			}
			fs, err := t.Files()
			if err != nil {
				b.Fatal(err)
			}
			if _, err := fs.Match("none.c", ""); err != nil {
				b.Fatal(err)
			}
		}
	}
}
