package main

import (
	"debug/elf"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/probels/probels/internal/elfwrite"
)

// strangeNames are names that a hostile or an odd file has: what a terminal acts
// on, what breaks a line, what is no text, what means something to shells, to
// bpftrace and to us.
var strangeNames = []string{
	"esc\x1b[2J\x1b]0;title\a", "new\nline", "tab\tbed", "\r", "del\x7f", "c1\u009b31m", "bidi\u202egnp", "sep\u2028\u2029", "\xff\xfe", "cut\xe2\x82", "é", "日本",
	"nul-less", `quo"te`, `back\slash`, `\x1b`, `\`, `"`, `""`, "a+b", "a+0x10", "0x401000", "+[Foo bar]", "a:b", "a::b", ":", "ns::f(int, char)", "main.(*T).M",
	"main.Map[int]", "a*", "*", "?", "[", "@", "a@", "@a", " ", "a b", "$HOME", "`id`", "$(id)", "'", "-m", "--", "-", "#", "%s", "{}", "é\xff",
}

// strangeFile is a program whose functions, USDT providers and USDT probes bear
// these names.
func strangeFile() []byte {
	f := &elfwrite.File{Machine: elf.EM_X86_64, Type: elf.ET_EXEC}
	var notes []elfwrite.Note
	for i, name := range strangeNames {
		addr := 0x401000 + uint64(i)*16
		f.Symbols = append(f.Symbols, elfwrite.Symbol{Name: name, Value: addr, Size: 16, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
		notes = append(notes, f.USDT(addr, 0, 0, name, "probe", "-4@%eax \x1b[31m"), f.USDT(addr, 0, 0, "provider", name, name))
	}
	f.Sections = []elfwrite.Section{
		{Name: ".text", Flags: elf.SHF_ALLOC | elf.SHF_EXECINSTR, Addr: 0x401000, Bytes: make([]byte, 0x1000)},
		{Name: ".note.stapsdt", Notes: notes},
	}
	f.Segments = []elfwrite.Segment{{Type: elf.PT_LOAD, Flags: elf.PF_R | elf.PF_X, Covers: [2]string{".text", ".text"}, Align: 0x1000}}
	return f.Bytes()
}

func strangePath(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "str ange+é")
	if err := os.WriteFile(path, strangeFile(), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// raw is a character that must not reach a terminal or a line.
func raw(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029
	})
}

// No form of output lets such a name through, each line is one probe, and JSON
// stays JSON.
func TestStrangeOutput(t *testing.T) {
	path := strangePath(t)
	n := 3 * len(strangeNames)
	for _, flags := range [][]string{nil, {"-l"}, {"-v"}, {"-lv"}, {"--json"}, {"--json", "-v"}} {
		r := probels(t, append(flags, path)...)
		lines := strings.Count(r.out, "\n")
		if slices.Contains(flags, "-v") && !slices.Contains(flags, "--json") {
			lines -= 2 * len(strangeNames) // a second line for each site
		}
		if r.status != statusFound || raw(r.out) || strings.Contains(r.out, "\u202e") && !slices.Contains(flags, "--json") || raw(r.errors) || lines != n {
			t.Errorf("%v: status %d, %d lines of %d\n%q\n%s", flags, r.status, lines, n, r.out, r.errors)
		}
	}
	for _, name := range strangeNames {
		r := probels(t, "resolve", path, "--json", "--", name)
		if raw(r.out) || raw(r.errors) || name != "-m" && name != "--" && r.status == statusTrouble {
			t.Errorf("%q: %d\n%q\n%q", name, r.status, r.out, r.errors)
		}
		r = probels(t, path+name, "-m", name)
		if raw(r.errors) || strings.Count(r.errors, "\n") != 1 {
			t.Errorf("%q", r.errors)
		}
	}
}

// Each line that list prints is accepted by resolve, and leads to the place that
// list has for it.
func TestStrangeLines(t *testing.T) {
	path := strangePath(t)
	for line := range strings.Lines(probels(t, path).out) {
		line = strings.TrimSuffix(line, "\n")
		r := probels(t, "resolve", line)
		if r.status != statusFound {
			t.Errorf("%s: status %d: %s", line, r.status, r.errors)
		}
	}
	for i, name := range strangeNames {
		r := probels(t, "resolve", "--json", "uprobe:"+quote(path)+":"+quote(name))
		var got struct {
			Name   string
			Offset uint64
		}
		found := false
		for line := range strings.Lines(r.out) {
			if err := json.Unmarshal([]byte(line), &got); err != nil {
				t.Fatal(err)
			}
			found = found || got.Name == strings.ToValidUTF8(name, "\uFFFD") && got.Offset%0x1000 == uint64(i*16)
		}
		// Two bytes that are no text may be one replacement or two.
		if !found && utf8.ValidString(name) {
			t.Errorf("%q: %s%s", name, r.out, r.errors)
		}
		if r := probels(t, "uprobe:"+quote(path)+":"+quote(name)); !strings.Contains(r.out, ":"+quote(name)+"\n") {
			t.Errorf("%q as a target: %s%s", name, r.out, r.errors)
		}
	}
}
