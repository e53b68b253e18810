// Package licence tells under which licences a Go module may be given on, by the texts in its directory. It knows
// the few that this project may be linked with; anything else is unknown, which is an error to whoever asks.
package licence

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// ErrUnknown says that a directory has no licence, or none that is known here.
var ErrUnknown = errors.New("no licence that is known")

// texts are sentences that a licence has and others lack, in lower case and with single spaces, under the names of
// SPDX's list. The third clause of BSD's is what tells it from the one of two.
var texts = []struct{ id, sentence string }{
	{"Apache-2.0", "apache license version 2.0"},
	{"BSD-3-Clause", "may be used to endorse or promote products derived from this software without specific prior written permission"},
	{"BSD-2-Clause", "redistributions in binary form must reproduce the above copyright notice"},
	{"MIT", "permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files"},
}

// Of names the licences in a module's LICENSE, LICENCE or COPYING files, sorted. A file with several, for parts
// of the module, has them all.
func Of(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if !e.Type().IsRegular() || !strings.HasPrefix(name, "LICENSE") && !strings.HasPrefix(name, "LICENCE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		ids = append(ids, Known(string(b))...)
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s: %w", dir, ErrUnknown)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Known names the licences whose text is in a text.
func Known(text string) []string {
	text = strings.ToLower(strings.Join(strings.Fields(text), " "))
	var ids []string
	for _, l := range texts {
		if !strings.Contains(text, l.sentence) || l.id == "BSD-2-Clause" && slices.Contains(ids, "BSD-3-Clause") {
			continue
		}
		ids = append(ids, l.id)
	}
	return ids
}
