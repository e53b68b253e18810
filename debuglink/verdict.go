package debuglink

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/inroot"
)

// Why a file is not the one that was looked for. Errors of this package wrap
// one of these, or one of elfsym's or io/fs's; test with errors.Is.
var (
	ErrNotFound     = errors.New("not found")
	ErrWrongBuildID = errors.New("wrong build-id")
	ErrWrongCRC     = errors.New("wrong CRC")
	ErrUnproved     = errors.New("nothing to verify it by")
	ErrSameFile     = errors.New("the file itself")
	ErrOtherMachine = errors.New("for another machine")
	ErrEmpty        = errors.New("neither symbols nor DWARF")
	ErrDebugOnly    = errors.New("a separate debug file")
	ErrNoMiniDebug  = errors.New("no .gnu_debugdata")
)

// A Verdict is the outcome of one try in a word or two, for people and JSON.
type Verdict string

// The verdicts.
const (
	Good         Verdict = "found"
	Absent       Verdict = "absent"
	NoPermission Verdict = "no permission"
	NotRegular   Verdict = "not a regular file"
	SameFile     Verdict = "same file"
	NotELF       Verdict = "not ELF"
	Truncated    Verdict = "truncated"
	Damaged      Verdict = "damaged"
	OtherMachine Verdict = "other machine"
	WrongBuildID Verdict = "wrong build-id"
	WrongCRC     Verdict = "wrong CRC"
	Unproved     Verdict = "unproved"
	Empty        Verdict = "empty"
	DebugOnly    Verdict = "debug file"
	TooLarge     Verdict = "over the limit"
	Failed       Verdict = "failed"
)

// A Try is one place that was looked at.
type Try struct {
	Place
	Verdict Verdict
	Err     error // nil if found
}

func (t Try) String() string {
	s := fmt.Sprintf("%s (%s): ", t.Path, t.How)
	if t.Err == nil || t.Verdict == Absent {
		return s + string(t.Verdict)
	}
	return s + t.Err.Error()
}

var verdicts = []struct {
	err error
	is  Verdict
}{
	{ErrSameFile, SameFile},
	{ErrWrongBuildID, WrongBuildID},
	{ErrWrongCRC, WrongCRC},
	{ErrUnproved, Unproved},
	{ErrOtherMachine, OtherMachine},
	{ErrEmpty, Empty},
	{ErrDebugOnly, DebugOnly},
	{elfsym.ErrNotELF, NotELF},
	{elfsym.ErrNotRegular, NotRegular},
	{elfsym.ErrTruncated, Truncated},
	{elfsym.ErrDamaged, Damaged},
	{elfsym.ErrLimit, TooLarge},
	{fs.ErrPermission, NoPermission},
	{fs.ErrNotExist, Absent},
	{errNotDir, Absent},
	{inroot.ErrTooManyLinks, Failed},
}

func newTry(p Place, err error) Try {
	t := Try{Place: p, Verdict: Good, Err: err}
	if err == nil {
		return t
	}
	// The place is named once, by the Try.
	var pe *fs.PathError
	if errors.As(err, &pe) && error(pe) == err {
		t.Err = pe.Err
	}
	t.Verdict = Failed
	for _, v := range verdicts {
		if errors.Is(err, v.err) {
			t.Verdict = v.is
			break
		}
	}
	return t
}

// A NotFoundError says that there is no debug file, supplementary file or
// executable, what was looked at, and what each place had. It wraps ErrNotFound
// and the errors of all tries, so that errors.Is(err, ErrWrongBuildID) tells
// whether any place had a file of another build.
type NotFoundError struct {
	What    string // "debug file", "supplementary file", "executable"
	Path    string // of the file that it was looked for
	BuildID []byte
	Link    *Link   // nil if the file has none
	Tries   []Try   // in order
	Notes   []error // what else stood in the way: a damaged link, say
}

func (e *NotFoundError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: no %s", e.Path, e.What)
	switch {
	case len(e.Tries) == 0 && e.BuildID == nil && e.Link == nil:
		b.WriteString(": the file has neither a build-id nor a debug link")
	case len(e.Tries) == 0:
		b.WriteString(": there was no place to look at")
	default:
		if e.BuildID != nil {
			fmt.Fprintf(&b, " for build-id %s", hex.EncodeToString(e.BuildID))
		}
		fmt.Fprintf(&b, ": %d places tried", len(e.Tries))
	}
	shown := 0
	for _, t := range e.Tries {
		if t.Verdict == Absent || t.Verdict == SameFile {
			continue
		}
		if shown++; shown > 3 {
			b.WriteString("; …")
			break
		}
		fmt.Fprintf(&b, "; %v", t)
	}
	for _, n := range e.Notes {
		fmt.Fprintf(&b, "; %v", n)
	}
	return b.String()
}

// Unwrap gives ErrNotFound and what the tries and notes wrap.
func (e *NotFoundError) Unwrap() []error {
	errs := []error{ErrNotFound}
	for _, t := range e.Tries {
		if t.Err != nil && t.Verdict != Absent {
			errs = append(errs, t.Err)
		}
	}
	return append(errs, e.Notes...)
}
