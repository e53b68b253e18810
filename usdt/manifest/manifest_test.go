package manifest

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/heap"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/usdt"
	"github.com/probels/probels/usdt/consumer"
	"github.com/probels/probels/usdt/operand"
)

func TestParseEntry(t *testing.T) {
	for _, test := range []struct {
		text string
		want Entry
		back string // what String gives, "" for text
	}{
		{"python:gc__start", Entry{Spec: "python:gc__start", Count: 1, AtLeast: true}, ""},
		{"python:gc__start(i32)", Entry{Spec: "python:gc__start", Args: Signature{{Size: 4, Signed: true}}, Count: 1, AtLeast: true}, ""},
		{"a:b()", Entry{Spec: "a:b", Args: Signature{}, Count: 1, AtLeast: true}, ""},
		{"a:b( u8 ,f64, _,24B,? )", Entry{Spec: "a:b", Args: Signature{{Size: 1}, {Size: 8, Float: true}, {Any: true}, {Size: 24}, {}}, Count: 1, AtLeast: true}, "a:b(u8, f64, _, 24B, ?)"},
		{"a:b(2)", Entry{Spec: "a:b", Args: Signature{{Any: true}, {Any: true}}, Count: 1, AtLeast: true}, "a:b(_, _)"},
		{"a:*>=3", Entry{Spec: "a:*", Count: 3, AtLeast: true}, ""},
		{"a:* = 3", Entry{Spec: "a:*", Count: 3}, "a:*=3"},
		{"a:b=0", Entry{Spec: "a:b", Count: 0}, ""},
		{"a:b(u64)=1", Entry{Spec: "a:b", Args: Signature{{Size: 8}}, Count: 1}, ""},
		{"a:b(u64 const char *, u64 std::map<int, char>)", Entry{Spec: "a:b", Args: Signature{{Size: 8, Name: "const char *"}, {Size: 8, Name: "std::map<int, char>"}}, Count: 1, AtLeast: true}, ""},
		{`"a:b c(d"(i64)`, Entry{Spec: "a:b c(d", Args: Signature{{Size: 8, Signed: true}}, Count: 1, AtLeast: true}, ""},
		{"readline", Entry{Spec: "readline", Count: 1, AtLeast: true}, ""},
		{"ns::f(int)", Entry{Spec: "ns::f(int)", Count: 1, AtLeast: true}, `"ns::f(int)"`},
		{"operator==", Entry{Spec: "operator==", Count: 1, AtLeast: true}, `"operator=="`},
	} {
		got, err := ParseEntry(test.text)
		if err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v, want %+v", test.text, got, err, test.want)
			continue
		}
		back := test.back
		if back == "" {
			back = test.text
		}
		if s := got.String(); s != back {
			t.Errorf("%s: String is %s, want %s", test.text, s, back)
		}
		if again, err := ParseEntry(got.String()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%s: read back as %+v, %v", got.String(), again, err)
		}
	}
	for _, text := range []string{"", "a:b(u7)", "a:b(u64", "a:b(int)", "a:b(x)", "a:b(0B)", `"a:b" x`, "a:b(-1)", "a:b(99999)", `""`} {
		if e, err := ParseEntry(text); err == nil {
			t.Errorf("%q: read as %+v", text, e)
		}
	}
}

func TestParse(t *testing.T) {
	const text = `# a comment
a:b(u64)   # another

target /usr/bin/x y
for libbpf, gdb
a:c
readline
target "/q#1"
"a:#d"(2)
`
	m, err := Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	both := []consumer.Consumer{consumer.Libbpf, consumer.GDB}
	want := &Manifest{[]Target{
		{"", 0, []Entry{{Spec: "a:b", Args: Signature{{Size: 8}}, Count: 1, AtLeast: true, Line: 2}}},
		{"/usr/bin/x y", 4, []Entry{{Spec: "a:c", Count: 1, AtLeast: true, For: both, Line: 6}, {Spec: "readline", Count: 1, AtLeast: true, For: both, Line: 7}}},
		{"/q#1", 8, []Entry{{Spec: "a:#d", Args: Signature{{Any: true}, {Any: true}}, Count: 1, AtLeast: true, For: both, Line: 9}}},
	}}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("%+v\nwant %+v", m, want)
	}
	for text, line := range map[string]int{"a:b\n\na:c(u7)": 3, "for strace": 1, "a:b\nfor": 0, strings.Repeat("x", maxLine+1): 0} {
		_, err := Parse(strings.NewReader(text))
		var se *SyntaxError
		if line == 0 {
			if errors.As(err, &se) || (err == nil) != (len(text) < maxLine) {
				t.Errorf("%.20q: %v", text, err)
			}
		} else if !errors.As(err, &se) || se.Line != line {
			t.Errorf("%q: %v, want line %d", text, err, line)
		}
	}
}

