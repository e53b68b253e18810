package elfsym_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/internal/testbin"
)

func TestDemangle(t *testing.T) {
	for _, c := range []struct{ name, full, bare, plain string }{
		{"main", "main", "", ""},
		{"", "", "", ""},
		{"_Z", "_Z", "", ""},
		{"_Zfoo", "_Zfoo", "", ""},
		{"_ZN5outer10overloadedEi", "outer::overloaded(int)", "outer::overloaded", "outer::overloaded"},
		{"_ZNK5outer5inner5Class6methodEi", "outer::inner::Class::method(int) const", "outer::inner::Class::method", "outer::inner::Class::method"},
		{"_ZN5outer5inner5ClassC1Ei", "outer::inner::Class::Class(int)", "outer::inner::Class::Class", "outer::inner::Class::Class"},
		{"_ZN5outer5inner5ClassD0Ev", "outer::inner::Class::~Class()", "outer::inner::Class::~Class", "outer::inner::Class::~Class"},
		{"_ZN5outer5inner5ClassixEi", "outer::inner::Class::operator[](int)", "outer::inner::Class::operator[]", "outer::inner::Class::operator[]"},
		{"_ZNK5outer5ArrayIhLi16EE2atEi", "outer::Array<unsigned char, 16>::at(int) const", "outer::Array<unsigned char, 16>::at", "outer::Array::at"},
		{"_ZN12_GLOBAL__N_19anonymousEi", "(anonymous namespace)::anonymous(int)", "(anonymous namespace)::anonymous", "(anonymous namespace)::anonymous"},
		{"_ZNKSs4sizeEv", "std::string::size() const", "std::string::size", "std::string::size"},
		{"_ZNSt6vectorIiSaIiEE9push_backEOi", "std::vector<int, std::allocator<int> >::push_back(int&&)",
			"std::vector<int, std::allocator<int> >::push_back", "std::vector::push_back"},
		{"_Z4coldi.cold", "cold(int) [clone .cold]", "cold.cold", "cold.cold"},
		{"_Z1fi.isra.0.cold", "f(int) [clone .isra.0] [clone .cold]", "f.isra.0.cold", "f.isra.0.cold"},
		{"_Z1fi.llvm.12345", "f(int) [clone .llvm.12345]", "f", "f"},
		{"_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad", "core::fmt::Formatter::pad", "core::fmt::Formatter::pad"},
		{"_RNvC5names4uses", "names::uses", "names::uses", "names::uses"},
		{"_RNvC5names4uses.llvm.77", "names::uses [clone .llvm.77]", "names::uses", "names::uses"},
		{"_ZTV7Derived", "vtable for Derived", "vtable for Derived", "vtable for Derived"},
		{"_ZN1AcvbEv", "A::operator bool()", "A::operator bool", "A::operator bool"},
	} {
		if got := elfsym.Demangle(c.name); cutClone(got) != cutClone(c.full) {
			t.Errorf("Demangle(%s) = %q, want %q", c.name, got, c.full)
		}
		full, bare, plain := elfsym.DemangledForms(c.name)
		if bare != c.bare || plain != c.plain || (full == "") != (c.bare == "") {
			t.Errorf("DemangledForms(%s) = %q, %q, %q; want %q, %q, %q", c.name, full, bare, plain, c.full, c.bare, c.plain)
		}
	}
	if got, want := elfsym.Demangle("_Z1fi.isra.0.cold"), "f(int) [clone .isra.0] [clone .cold]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func cutClone(s string) string {
	before, _, _ := strings.Cut(s, " [clone")
	return before
}

