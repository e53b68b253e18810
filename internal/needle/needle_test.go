package needle

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// table is names like a C++ program's.
func table(n int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for range n {
		fmt.Fprintf(&b, "_ZN4node%dPkg%d%dmethodERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE%d\x00", rng.IntN(50), rng.IntN(1000), rng.IntN(n), rng.IntN(100))
	}
	return b.Bytes()
}

func TestIndex(t *testing.T) {
	names := table(1000)
	sample := names[:sampleSize]
	for _, s := range []string{"", "a", "aa", "\x00", "method", "_ZN4node", "not there", string(names[len(names)-50:]), string(names[:90]), strings.Repeat("_Z", 100)} {
		for _, b := range [][]byte{nil, []byte(s), []byte(s + "x"), []byte("x" + s), names, []byte(strings.Repeat(s[:len(s)/2], 500) + s), bytes.Repeat([]byte("_"), 5000)} {
			want := bytes.Index(b, []byte(s))
			if s == "" {
				want = -1
			}
			for _, sample := range [][]byte{nil, sample, b} {
				if got := New([]byte(s), sample).Index(b); got != want {
					t.Errorf("%q in %.40q: %d, want %d", s, b, got, want)
				}
			}
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("ab"), []byte("aaab"), []byte("b"))
	f.Add([]byte("_ZN1a1bEv"), []byte("_ZN1a1aEv\x00_ZN1a1bEv\x00"), []byte("_ZN1a"))
	f.Add([]byte("aab"), bytes.Repeat([]byte("ab"), 200), []byte("x"))
	f.Fuzz(func(t *testing.T, text, b, sample []byte) {
		want := bytes.Index(b, text)
		if len(text) == 0 {
			want = -1
		}
		if got := New(text, sample).Index(b); got != want {
			t.Errorf("%q in %q, sample %q: %d, want %d", text, b, sample, got, want)
		}
	})
}

func BenchmarkIndex(b *testing.B) {
	names := table(20000)
	for _, text := range []string{"main", "_ZN4node5StartEiPPc", "_ZN4node9JavaCallsPkg4callEP9JavaValueRK12methodHandleP17JavaCallArgumentsP10JavaThread"} {
		needle := []byte(text + "\x00")
		b.Run(fmt.Sprint(len(text), "/needle"), func(b *testing.B) {
			b.SetBytes(int64(len(names)))
			for b.Loop() {
				New(needle, names).Index(names)
			}
		})
		b.Run(fmt.Sprint(len(text), "/bytes"), func(b *testing.B) {
			b.SetBytes(int64(len(names)))
			for b.Loop() {
				bytes.Index(names, needle)
			}
		})
	}
	b.Run("worst", func(b *testing.B) {
		same := bytes.Repeat([]byte("a"), 1<<20)
		b.SetBytes(int64(len(same)))
		for b.Loop() {
			New([]byte("baaaaaaaaa"), same).Index(same)
			New([]byte("aaaaaaaaab"), bytes.Repeat([]byte("b"), 100)).Index(same)
		}
	})
}
