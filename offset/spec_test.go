package offset_test

import (
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

func TestParseSpecErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "an empty name",
		"+1x":                          `"+1x": "1x" is no file offset: invalid syntax`,
		"+0x":                          `"+0x": "0x" is no file offset: invalid syntax`,
		"+0xffffffffffffffff0":         `value out of range`,
		"+18446744073709551616":        `value out of range`,
		"0x":                           `"0x" is no address: invalid syntax`,
		"0xg":                          `"0xg" is no address: invalid syntax`,
		"0X10000000000000000":          `value out of range`,
		"0x4c6c20 ":                    `invalid syntax`,
		"0x-1":                         `invalid syntax`,
		"0x" + strings.Repeat("f", 17): `value out of range`,
	} {
		if _, err := offset.ParseSpec(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for _, text := range []string{"f", "+", "+[Foo bar]", "-", "@", "f@", "@f", ":", "a:", ":a", "::", "f+", "f+x", "*", "[", "\x00", "\xff", " "} {
		s, err := offset.ParseSpec(text)
		if err != nil || s.String() != text {
			t.Errorf("%q: %q, %v", text, s, err)
		}
	}
}

func TestSpecString(t *testing.T) {
	for _, c := range []struct {
		spec offset.Spec
		want string
	}{
		{offset.Func("read@GLIBC_2.2.5"), "read@GLIBC_2.2.5"},
		{offset.FuncOffset("f", 0x1f), "f+0x1f"},
		{offset.USDT("python", "gc__start"), "python:gc__start"},
		{offset.At(0x401000), "0x401000"},
		{offset.FileOffset(0x1000, "AB"), "+0x1000"},
		{offset.FileOffset(elfsym.Offset(1<<64-1), ""), "+0xffffffffffffffff"},
	} {
		if c.spec.String() != c.want {
			t.Errorf("%s, want %s", c.spec, c.want)
		}
		if s, err := offset.ParseSpec(c.want); err != nil || s.String() != c.want {
			t.Errorf("%s: read as %s, %v", c.want, s, err)
		}
	}
}

// Names are made of any bytes, those that mean something in a spec too; each is
// found by itself, and as nothing else.
func TestStrangeNames(t *testing.T) {
	names := []string{
		"a+b", "a+0x10", "+0x10", "0x401000", "+[NSObject alloc]", "a:b", "a::b", "a.c:42", ":", "::", "a:", ":a",
		"main.Map[int]", "a[bc]", "a*", "*", "?", "a?", "[", "]", "operator[]", "runtime.(*mheap).alloc", "type:.eq.[2]string",
		"@", "a@", "@a", "a b", " ", "\x1b[31m", "a\nb", "\xff\xfe", "é", "\u202e", "a\\", `"`, "$a", "/", "a/b", "-", "--", "a#b", "%s",
		"provider:name", "_Z", "_ZN", "_R", ".", "..", "traced.cold", "f.part.0", "<T as A>::f", "{{closure}}", "f(int)", "~X",
	}
	file := program()
	for i, name := range names {
		file.Symbols = append(file.Symbols, fn(name, 0x401010+uint64(i)*16, 16))
	}
	tg := target(t, file.Bytes())
	for i, name := range names {
		want := elfsym.Addr(0x401010 + i*16)
		r := typed(t, tg, name)
		l, err := r.One()
		if name == "0x401000" {
			// An address as well: both are returned, and neither is chosen.
			if len(r.Locations) != 2 || err == nil {
				t.Errorf("%q: %v, %v", name, r.Locations, err)
			}
			l, err = resolve(t, tg, offset.Func(name)).One()
		}
		if err != nil || l.Addr != want || l.Name != name {
			t.Errorf("%q: %#x %q, %v, want %#x", name, l.Addr, l.Name, err, want)
		}
		// And as what a pattern lists.
		n := 0
		for p, err := range tg.Probes(t.Context(), offset.Query{Match: []string{name}}) {
			if err == nil && p.Name() == name {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q: listed %d times", name, n)
		}
	}
}

// All readings of a text that match are returned.
func TestReadings(t *testing.T) {
	file := program(fn("a", 0x401010, 32), fn("a+4", 0x401100, 16), fn("p:n", 0x401200, 16))
	file.Sections = append(file.Sections, noteSection(file.USDT(0x401300, 0, 0, "p", "n", ""), file.USDT(0x401310, 0, 0, "p:q", "n", ""), file.USDT(0x401320, 0, 0, "p", "q:n", "")))
	tg := target(t, file.Bytes())
	for spec, want := range map[string]string{
		"a+4":     "0x401014 0x401100",
		"a+5":     "0x401015",
		"a+4+1":   "0x401101",
		"p:n":     "0x401200 0x401300",
		"p:q:n":   "0x401310 0x401320",
		"p:?:n":   "0x401310 0x401320",
		"p:*":     "0x401200 0x401300 0x401310 0x401320",
		"[a-b]":   "0x401010",
		"[!a]+4":  "",
		"a[+]4":   "0x401100",
		"a+0x1f":  "0x40102f",
		"a+0x1F ": "",
	} {
		var addrs []uint64
		r := typed(t, tg, spec)
		for _, l := range r.Locations {
			addrs = append(addrs, uint64(l.Addr))
		}
		if got := hexes(addrs); got != want || (want == "") != (r.Err != nil) {
			t.Errorf("%q: %s, %v, want %s", spec, got, r.Err, want)
		}
	}
}