func TestNameQuery(t *testing.T) {
	for _, c := range []struct {
		query string
		yes   string
		no    string
	}{
		{"outer::overloaded", "_ZN5outer10overloadedEi _ZN5outer10overloadedEPKc _ZN5outer10overloadedEi.llvm.3", "_ZN5outer10overloadeE _ZN5outer10overloadedEi.cold outer::overloaded overloaded"},
		{"outer::overloaded(int)", "_ZN5outer10overloadedEi", "_ZN5outer10overloadedEPKc"},
		{"outer::overloaded( int , double,unsigned long long )", "_ZN5outer10overloadedEidy", "_ZN5outer10overloadedEid"},
		{"overloaded", "_Z10overloadedi", "_ZN5outer10overloadedEi"},
		{"outer::inner::Class::Class", "_ZN5outer5inner5ClassC1Ei _ZN5outer5inner5ClassC2Ei", "_ZN5outer5inner5ClassD1Ev"},
		{"outer::inner::Class::~Class()", "_ZN5outer5inner5ClassD1Ev", "_ZN5outer5inner5ClassC1Ei"},
		{"outer::inner::Class::operator[]", "_ZN5outer5inner5ClassixEi", "_ZN5outer5inner5ClassaSERKS1_"},
		{"outer::inner::Class::operator bool", "_ZNK5outer5inner5ClasscvbEv", "_ZN5outer5inner5ClassixEi"},
		{"outer::inner::Class::method(int) const", "_ZNK5outer5inner5Class6methodEi", ""},
		{"outer::Array<unsigned char, 16>::at", "_ZNK5outer5ArrayIhLi16EE2atEi", "_ZNK5outer5ArrayIPNS_5inner5ClassELi3EE2atEi"},
		{"outer::Array<unsigned char,16>::at(int)const", "_ZNK5outer5ArrayIhLi16EE2atEi", ""},
		{"outer::Array::at", "_ZNK5outer5ArrayIhLi16EE2atEi _ZNK5outer5ArrayIPNS_5inner5ClassELi3EE2atEi", ""},
		{"std::vector::push_back", "_ZNSt6vectorIiSaIiEE9push_backEOi", "_ZNSt6vectorIiSaIiEE8pop_backEv"},
		{"std::string::size", "_ZNKSs4sizeEv", "_ZNKSs6lengthEv"},
		{"std::basic_string::basic_string", "_ZNSsC1EPKc", "_ZNSsD1Ev"},
		{"std::allocator<char>::allocator", "_ZNSaIcEC1Ev", "_ZNSaIcED1Ev"},
		{"vtable for Derived", "_ZTV7Derived", "_ZTI7Derived"},
		{"operator new(unsigned long)", "_Znwm", "_Znam"},
		{"f.cold", "_Z1fi.cold", "_Z1fi"},
		{"core::fmt::Formatter::pad", "_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", ""},
		{"names::uses", "_RNvC5names4uses", "_RNvC5names5apply"},
		{"", "", "_Z1fi main"},
	} {
		q := elfsym.NewNameQuery(c.query)
		for _, s := range strings.Fields(c.yes) {
			if !q.Match(s) {
				full, bare, plain := elfsym.DemangledForms(s)
				t.Errorf("%q does not match %s (%q, %q, %q), needle %q", c.query, s, full, bare, plain, elfsym.MangledNeedle(c.query))
			}
		}
		for _, s := range strings.Fields(c.no) {
			if q.Match(s) {
				t.Errorf("%q matches %s (%s)", c.query, s, elfsym.Demangle(s))
			}
		}
	}
}

func TestMangledNeedle(t *testing.T) {
	for name, want := range map[string]string{
		"outer::inner::method": "6method", "f": "", "std::vector": "6vector", "std::string": "", "main": "4main", "": "",
		"ns::long_name*": "long_name", "*_suffix": "_suffix", "A::operator[]": "", "Klass::operator+": "5Klass",
		"vtable for Derived": "7Derived", "f(Parameter)": "", "T<Argument>::get": "3get", "Array<int>": "Array", "shim.cold": "cold", "Inner>::get": "3get", "Ärger::los": "3los", "_start::x2": "_start",
		"a?cdef": "cdef", "[ab]cdef": "cdef", "std*": "",
	} {
		if got := elfsym.MangledNeedle(name); got != want {
			t.Errorf("MangledNeedle(%q) = %q, want %q", name, got, want)
		}
	}
}

// mangled gathers the mangled names of a file, each once.
func mangled(t testing.TB, f *elfsym.File, into map[string]bool) {
	for s, err := range f.Symbols(both) {
		if err == nil && (strings.HasPrefix(s.Name, "_Z") || strings.HasPrefix(s.Name, "_R")) {
			into[s.Name] = true
		}
	}
}

