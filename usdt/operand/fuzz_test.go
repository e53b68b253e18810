package operand

import (
	"debug/elf"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

// FuzzParseArgs: no text makes reading panic or stall; what comes out is
// consistent (check), in order, within the text, and reads back from its
// String.
func FuzzParseArgs(f *testing.F) {
	names := machineNames()
	add := func(name, spec string) {
		f.Add(byte(slices.Index(names, name)), spec)
	}
	for _, r := range lines(f, "usdt_args.tsv")[1:] {
		add(r[0], r[1])
	}
	for i, r := range lines(f, "usdt_spec_lines.tsv") {
		if i%8 == 0 {
			add(r[0], r[2])
		}
	}
	for _, tt := range argTests {
		if len(tt.text) < 100 {
			add(tt.machine, tt.text)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, spec string) {
		m := machines[names[int(which)%len(names)]]
		args := ParseArgs(m.m, m.c, spec)
		if len(args) > (len(spec)+1)/2 {
			t.Fatalf("%q: %d arguments in %d bytes", spec, len(args), len(spec))
		}
		at := 0
		for i, a := range args {
			if a.Text == "" {
				t.Errorf("%q: argument %d is empty", spec, i)
			}
			next := strings.Index(spec[at:], a.Text)
			if next < 0 || strings.Trim(spec[at:at+next], " \t\n\v\f\r") != "" {
				t.Fatalf("%q: argument %d, %q, does not follow", spec, i, a.Text)
			}
			if unsafe.StringData(a.Text) != unsafe.StringData(spec[at+next:]) {
				t.Errorf("%q: argument %d is a copy", spec, i)
			}
			at += next + len(a.Text)
			check(t, m, a)
		}
		if len(args) > 0 && strings.Trim(spec[at:], " \t\n\v\f\r") != "" {
			t.Errorf("%q: %q is left over", spec, spec[at:])
		}
		// One argument alone reads as it does in company.
		for _, a := range args {
			b := ParseArg(m.m, m.c, a.Text)
			if a.Err != nil && b.Err != nil {
				a.Err, b.Err = nil, nil
			}
			if a != b {
				t.Errorf("%q: %q reads as %+v, alone as %+v", spec, a.Text, a, b)
			}
		}
		// Nothing of it depends on machines that are not known.
		for _, a := range ParseArgs(elf.EM_IA_64, m.c, spec) {
			if a.Err == nil {
				t.Errorf("%q: read for ia64", a.Text)
			}
		}
	})
}

func machineNames() []string {
	var names []string
	for name := range machines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
