package licence_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/internal/licence"
)

const (
	bsd2 = "Redistributions in binary form must reproduce the above\n  copyright notice, this list of conditions"
	bsd3 = bsd2 + "\nNeither the name may be used to endorse or promote products derived from\nthis software without specific prior written permission."
	mit  = "Permission is hereby granted, free of charge, to any person obtaining a\ncopy of this software and associated documentation files (the \"Software\")"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"LICENSE", bsd3, "BSD-3-Clause"},
		{"LICENSE.md", mit, "MIT"},
		{"COPYING", bsd2, "BSD-2-Clause"},
		{"license", bsd3 + "\n\n" + mit, "BSD-3-Clause MIT"},
		{"LICENSE", "GNU GENERAL PUBLIC LICENSE Version 3", ""},
		{"README", mit, ""},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, tt.name), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := licence.Of(dir)
		if strings.Join(got, " ") != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, tt.want)
		}
		if err != nil && !errors.Is(err, licence.ErrUnknown) {
			t.Error(err)
		}
	}
	if got, err := licence.Of("../.."); err != nil || strings.Join(got, " ") != "Apache-2.0" {
		t.Errorf("this project: %q, %v", got, err)
	}
}
