package offset_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

// archive writes a static archive of members: name and bytes by turns.
func archive(t *testing.T, members ...string) string {
	t.Helper()
	b := []byte("!<arch>\n")
	for i := 0; i < len(members); i += 2 {
		b = fmt.Appendf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n%s", members[i]+"/", 0, 0, 0, "644", len(members[i+1]), members[i+1])
		b = append(b, "\n"[:len(b)%2]...)
	}
	path := filepath.Join(t.TempDir(), "lib.a")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// An object file, and an archive of it, name the functions of a program that was linked from another build of it.
func TestObjectReference(t *testing.T) {
	object := testbin.Path(t, "amd64/probe.o")
	in := archive(t, "probe.o", string(testbin.Read(t, "amd64/probe.o")), "notes", "not an object")
	named := openTarget(t, "amd64/probe-pie", nil)
	stripped := openTarget(t, "amd64/probe-stripped", &offset.Options{OwnTables: true})
	for _, path := range []string{object, in} {
		ref, problems, err := offset.OpenReference(t.Context(), path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if path == object && len(problems) > 0 || path == in && (len(problems) != 1 || !strings.Contains(problems[0].Error(), `member "notes": no object file`)) {
			t.Errorf("%s: problems %v", path, problems)
		}
		if b := ref.Builds(); len(b) != 1 || b[0].Path != path || b[0].Functions < 25 {
			t.Errorf("builds %+v", b)
		}
		var saved bytes.Buffer
		if _, err := ref.Save(&saved); err != nil {
			t.Fatal(err)
		}
		again, err := offset.ReadReference(&saved)
		if err != nil {
			t.Fatal(err)
		}
		for _, ref := range []*offset.Reference{ref, again} {
			found, problems, err := offset.Match(t.Context(), ref, stripped, nil)
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
				right := false
				for _, l := range res[0].Locations {
					right = right || l.Addr == tw.Location.Addr
				}
				if err != nil || !right {
					t.Errorf("%s is said to be at 0x%x: %v", tw.Name, uint64(tw.Location.Addr), err)
				}
			}
			if certain < 25 {
				t.Errorf("%d functions are certain, of %d", certain, len(found))
			}
		}
	}
}

func TestObjectReferenceErrors(t *testing.T) {
	thin := filepath.Join(t.TempDir(), "thin.a")
	if err := os.WriteFile(thin, []byte("!<thin>\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		thin:                                     "a thin archive",
		archive(t):                               "no object file with code",
		archive(t, "notes", "text"):              `member "notes": no object file`,
		testbin.Path(t, "s390x/probe-pie"):       offset.ErrNoMatching.Error(),
		archive(t, "s.o", string(s390Object(t))): "of another machine, class or byte order",
	} {
		ref, _, err := offset.OpenReference(t.Context(), path, nil)
		if ref != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	// Limits are for members too.
	in := archive(t, "probe.o", string(testbin.Read(t, "amd64/probe.o")))
	if _, _, err := offset.OpenReference(t.Context(), in, &offset.Options{Limits: elfsym.Limits{Sections: 2}}); !errors.Is(err, elfsym.ErrLimit) {
		t.Errorf("three sections, two allowed: %v", err)
	}
}

// s390Object is a program made to look like an object of its machine.
func s390Object(t *testing.T) []byte {
	b := bytes.Clone(testbin.Read(t, "s390x/probe-pie"))
	b[17] = 1
	return b
}
