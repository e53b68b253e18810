package offset_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

func reference(t *testing.T, name string) *offset.Reference {
	t.Helper()
	ref, problems, err := offset.OpenReference(t.Context(), testbin.Path(t, name), nil)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	return ref
}

func openTarget(t *testing.T, name string, o *offset.Options) *offset.Target {
	t.Helper()
	tgt, err := offset.Open(testbin.Path(t, name), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tgt.Close() })
	return tgt
}

// The names of the stripped program are those of the same build with names, at the same addresses.
func TestMatch(t *testing.T) {
	named, stripped := openTarget(t, "amd64/probe-pie", nil), openTarget(t, "amd64/probe-stripped", &offset.Options{OwnTables: true})
	found, problems, err := offset.Match(t.Context(), reference(t, "amd64/probe-pie"), stripped, nil)
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	certain := 0
	for _, tw := range found {
		if tw.Confidence < offset.Certain {
			continue
		}
		certain++
		res, err := named.Resolve(t.Context(), offset.Func(tw.Name))
		if err != nil || !slices.ContainsFunc(res[0].Locations, func(l offset.Location) bool { return l.Addr == tw.Location.Addr }) {
			t.Errorf("%s is certainly at 0x%x, and is not: %v, %v", tw.Name, uint64(tw.Location.Addr), res, err)
		}
		if l := tw.Location; l.Sources != elfsym.Match || l.Confidence != offset.Certain || l.Path != stripped.Path() || l.Offset == 0 {
			t.Errorf("%s: %+v", tw.Name, l)
		}
		if err := stripped.Check(tw.Location); err != nil {
			t.Errorf("%s: %v", tw.Name, err)
		}
	}
	if certain < 25 {
		t.Errorf("%d functions are certain, of %d", certain, len(found))
	}
}

func TestMatchNames(t *testing.T) {
	stripped := openTarget(t, "amd64/probe-stripped", &offset.Options{OwnTables: true})
	found, _, err := offset.Match(t.Context(), reference(t, "amd64/probe-pie"), stripped, &offset.MatchOptions{Names: []string{"run", "nowhere", "alias_*", "run"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, tw := range found {
		got = append(got, tw.Name)
		if tw.Name == "nowhere" && !errors.Is(tw.Err, offset.ErrNotInReference) {
			t.Errorf("%+v", tw)
		}
	}
	if want := "run nowhere alias_strong alias_weak"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

// Fingerprints of one function find it, and say nothing of the folder that they were made in.
func TestSavedReference(t *testing.T) {
	var b bytes.Buffer
	if n, err := reference(t, "amd64/probe-pie").Save(&b, "run"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if bytes.Contains(b.Bytes(), []byte("testdata")) {
		t.Error("a path was saved")
	}
	ref, err := offset.ReadReference(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if names := ref.Names(); len(names) != 1 || names["run"] != 1 {
		t.Errorf("names %v", names)
	}
	if builds := ref.Builds(); len(builds) != 1 || builds[0].Path != "probe-pie" {
		t.Errorf("builds %+v", builds)
	}
	stripped := openTarget(t, "amd64/probe-stripped", &offset.Options{OwnTables: true})
	found, _, err := offset.Match(t.Context(), offset.Join(ref, reference(t, "arm64/probe-pie")), stripped, &offset.MatchOptions{Names: []string{"run"}})
	if err != nil || len(found) != 1 || found[0].Confidence != offset.Certain || found[0].Location.Addr != 0x12e0 {
		t.Errorf("%+v, %v", found, err)
	}
	if _, err := reference(t, "amd64/probe-pie").Save(&b, "nowhere"); !errors.Is(err, offset.ErrNotInReference) {
		t.Error(err)
	}
	if _, err := offset.ReadReference(bytes.NewReader(b.Bytes()[:b.Len()-1])); err == nil {
		t.Error("a file that was cut short was read")
	}
}

// A reference is asked only for what nothing names, and an answer that is not certain only if that is allowed.
func TestResolveByReference(t *testing.T) {
	ref := reference(t, "amd64/probe-pie")
	resolve := func(least offset.Confidence, name string) offset.Result {
		t.Helper()
		tgt := openTarget(t, "amd64/probe-stripped", &offset.Options{OwnTables: true, Reference: ref, Least: least})
		spec, err := offset.ParseSpec(name)
		if err != nil {
			t.Fatal(err)
		}
		res, err := tgt.Resolve(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		return res[0]
	}
	if l, err := resolve(0, "run").One(); err != nil || l.Addr != 0x12e0 || l.Confidence != offset.Certain {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := resolve(0, "run+0x4").One(); err != nil || l.Addr != 0x12e4 || l.Addend != 4 {
		t.Errorf("%+v, %v", l, err)
	}
	if r := resolve(0, "run+0x40000"); r.Err == nil || len(r.Locations) > 0 {
		t.Errorf("beyond the end: %+v", r)
	}
	if r := resolve(0, "helper"); len(r.Locations) != 2 {
		t.Errorf("two statics of one name: %+v", r)
	}
	if r := resolve(0, "nowhere"); r.Err == nil {
		t.Errorf("%+v", r)
	}
	// size0 is three instructions that nothing tells from others but its neighbours.
	all, _, err := offset.Match(t.Context(), ref, openTarget(t, "amd64/probe-stripped", &offset.Options{OwnTables: true}), nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(tw offset.Twin) bool { return tw.Confidence == offset.Likely })
	if i < 0 {
		t.Skip("all are certain")
	}
	if r := resolve(0, all[i].Name); r.Err == nil || !strings.Contains(r.Err.Error(), "is likely it by the reference") {
		t.Errorf("%s was taken, or not told: %+v", all[i].Name, r)
	}
	if l, err := resolve(offset.Likely, all[i].Name).One(); err != nil || l.Confidence != offset.Likely {
		t.Errorf("%s was not taken: %+v, %v", all[i].Name, l, err)
	}
}
