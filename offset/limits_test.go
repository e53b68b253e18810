package offset_test

import (
	"errors"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// The limits of the options reach whatever is opened: the file, its DWARF, and its debug file.
func TestLimits(t *testing.T) {
	names := func(o *offset.Options, name string) (err error) {
		tg, err := offset.Open(testbin.Path(t, name), o)
		if err != nil {
			return err
		}
		defer tg.Close()
		n := 0
		for _, e := range tg.Probes(t.Context(), offset.Query{Kinds: offset.KindFunc}) {
			if n++; e != nil {
				err = e
			}
		}
		if err == nil && n == 0 {
			t.Errorf("%s: nothing is listed", name)
		}
		return err
	}
	if err := names(nil, "amd64/probe-pie"); err != nil {
		t.Fatal(err)
	}
	if err := names(&offset.Options{Limits: elfsym.Limits{Table: 16}}, "amd64/probe-pie"); !errors.Is(err, elfsym.ErrLimit) {
		t.Errorf("a table of 16 bytes: %v", err)
	}
	lines := func(o *offset.Options) error {
		tg, err := offset.Open(testbin.Path(t, "amd64/probe-dwarf4"), o)
		if err != nil {
			return err
		}
		defer tg.Close()
		d, err := tg.DWARF(t.Context())
		if err != nil {
			return err
		}
		for _, err := range d.Funcs() {
			if err != nil {
				return err
			}
		}
		return nil
	}
	if err := lines(nil); err != nil {
		t.Error(err)
	}
	if err := lines(&offset.Options{DWARF: dwarfinfo.Limits{Unit: 16}}); !errors.Is(err, dwarfinfo.ErrLimit) {
		t.Errorf("a unit of 16 bytes: %v", err)
	}
	// In .gnu_debugdata are the names of a stripped file.
	for _, o := range []*offset.Options{
		{Debug: &debuglink.Options{Limits: debuglink.Limits{MiniDebug: 16}}},
		{Debug: &debuglink.Options{Limits: debuglink.Limits{ELF: elfsym.Limits{Table: 16}}}},
	} {
		if err := names(o, "amd64/probe-minidebug"); err == nil {
			t.Errorf("%+v: no error", o.Debug.Limits)
		}
	}
}