// The needle never rejects a symbol that would match: in no file is there a
// symbol that one of its own demangled forms does not find.
func TestNeedleFindsAll(t *testing.T) {
	names := map[string]bool{}
	for _, file := range testbin.All(t) {
		mangled(t, open(t, file), names)
	}
	if len(names) < 40 {
		t.Errorf("only %d mangled names", len(names))
	}
	checkNeedles(t, names, 1)
}

// The same for what this system has, a part of it.
func TestNeedleFindsAllSystem(t *testing.T) {
	names := map[string]bool{}
	found := false
	for _, file := range []string{"/usr/lib/x86_64-linux-gnu/libstdc++.so.6", "/usr/lib/aarch64-linux-gnu/libstdc++.so.6",
		"/usr/lib64/libstdc++.so.6", "/usr/lib/libstdc++.so.6", "/usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"} {
		f, err := elfsym.Open(file)
		if err != nil {
			continue
		}
		found = true
		mangled(t, f, names)
		f.Close()
	}
	if !found {
		skip.Now(t, "needs libstdc++.so.6")
	}
	checkNeedles(t, names, max(1, len(names)/4000))
}

func checkNeedles(t *testing.T, names map[string]bool, step int) {
	i := 0
	for _, name := range sorted(names) {
		if i++; i%step != 0 {
			continue
		}
		full, bare, plain := elfsym.DemangledForms(name)
		if full == "" {
			continue
		}
		for _, form := range []string{full, bare, plain} {
			if n := elfsym.MangledNeedle(form); !strings.Contains(name, n) {
				t.Errorf("%s is %s, and the needle %q is not in it", name, form, n)
			}
			if strings.Contains(full, " [clone") && form == full {
				continue // a pattern for people, and none that they write
			}
			if !elfsym.NewNameQuery(form).Match(name) {
				t.Errorf("%s is not found as %s", name, form)
			}
		}
		// A pattern finds what it is made of.
		if cut := len(bare) / 2; !strings.Contains(name, elfsym.MangledNeedle(bare[:cut]+"*")) || !strings.Contains(name, elfsym.MangledNeedle("*"+bare[cut:])) {
			t.Errorf("%s: needles %q and %q of %q", name, elfsym.MangledNeedle(bare[:cut]+"*"), elfsym.MangledNeedle("*"+bare[cut:]), bare)
		}
	}
}

func sorted(set map[string]bool) []string {
	out := make([]string, 0, len(set))
	for s := range set {
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// The fixtures' names come out as their sources have them.
func TestDemangleFixtures(t *testing.T) {
	want := map[string][]string{
		"amd64/cxx.so": {"outer::inner::Class::method(int) const", "int outer::inner::Class::convert<int>(int) const", "with_cold_part(int) [clone .cold]",
			"(anonymous namespace)::anonymous(int)", "outer::inner::Class::operator bool() const", "operator delete(void*, unsigned long)", "file_static(int)"},
		"amd64/rust-legacy.so": {"names::uses", "names::outer::generic", "<names::outer::Point<u32> as names::outer::Area>::area"},
		"amd64/rust-v0.so":     {"names::uses", "names::outer::generic::<u32>", "<names::outer::Point<u32> as names::outer::Area>::area", "<names::outer::Point<u8>>::inherent"},
	}
	for file, names := range want {
		have := map[string]bool{}
		for s := range open(t, file).Symbols(both) {
			have[elfsym.Demangle(s.Name)] = true
		}
		for _, n := range names {
			if !have[n] {
				t.Errorf("%s: no %q among %q", file, n, sorted(have))
			}
		}
	}
}

// Hostile names end, and quickly.
func TestDemangleHostile(t *testing.T) {
	doubling := "_Z1f" + "1A" + strings.Repeat("I", 20000)
	nested := "_Z" + strings.Repeat("N", 30000)
	repeat := "_RNv" + strings.Repeat("C1a", 3000)
	grow := "_Z1fI1AES_" + strings.Repeat("F1aIS_S_E", 1000)
	for _, name := range []string{doubling, nested, repeat, grow, "_Z" + strings.Repeat("9", 32000), "_ZN" + strings.Repeat("1a", 40000) + "E"} {
		if got := elfsym.Demangle(name); len(got) > 1<<17 {
			t.Errorf("%.20s…: %d characters", name, len(got))
		}
	}
}