// probe makes a probe with sites that have these arguments.
func probe(name string, specs ...string) Probe {
	provider, short, _ := strings.Cut(name, ":")
	p := Probe{Provider: provider, Name: short}
	for i, spec := range specs {
		p.Sites = append(p.Sites, usdt.Site{Provider: provider, Name: short, Spec: spec, Addr: elfsym.Addr(0x1000 + 16*i), Offset: elfsym.Offset(0x1000 + 16*i)})
		s := SignatureOf(operand.ParseArgs(elf.EM_X86_64, elf.ELFCLASS64, spec))
		if !slices.ContainsFunc(p.Signatures, func(other Signature) bool { return compareSignatures(s, other) == 0 }) {
			p.Signatures = append(p.Signatures, s)
		}
	}
	slices.SortFunc(p.Signatures, compareSignatures)
	return p
}

var program = consumer.Program{Machine: elf.EM_X86_64, Class: elf.ELFCLASS64, Type: elf.ET_DYN}

func TestCheck(t *testing.T) {
	silent := probe("db:silent", "4@%eax")
	silent.Sites[0].Semaphore, silent.Sites[0].SemaphoreErr = 0x9000, elfsym.ErrNoOffset
	lost := probe("db:lost", "4@%eax")
	lost.Sites[0].Err = elfsym.ErrNoOffset
	half := probe("db:half", "4@%eax", "4@%ebx")
	half.Sites[0].Err = elfsym.ErrNoOffset
	probes := []Probe{
		probe("db:done", "8@%rax -4@$5", "8@-8(%rbp) -4@%edi"),
		half, lost, silent,
		probe("db:start", "8@%rax"),
		probe("db:two", "8@%rax", "4@%eax"),
		probe("db:var", "-4@count(%rip)"),
		probe("other:start", ""),
	}
	for _, test := range []struct {
		entries  string
		want     []string // of each entry the failures, joined
		unlisted string
	}{
		{"db:done(u64, i32)", []string{""}, "db:half db:lost db:silent db:start db:two db:var other:start"},
		{"db:*\nother:*", []string{"db:lost: cannot be attached to: lost; db:silent: cannot be attached to: semaphore: lost", ""}, ""},
		{"db:done(u64)", []string{"db:done: want (u64) have (u64, i32)"}, "-"},
		{"db:done(2)\ndb:start(2)", []string{"", "db:start: want (_, _) have (u64)"}, "-"},
		{"db:don", []string{"db:don: missing; nearest db:done"}, "-"},
		{"xx:start", []string{"xx:start: missing; nearest db:start"}, "-"},
		{"nothing:like_it", []string{"nothing:like_it: missing"}, "-"},
		{"zz*:*", []string{"zz*:*: missing: nothing matches"}, "-"},
		{"*:start=2", []string{""}, "-"},
		{"*:start>=3", []string{"*:start: want at least 3, have 2"}, "-"},
		{"*:start=1", []string{"*:start: want 1, have 2"}, "-"},
		{"zz:*=0", []string{""}, "-"},
		{"other:start()", []string{""}, "-"},
		{"other:start=0", []string{"other:start: want 0, have 1"}, "-"},
		// A build may have fewer of the argument lists that a manifest has, and no others.
		{"db:two(u64)\ndb:two(u32)", []string{"", ""}, "-"},
		{"db:two(u64)", []string{"db:two: want (u64) have (u32) or (u64)"}, "-"},
		{"db:start(u64)\ndb:start(u32)", []string{"", ""}, "-"},
		{"db:start(i64)\ndb:start(u32)", []string{"db:start: want (i64) or (u32) have (u64)", ""}, "-"},
		{"for perf\ndb:start\ndb:done", []string{"", "db:done: perf fails argument 2, $5: perf drops constants"}, "-"},
		{"for gdb,systemtap,bcc\ndb:var", []string{"db:var: gdb fails argument 1, -4@count(%rip): gdb looks up no symbols; db:var: bcc misreads argument 1, -4@count(%rip): bcc reads the link-time address of count, and the file is loaded elsewhere"}, "-"},
		{"db:half(u32)", []string{""}, "-"},
	} {
		m, err := Parse(strings.NewReader(test.entries))
		if err != nil {
			t.Fatal(err)
		}
		results, unlisted := Check(m.Targets[0].Entries, probes, &Options{Program: program})
		var got []string
		for _, r := range results {
			var fs []string
			for _, f := range r.Failures {
				fs = append(fs, f.Probe+": "+strings.ReplaceAll(f.Text, elfsym.ErrNoOffset.Error(), "lost"))
			}
			got = append(got, strings.ReplaceAll(strings.Join(fs, "; "), ", $5", ", $5"))
		}
		for i := range got {
			got[i] = strings.ReplaceAll(got[i], "-4@$5", "$5")
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: %q\nwant %q", test.entries, got, test.want)
		}
		var names []string
		for _, p := range unlisted {
			names = append(names, p.FullName())
		}
		if s := strings.Join(names, " "); test.unlisted != "-" && s != test.unlisted {
			t.Errorf("%q: unlisted %q, want %q", test.entries, s, test.unlisted)
		}
	}
}

