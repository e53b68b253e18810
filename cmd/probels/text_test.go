package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/offset"
)

func TestQuote(t *testing.T) {
	for s, want := range map[string]string{
		"":                     `""`,
		"main":                 "main",
		"/usr/bin/python3.11":  "/usr/bin/python3.11",
		"a_b-c.d/e[f]*#0":      "a_b-c.d/e[f]*#0",
		"/usr/bin/g++":         `"/usr/bin/g++"`,
		"fmt.(*pp).doPrintln":  `"fmt.(*pp).doPrintln"`,
		"ns::f":                `"ns::f"`,
		"$x":                   `"$x"`,
		"a b":                  `"a b"`,
		`a"b\c`:                `"a\"b\\c"`,
		"é":                    `"é"`,
		"a\nb\x1b\xff\u202e":   `"a\x0ab\x1b\xff\xe2\x80\xae"`,
		"f@V":                  `"f@V"`,
		"{{closure}}::h0a,b;c": `"{{closure}}::h0a,b;c"`,
	} {
		if got := quote(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
	for s, want := range map[string]string{`"a`: `"a`, `a"`: `a"`, `"`: `"`, `"\x"`: "x", `"\x1"`: "x1", `"\xzz"`: "xzz", `"\`: `"\`, `"\"`: `\`, `"a\`: `"a\`} {
		if got := unquote(s); got != want {
			t.Errorf("%s: %q, want %q", s, got, want)
		}
	}
}

// What is quoted is one field of a line, printable, and comes back as it was.
func FuzzQuote(f *testing.F) {
	for _, s := range strangeNames {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, path, name string) {
		if unquote(quote(name)) != name {
			t.Errorf("%q became %q", name, unquote(quote(name)))
		}
		line := quote(path) + ":" + quote(name)
		if raw(line) || strings.Contains(line, "\n") {
			t.Errorf("%q is not fit for a line", line)
		}
		parts := splitColons(line)
		if len(parts) != 2 || unquote(parts[0]) != path || unquote(parts[1]) != name {
			t.Errorf("%s: %q", line, parts)
		}
		s, ok, err := parseSpelled("uprobe:" + line)
		if path != "" && (!ok || err != nil || s.path != path || s.name != name) {
			t.Errorf("%s: %+v, %v, %v", line, s, ok, err)
		}
	})
}

func TestSplitColons(t *testing.T) {
	for s, want := range map[string]string{
		"":                 "",
		"a":                "a",
		"a:b:c":            "a|b|c",
		"a:ns::f:c":        "a|ns::f|c",
		`"a:b":c`:          `"a:b"|c`,
		`"a\":b":c`:        `"a\":b"|c`,
		`/p:"ns::f(a:b)"`:  `/p|"ns::f(a:b)"`,
		"a:":               "a|",
		":a":               "|a",
		"a:::b":            "a::|b",
		`"open:x`:          `"open:x`,
		"/p:*:gc__*":       "/p|*|gc__*",
		`"/a+b":x:"y\\":z`: `"/a+b"|x|"y\\"|z`,
	} {
		if got := strings.Join(splitColons(s), "|"); got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
}

func TestParseSpelled(t *testing.T) {
	for text, want := range map[string]string{
		"/usr/bin/python3":            "",
		"./usdt":                      "",
		"other:thing":                 "",
		"usdt:/p:prov:name":           "usdt /p prov:name",
		"usdt:/p:name":                "usdt /p name",
		"usdt:/p":                     "usdt /p ",
		"U:/p:prov:*":                 "usdt /p prov:*",
		"uprobe:/p:f":                 "uprobe /p f",
		"u:/p:ns::f":                  "uprobe /p ns::f",
		"uretprobe:/p:ns::C::m(int)":  "uprobe /p ns::C::m(int)",
		`uprobe:"/a+b":"fmt.(*p).f"`:  "uprobe /a+b fmt.(*p).f",
		"data:/p:v":                   "data /p v",
		"*:/p:*":                      "usdt,uprobe /p *",
		"u*:/p:x":                     "usdt,uprobe /p x",
		"us*:/p:a:b":                  "usdt /p a:b",
		"*:/p:a:b":                    "usdt,uprobe /p a:b",
		"kprobe:vfs_read":             "error",
		"tracepoint:sched:x":          "error",
		"t:sched:x":                   "error",
		"k*:vfs_read":                 "error",
		"usdt:":                       "error",
		`uprobe:"":f`:                 "error",
		"uprobe:/p:f+0x10":            "uprobe /p f+0x10",
		"uprobe:/usr/lib/*/libc.so:f": "uprobe /usr/lib/*/libc.so f",
	} {
		s, ok, err := parseSpelled(text)
		got := ""
		switch {
		case err != nil:
			got = "error"
		case ok:
			var kinds offset.Kind
			for k, is := range map[offset.Kind]bool{offset.KindUSDT: s.usdt, offset.KindFunc: s.uprobe, offset.KindData: s.data} {
				if is {
					kinds |= k
				}
			}
			got = fmt.Sprintf("%s %s %s", kinds, s.path, s.spec())
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 12345: "12,345", 123456: "123,456", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if plural(1, "site") != "1 site" || plural(2000, "site") != "2,000 sites" {
		t.Error(plural(1, "site"), plural(2000, "site"))
	}
}

func TestClean(t *testing.T) {
	for s, want := range map[string]string{
		"plain text":   "plain text",
		"é 日本":         "é 日本",
		"\x1b[31m":     `\x1b[31m`,
		"a\nb\r\t\x7f": `a\x0ab\x0d\x09\x7f`,
		"\xff\xe2":     `\xff\xe2`,
		"\u009b":       `\u009b`,
		"\u202e":       `\u202e`,
		"\U000e0001":   `\U000e0001`,
	} {
		if got := clean(s); got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}

func TestOneLine(t *testing.T) {
	err := errors.Join(errors.New("a"), errors.New("b"))
	if got := oneLine(err); got != "a; b" || len(parts(err)) != 2 || len(parts(errors.New("c"))) != 1 || parts(nil) != nil {
		t.Error(got)
	}
}

// encoding/json reads our strings as what they were, but for bytes that are no
// text, which are U+FFFD.
func FuzzAppendString(f *testing.F) {
	for _, s := range strangeNames {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		b := appendString(nil, s)
		var got string
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if got != string([]rune(s)) {
			t.Errorf("%q became %q", s, got)
		}
		if raw(string(b)) || slices.Contains(b, '\n') {
			t.Errorf("%q is not fit for a line", b)
		}
	})
}

func TestExamplePattern(t *testing.T) {
	for names, want := range map[string]string{
		"PyList_Append PyList_New PyDict_New": "PyList_*",
		"main.a main.b runtime.c":             "main.*",
		"read write":                          "*read*",
		"_hidden_a _hidden_b":                 "*read*",
		"one_a":                               "*read*",
		"a_b a_c":                             "*read*", // too short to mean anything
		"e\x1b_a e\x1b_b":                     `e\x1b_*`,
		"averyverylongnameofafunction_a x_averyverylon_b": "*read*",
	} {
		var probes []offset.Probe
		for name := range strings.FieldsSeq(names) {
			probes = append(probes, offset.Probe{Symbol: &elfsym.Symbol{Name: name}})
		}
		if got := examplePattern(probes); got != want {
			t.Errorf("%q: %s, want %s", names, got, want)
		}
	}
}

// Eight bytes at a time, each byte at each place among others.
func TestAreWord(t *testing.T) {
	for place := range 8 {
		for c := range 256 {
			for _, other := range []byte{'a', 'Z', '0', '_', 0x7f, 0x80, 0xff} {
				var x uint64
				want := true
				for i := range 8 {
					b := other
					if i == place {
						b = byte(c)
					}
					x |= uint64(b) << (8 * i)
					want = want && ('0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '_')
				}
				if areWord(x) != want {
					t.Fatalf("%#x at %d among %#x: %v, want %v", c, place, other, !want, want)
				}
			}
		}
	}
}
