package nearest

import (
	"slices"
	"testing"
)

func TestNames(t *testing.T) {
	all := []string{"query__start", "query__done", "QUERY__DONE2", "lock__wait__start", "q", "", "query__parse__done"}
	for _, test := range []struct {
		want string
		got  []string
	}{
		{"query__don", []string{"query__done", "QUERY__DONE2"}},
		{"query__startt", []string{"query__start"}},
		{"QUERY__START", []string{"query__start"}},
		{"parse", []string{"query__parse__done"}},
		{"nothing_like_it", nil},
		{"query__", []string{"query__done", "QUERY__DONE2", "query__start"}},
	} {
		r := New(test.want)
		for _, name := range all {
			r.Add(name, name)
			r.Add(name, name) // a name counts once
		}
		if got := r.Names(); !slices.Equal(got, test.got) {
			t.Errorf("%s: %q, want %q", test.want, got, test.got)
		}
	}
}
