package mutate

import (
	"bytes"
	"fmt"
)

// archive adds the fields of the headers of tar, which stand at multiples of 512 bytes in an archive and
// in an archive within it that is not compressed, and of ar.
func (s *Source) archive() {
	var spots []spot
	for at := 0; at+512 <= len(s.data); at += 512 {
		if string(s.data[at+257:at+262]) != "ustar" {
			continue
		}
		s.tar = true
		s.bounds = append(s.bounds, at, at+512)
		for _, f := range []spot{{0, 100, text, "name", at}, {124, 12, octal, "size", at}, {156, 1, number, "type", at}, {157, 100, text, "link", at}, {345, 155, text, "prefix", at}, {100, 8, octal, "mode", at}} {
			f.off, f.name = at+f.off, fmt.Sprintf("tar %#x %s", at, f.name)
			spots = append(spots, f, f)
		}
		for i := 512; i < 1024 && at+i < len(s.data); i += 8 {
			spots = append(spots, spot{at + i, 1, number, "tar content", at})
		}
	}
	s.add(group{name: "tar", weight: 20, spots: spots})
	spots = nil
	if bytes.HasPrefix(s.data, []byte("!<arch>\n")) {
		for at := 8; at+60 <= len(s.data); {
			s.bounds = append(s.bounds, at, at+60)
			for _, f := range []spot{{0, 16, text, "name", at}, {48, 10, octal, "size", at}, {58, 2, number, "end", at}} {
				f.off, f.name = at+f.off, fmt.Sprintf("ar %#x %s", at, f.name)
				spots = append(spots, f)
			}
			for i := 60; i < 90 && at+i < len(s.data); i++ {
				spots = append(spots, spot{at + i, 1, number, "ar content", at})
			}
			n := 0
			fmt.Sscanf(string(s.data[at+48:at+58]), "%d", &n)
			at += 60 + max(0, n) + n&1
		}
	}
	s.add(group{name: "ar", weight: 20, spots: spots})
}

// sumTar makes the checksums of headers right, without which nothing else of them would be looked at.
func sumTar(b []byte) {
	for at := 0; at+512 <= len(b); at += 512 {
		h := b[at : at+512]
		if string(h[257:262]) != "ustar" {
			continue
		}
		sum := 0
		for i, c := range h {
			if i >= 148 && i < 156 {
				c = ' '
			}
			sum += int(c)
		}
		copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	}
}
