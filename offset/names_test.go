package offset_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/offset"
)

// The versions of libtestbin.so, whose functions bear each a second name that
// .symtab alone has and that tells them apart.
func TestVersions(t *testing.T) {
	for _, name := range []string{"amd64/libtestbin.so", "amd64/libtestbin-sysv.so", "amd64/libtestbin-lld.so", "i386/libtestbin.so",
		"arm/libtestbin.so", "s390x/libtestbin.so", "ppc64/libtestbin.so", "ppc64le/libtestbin.so", "mips64el/libtestbin.so"} {
		f, tg := truthOf(t, name), open(t, name)
		at := func(name string) string { return hexes([]uint64{f.place(f.functions(name)[0].entry, 1)}) }
		v1, v2 := at("ver_func_1"), at("ver_func_2")
		for spec, want := range map[string]string{
			"ver_func":       v1 + " " + v2,
			"ver_func@V1":    v1,
			"ver_func@V2":    v2,
			"ver_func@@V2":   v2,
			"ver_func@*":     "",
			"old_func":       at("old_func_1"),
			"old_func@V1":    at("old_func_1"),
			"same_func@V1":   at("same_func_1"),
			"same_func@@V2":  at("same_func_1"),
			"lib_func@@V1":   at("lib_func"),
			"lib_func@V1+4":  "",
			"hidden_func":    at("hidden_func"),
			"hidden_func@V1": "",
		} {
			if strings.HasSuffix(spec, "+4") {
				want = hexes([]uint64{f.place(f.functions("lib_func")[0].addr+4, 1)})
			}
			r := typed(t, tg, spec)
			slices.SortFunc(r.Locations, func(a, b offset.Location) int { return strings.Compare(a.Version, b.Version) })
			var got []string
			for _, l := range r.Locations {
				got = append(got, places([]offset.Location{l}))
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: %s: %s, %v, want %s", name, spec, got, r.Err, want)
			}
		}
		// Two versions at one address are one place.
		if r := typed(t, tg, "same_func"); len(r.Locations) != 2 {
			t.Errorf("%s: same_func: %v", name, r.Locations)
		} else if l, err := r.One(); err != nil || places([]offset.Location{l}) != at("same_func_2") {
			t.Errorf("%s: same_func: %v, %v", name, l, err)
		}
	}
}

func TestVersionEvidence(t *testing.T) {
	tg := open(t, "amd64/libtestbin.so")
	var got []string
	for _, l := range typed(t, tg, "ver_func").Locations {
		v := l.Version
		if l.Default {
			v += " default"
		}
		got = append(got, v+" "+l.Sources.String())
	}
	if want := "V1 symtab+dynsym, V2 default symtab+dynsym"; strings.Join(got, ", ") != want {
		t.Errorf("%s, want %s", strings.Join(got, ", "), want)
	}
	if l, err := typed(t, tg, "ver_func@V1").One(); err != nil || l.Sources.String() != "symtab+dynsym" {
		t.Errorf("ver_func@V1: %v, %v", l.Sources, err)
	}
	_, err := typed(t, tg, "ver_func").One()
	var amb *offset.AmbiguousError
	if !errors.As(err, &amb) || len(amb.Locations) != 2 || err.Error() != "ver_func: 2 places: 0x1050 (@V1) 0x1060 (@V2)" {
		t.Errorf("One: %v", err)
	}
	_, err = typed(t, open(t, "amd64/probe-pinned"), "helper").One()
	if !errors.As(err, &amb) || !strings.HasPrefix(err.Error(), "helper: 2 places: ") || !strings.Contains(err.Error(), "(a.c)") {
		t.Errorf("One: %v", err)
	}
}

// An ifunc's place is that of its resolver, and says so.
func TestIfunc(t *testing.T) {
	tg := open(t, "amd64/libtestbin.so")
	l, err := typed(t, tg, "ifunc").One()
	resolver, err2 := typed(t, tg, "ifunc_resolver").One()
	if err != nil || err2 != nil || offset.TypeName(l.Type) != "ifunc" || offset.TypeName(resolver.Type) != "func" || l.Offset != resolver.Offset {
		t.Errorf("%+v %v, %+v %v", l, err, resolver, err2)
	}
}