func TestTypes(t *testing.T) {
	have := probe("a:b", "8@%rax")
	have.Signatures = []Signature{{{Size: 8, Name: "const char *"}}}
	for entry, want := range map[string][2]bool{ // without, with Types
		"a:b(u64)":              {true, true},
		"a:b(u64 const char *)": {true, true},
		"a:b(u64 char *)":       {true, false},
		"a:b(_ const char *)":   {true, true},
		"a:b(i64 const char *)": {false, false},
	} {
		e, err := ParseEntry(entry)
		if err != nil {
			t.Fatal(err)
		}
		for i, types := range []bool{false, true} {
			r, _ := Check([]Entry{e}, []Probe{have}, &Options{Types: types})
			if got := len(r[0].Failures) == 0; got != want[i] {
				t.Errorf("%s, types %v: %v", entry, types, r[0].Failures)
			}
		}
	}
}

// What debug information does not know is told apart from what is wrong; of several sites one that it
// knows is enough.
func TestUnknownTypes(t *testing.T) {
	for _, test := range []struct {
		have []string
		want string
	}{
		{[]string{"(i32 int, u64 char *)"}, ""},
		{[]string{"(i32, u64 char *)"}, "unknown"},
		{[]string{"(i32, u64)"}, "unknown"},
		{[]string{"(i32, u64 void *)"}, "arguments"},
		{[]string{"(i32, u32)"}, "arguments"},
		{[]string{"(i32)"}, "arguments"},
		{[]string{"(i32, u64)", "(i32 int, u64 char *)"}, ""},
		{[]string{"(i32, u64)", "(i32 int, u64)"}, "unknown"},
		{[]string{"(i32, u64)", "(i32 long, u64)"}, "arguments"},
		{[]string{"(i32, u64)", "(i32, u32 char)"}, "arguments"},
	} {
		e, err := ParseEntry("a:b(i32 int, u64 char *)")
		if err != nil {
			t.Fatal(err)
		}
		p := probe("a:b", "-4@%eax 8@%rbx")
		p.Signatures = nil
		for _, s := range test.have {
			sig, err := ParseSignature(s)
			if err != nil {
				t.Fatal(err)
			}
			p.Signatures = append(p.Signatures, sig)
		}
		r, _ := Check([]Entry{e}, []Probe{p}, &Options{Types: true})
		got := ""
		for _, f := range r[0].Failures {
			got += f.Kind.String()
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.have, got, test.want)
		}
		if r, _ := Check([]Entry{e}, []Probe{p}, nil); len(r[0].Failures) > 0 && test.want != "arguments" {
			t.Errorf("%q, without types: %v", test.have, r[0].Failures)
		}
	}
}

