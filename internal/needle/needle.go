// Package needle finds a name in a table of names at the speed of memory.
//
// bytes.Index looks for a text's first two bytes, and for texts of over 63 bytes
// it then hashes every place. In a table of mangled names each begins with "_Z",
// and names of a hundred bytes are usual. Here it is the text's rarest byte that is
// looked for, by what a sample of the table says: bytes.IndexByte passes over ten
// and more bytes in a nanosecond, and stops seldom.
package needle

import "bytes"

// A Needle is one text to find. It is immutable.
type Needle struct {
	text []byte
	at   int // of the byte that is looked for
}

// sampleSize is how much of a table is looked at: enough to tell rare letters
// from frequent ones, in a few microseconds.
const sampleSize = 4 << 10

// New makes a needle for tables like the one that sample is a part of. The text
// is not copied. An empty one is found nowhere.
func New(text, sample []byte) Needle {
	var count [256]uint16
	for _, c := range sample[:min(len(sample), sampleSize)] {
		count[c]++
	}
	n := Needle{text: text}
	for i, c := range text {
		// Ends tell more than beginnings.
		if count[c] <= count[text[n.at]] {
			n.at = i
		}
	}
	return n
}

// Bounds on how often the byte may be found for nothing before the sample is taken
// for a bad one: some stops, and one in so many bytes.
const (
	someStops = 64
	perStop   = 16
)

// Index is the first place of the text in b, or -1. It takes time in proportion
// to len(b), also where somebody has made b to be slow.
func (n Needle) Index(b []byte) int {
	if len(n.text) == 0 || len(b) < len(n.text) {
		return -1
	}
	c := n.text[n.at]
	stops := 0
	places := b[n.at : len(b)-len(n.text)+n.at+1] // of c, where the text begins and ends within b
	for pos := 0; pos < len(places); pos++ {
		i := bytes.IndexByte(places[pos:], c)
		if i < 0 {
			return -1
		}
		pos += i
		if bytes.Equal(b[pos:pos+len(n.text)], n.text) {
			return pos
		}
		if stops++; stops > someStops && stops > pos/perStop {
			if i = bytes.Index(b[pos+1:], n.text); i >= 0 {
				i += pos + 1
			}
			return i
		}
	}
	return -1
}
