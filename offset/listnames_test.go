package offset_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// checkFuncNames compares the names alone with those of the listing, and the errors.
func checkFuncNames(t *testing.T, tg *offset.Target) (n int) {
	t.Helper()
	var want []string
	wantErrs, errs := map[string]bool{}, map[string]bool{}
	for p, err := range tg.Probes(context.Background(), offset.Query{Kinds: offset.KindFunc}) {
		if err != nil {
			wantErrs[err.Error()] = true
		} else if n := len(want); n == 0 || want[n-1] != p.Symbol.Name {
			want = append(want, p.Symbol.Name)
		}
	}
	var got []string
	for name, err := range tg.FuncNames(context.Background()) {
		if err != nil {
			errs[err.Error()] = true
		} else {
			got = append(got, name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: names\n%q, listed\n%q", tg.Path(), got, want)
	}
	if !maps.Equal(errs, wantErrs) {
		t.Errorf("%s: errors\n%q, listed\n%q", tg.Path(), slices.Sorted(maps.Keys(errs)), slices.Sorted(maps.Keys(wantErrs)))
	}
	return len(got)
}

// checkUSDTNames is the same for USDT probes.
func checkUSDTNames(t *testing.T, tg *offset.Target) (n int) {
	t.Helper()
	var want []string
	wantErrs, errs := map[string]bool{}, map[string]bool{}
	for p, err := range tg.Probes(context.Background(), offset.Query{Kinds: offset.KindUSDT}) {
		if err != nil {
			wantErrs[err.Error()] = true
		} else if name := p.Site.Provider + "\x00" + p.Site.Name; !slices.Contains(want[max(0, len(want)-1):], name) {
			want = append(want, name)
		}
	}
	var got []string
	for name, err := range tg.USDTNames(context.Background()) {
		if err != nil {
			errs[err.Error()] = true
		} else {
			got = append(got, name.Provider+"\x00"+name.Name)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: probes\n%q, listed\n%q", tg.Path(), got, want)
	}
	if !maps.Equal(errs, wantErrs) {
		t.Errorf("%s: errors\n%q, listed\n%q", tg.Path(), slices.Sorted(maps.Keys(errs)), slices.Sorted(maps.Keys(wantErrs)))
	}
	return len(got)
}

func TestNamesAlone(t *testing.T) {
	opened, sources, probes := 0, elfsym.Source(0), 0
	for _, name := range testbin.All(t) {
		tg, err := offset.Open(testbin.Path(t, name), nil)
		if err != nil {
			continue
		}
		defer tg.Close()
		opened++
		probes += checkUSDTNames(t, tg)
		if checkFuncNames(t, tg) == 0 {
			continue
		}
		for p := range tg.Probes(context.Background(), offset.Query{Kinds: offset.KindFunc}) {
			if p.Symbol != nil {
				sources |= p.Symbol.Source
			}
		}
	}
	if opened < 60 || probes < 100 || sources&elfsym.DebugFile == 0 || sources&elfsym.MiniDebug == 0 {
		t.Errorf("%d files, with %d probes, and functions of %s", opened, probes, sources)
	}
}

func TestNamesAloneCancelled(t *testing.T) {
	tg, err := offset.Open(testbin.Path(t, "amd64/probe-pie"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var told error
	for name, err := range tg.FuncNames(ctx) {
		if told = errors.Join(told, err); err == nil {
			t.Errorf("%q", name)
		}
	}
	for name, err := range tg.USDTNames(ctx) {
		if err == nil {
			t.Errorf("%q", name)
		}
	}
	if !errors.Is(told, context.Canceled) {
		t.Error(told)
	}
}