func TestDiff(t *testing.T) {
	sem := probe("p:sem", "4@%eax")
	sem.Sites[0].Semaphore = 0x4000
	old := []Probe{probe("p:args", "8@%rax"), probe("p:gone", "4@%eax"), probe("p:kept", "8@%rax"), probe("p:less", "4@%eax", "8@%rax"), probe("p:moved", ""), probe("p:sem", "4@%eax"), probe("p:sites", "4@%eax", "4@%eax"), probe("p:split", "")}
	new := []Probe{probe("p:args", "8@%rax 4@%ebx"), probe("p:kept", "8@-8(%rbp)"), probe("p:less", "4@%eax"), probe("p:moved", ""), probe("p:new", "4@%eax"), sem, probe("p:sites", "4@%eax"), probe("p:split", "")}
	in := func(moved, split string) Functions {
		return func(s *usdt.Site) string {
			switch s.Name {
			case "moved":
				return moved
			case "split":
				return split
			}
			return "main"
		}
	}
	var got []string
	for _, c := range Diff(old, new, in("f", "g"), in("h", "g.constprop.0.cold")) {
		got = append(got, fmt.Sprintf("%v %s: %s", c.Kind.Breaks(), c.Probe, c.Text))
	}
	want := []string{
		"true p:args: arguments (u64) became (u64, u32)",
		"true p:gone: gone",
		"false p:kept: arguments are kept elsewhere: 8@%rax became 8@-8(%rbp)",
		"false p:less: arguments (u32) or (u64) became (u32)",
		"false p:less: 2 sites became 1",
		"true p:moved: moved from f to h",
		"false p:new: new (u32)",
		"true p:sem: it has a semaphore now, which tracers must raise",
		"false p:sites: 2 sites became 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if same := Diff(old, old, in("f", "g"), in("f", "g")); same != nil {
		t.Errorf("a build differs from itself: %v", same)
	}
	// What is not known on one side is not compared.
	if c := Diff(old[4:5], new[3:4], in("f", ""), in("", "")); c != nil {
		t.Errorf("%v", c)
	}
}

// A manifest of a file holds that file, and reads back as it was written, for
// every binary that is committed.
func TestRoundTrip(t *testing.T) {
	total := 0
	for _, name := range testbin.All(t) {
		f, err := elfsym.Open(testbin.Path(t, name))
		if err != nil {
			continue
		}
		var sites []usdt.Site
		for s, err := range usdt.Sites(f) {
			if err == nil {
				sites = append(sites, s)
			}
		}
		f.Close()
		probes := Probes(sites, nil)
		total += len(probes)
		m := &Manifest{[]Target{FromProbes("dir/"+name, probes)}}
		var b strings.Builder
		if _, err := m.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		back, err := Parse(strings.NewReader(b.String()))
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, b.String())
		}
		results, unlisted := Check(back.Targets[0].Entries, probes, nil)
		if len(unlisted) > 0 {
			t.Errorf("%s: unlisted %v", name, unlisted)
		}
		for _, r := range results {
			for _, f := range r.Failures {
				if f.Kind != Unreachable {
					t.Errorf("%s: %s: %s", name, f.Probe, f.Text)
				}
			}
		}
	}
	if total < 20 {
		t.Errorf("only %d probes", total)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("target a\nfor gdb\na:b(u64, f32)=2 # x\n\"q r:s\"(2)>=1\n")
	f.Add("a:b(u64 std::map<int, char>, _)\n")
	f.Fuzz(func(t *testing.T, text string) {
		heap.Bound(t, len(text), 2000, 16, func() {
			m, err := Parse(strings.NewReader(text))
			if err != nil {
				return
			}
			for _, target := range m.Targets {
				for i := range target.Entries {
					e := &target.Entries[i]
					again, err := ParseEntry(e.String())
					again.Line, again.For = e.Line, e.For
					if err != nil || !reflect.DeepEqual(again, *e) && again.String() != e.String() {
						t.Errorf("%q: %+v reads back as %+v, %v", e.String(), *e, again, err)
					}
				}
			}
			var b strings.Builder
			m.WriteTo(&b)
			back, err := Parse(strings.NewReader(b.String()))
			if err != nil {
				t.Fatalf("%v of\n%s", err, b.String())
			}
			n := func(m *Manifest) (n int) {
				for _, t := range m.Targets {
					n += len(t.Entries)
				}
				return n
			}
			if n(back) != n(m) {
				t.Errorf("%d entries became %d", n(m), n(back))
			}
		})
	})
}

func Example() {
	f, err := elfsym.Open("../../internal/testbin/testdata/amd64/probe-pie")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	var sites []usdt.Site
	for s, err := range usdt.Sites(f) {
		if err == nil && slices.Contains([]string{"always", "differ", "pointers"}, s.Name) {
			sites = append(sites, s)
		}
	}
	m := &Manifest{[]Target{FromProbes("bin/server", Probes(sites, nil))}}
	m.WriteTo(os.Stdout)
	// Output:
	// # USDT probes that others rely on. To hold a build to them: probels check -f FILE
	//
	// target bin/server
	// probels:always(i32)
	// probels:differ(u8, i16)
	// probels:differ(i32)
	// probels:pointers(u64, u64, u64, i8)
}