// Names as their source has them.
func TestDemangled(t *testing.T) {
	for _, c := range []struct{ file, spec, want string }{
		{"cxx.so", "outer::inner::Class::method", "_ZNK5outer5inner5Class6methodEi"},
		{"cxx.so", "outer::inner::Class::method(int) const", "_ZNK5outer5inner5Class6methodEi"},
		{"cxx.so", "outer::overloaded", "_ZN5outer10overloadedEPKc _ZN5outer10overloadedEi _ZN5outer10overloadedEidy"},
		{"cxx.so", "outer::overloaded(int)", "_ZN5outer10overloadedEi"},
		{"cxx.so", "outer::overloaded( char const * )", "_ZN5outer10overloadedEPKc"},
		{"cxx.so", "outer::inner::Class::operator[]", "_ZN5outer5inner5ClassixEi"},
		{"cxx.so", "outer::inner::Class::operator[](int)", "_ZN5outer5inner5ClassixEi"},
		{"cxx.so", "outer::inner::Class::operator bool", "_ZNK5outer5inner5ClasscvbEv"},
		{"cxx.so", "outer::inner::Class::operator=", "_ZN5outer5inner5ClassaSERKS1_"},
		{"cxx.so", "outer::inner::Class::~Class()", "_ZN5outer5inner5ClassD1Ev _ZN5outer5inner5ClassD2Ev"},
		{"cxx.so", "outer::inner::Class::Class", "_ZN5outer5inner5ClassC1Ei _ZN5outer5inner5ClassC2Ei"},
		{"cxx.so", "outer::inner::Class::convert<int>", "_ZNK5outer5inner5Class7convertIiEET_S3_"},
		{"cxx.so", "outer::inner::Class::convert", "_ZNK5outer5inner5Class7convertIcEET_S3_ _ZNK5outer5inner5Class7convertIiEET_S3_ _ZNK5outer5inner5Class7convertIlEET_S3_"},
		{"cxx.so", "outer::Array<unsigned char, 16>::at", "_ZNK5outer5ArrayIhLi16EE2atEi"},
		{"cxx.so", "outer::Array<unsigned char,16>::at(int) const", "_ZNK5outer5ArrayIhLi16EE2atEi"},
		{"cxx.so", "outer::Array::at", "_ZNK5outer5ArrayIPNS_5inner5ClassELi3EE2atEi _ZNK5outer5ArrayIhLi16EE2atEi"},
		{"cxx.so", "(anonymous namespace)::anonymous", "_ZN12_GLOBAL__N_19anonymousEi"},
		{"cxx.so", "cxx.cc:file_static", "_ZL11file_statici"},
		{"cxx.so", "cxx.cc:(anonymous namespace)::anonymous(int)+1", "_ZN12_GLOBAL__N_19anonymousEi"},
		{"cxx.so", "other.cc:file_static", ""},
		{"cxx.so", "plain_c", "plain_c"},
		{"cxx.so", "_ZN5outer10overloadedEi", "_ZN5outer10overloadedEi"},
		{"cxx.so", "outer::*::create*", "_ZN5outer5inner5Class6createEi"},
		{"cxx.so", "*overloadedEPKc", "_ZN5outer10overloadedEPKc"},
		{"cxx.so", "outer::overload", ""},
		{"cxx.so", "overloaded", ""},
		{"rust-legacy.so", "names::uses", "_ZN5names4uses17h"},
		{"rust-v0.so", "names::uses", "_RNvC"},
		{"rust-v0.so", "names::outer::generic::<u32>", "_RINv"},
		{"rust-legacy.so", "names::outer::*", "_ZN5names5outer _ZN5names5outer"},
		{"rust-v0.so", "unmangled", "unmangled"},
	} {
		tg := open(t, "amd64/"+c.file)
		r := typed(t, tg, c.spec)
		want := strings.Fields(c.want)
		ok := len(want) == len(r.Locations) && (len(want) == 0) == (r.Err != nil)
		for i := range r.Locations {
			// Rust's have a hash.
			ok = ok && (r.Locations[i].Name == want[i] || strings.HasPrefix(c.file, "rust") && strings.HasPrefix(r.Locations[i].Name, want[i]))
		}
		if !ok {
			var got []string
			for _, l := range r.Locations {
				got = append(got, l.Name)
			}
			t.Errorf("%s: %s: %v, %v, want %v", c.file, c.spec, got, r.Err, want)
		}
	}
}

// Many specs are one pass, and each answer stands at its spec's place.
func TestResolveMany(t *testing.T) {
	tg := open(t, "amd64/cxx.so")
	texts := []string{"plain_c", "nothing", "outer::variadic", "outer::inner::Class::cr*", "plain_c", "outer::variadic+1", "0x0"}
	want := []string{"plain_c", "", "_ZN5outer8variadicEPKcz", "_ZN5outer5inner5Class6createEi", "plain_c", "_ZN5outer8variadicEPKcz", ""}
	var specs []offset.Spec
	for _, text := range texts {
		s, err := offset.ParseSpec(text)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, s)
	}
	results, err := tg.Resolve(t.Context(), specs...)
	if err != nil || len(results) != len(specs) {
		t.Fatal(len(results), err)
	}
	for i, r := range results {
		name := ""
		if l, err := r.One(); err == nil {
			name = l.Name
		}
		if r.Spec.String() != texts[i] || name != want[i] {
			t.Errorf("%s: %s %q, %v", texts[i], r.Spec, name, r.Err)
		}
	}
	if results, err := tg.Resolve(t.Context()); len(results) != 0 || err != nil {
		t.Errorf("of no spec: %v, %v", results, err)
	}
}
