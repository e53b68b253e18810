package pkghint

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/probels/probels/elfsym"
)

// A Note is what .note.package says: strings as whoever built the file wrote
// them, which proves nothing.
type Note struct {
	Type         string `json:"type"` // "deb", "rpm", "alpm", …
	OS           string `json:"os"`
	OSVersion    string `json:"osVersion"`
	Name         string `json:"name"` // often the source package's
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	OSCPE        string `json:"osCpe"`
	DebugInfoURL string `json:"debugInfoUrl"` // a debuginfod server
}

// maxNote bounds the JSON text; real ones have some 150 bytes.
const maxNote = 64 << 10

// ReadNote reads the package note; nil if the file has none.
func ReadNote(f *elfsym.File) (*Note, error) {
	for n, err := range f.Notes() {
		if err == nil && n.Name == "FDO" && n.Type == 0xcafe1a7e {
			return parseNote(n.Desc)
		}
	}
	return nil, nil
}

func parseNote(b []byte) (*Note, error) {
	b = bytes.TrimRight(b, "\x00")
	if len(b) > maxNote {
		return nil, fmt.Errorf(".note.package of %d bytes: %w", len(b), elfsym.ErrLimit)
	}
	n := new(Note)
	if err := json.Unmarshal(b, n); err != nil {
		return nil, fmt.Errorf(".note.package: %w (%w)", err, elfsym.ErrDamaged)
	}
	return n, nil
}
