package offset

import (
	"debug/elf"
	"fmt"
	"strings"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
)

// Kind is what a place in a program is known as; a set of them in a Query.
type Kind uint8

const (
	KindUSDT Kind = 1 << iota // a site of a USDT probe
	KindFunc                  // the entry of a function
	KindData                  // a variable: listed, never a place for a probe
	KindAddr                  // an address or offset that somebody gave
	KindPLT                   // an entry of the procedure linkage table, "read@plt"
	KindAnon                  // the start of a function that no symbol names

	KindJIT Kind = 1 << 7 // code compiled just in time: see Process.JIT, a listing has none
)

var kindNames = []struct {
	kind Kind
	name string
}{
	{KindUSDT, "usdt"}, {KindFunc, "uprobe"}, {KindData, "data"}, {KindAddr, "address"}, {KindPLT, "plt"}, {KindAnon, "anon"}, {KindJIT, "jit"},
}

// String is the kind's name on the command line and in JSON: "usdt", "uprobe",
// "data", "plt", "anon"; several are joined by commas.
func (k Kind) String() string {
	var out []string
	for _, n := range kindNames {
		if k&n.kind != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, ",")
}

// ParseKinds reads what String writes, of the kinds that can be listed.
func ParseKinds(s string) (Kind, error) {
	var k Kind
	for word := range strings.SplitSeq(s, ",") {
		found := false
		for _, n := range kindNames {
			if n.name == word && n.kind != KindAddr {
				k |= n.kind
				found = true
			}
		}
		if !found {
			return 0, fmt.Errorf("no kind %q: usdt, uprobe, plt, anon, data, jit", word)
		}
	}
	return k, nil
}

// A Probe is one thing that a listing shows. Which of Site and Symbol is set
// depends on Kind.
type Probe struct {
	Kind    Kind
	Path    string
	BuildID string

	Site   *usdt.Site     // KindUSDT
	Symbol *elfsym.Symbol // all others; for KindAnon its name is its address
	Start  *elfsym.Start  // KindAnon: what says that a function begins there

	// Offset is the place in the file of Symbol.Addr, and EntryOffset of
	// Symbol.Entry(): where the uprobe goes. Both mean nothing if Err is set,
	// and for variables, which no uprobe can be put on.
	Offset, EntryOffset elfsym.Offset

	// Err says why a function or a site has no place in the file.
	Err error

	// Object is set for what a Process lists: the file in the process.
	Object *Object
}

// RuntimeAddr is where the probe is in the process; false if the file was not
// opened from one, if that part of it is not mapped there, or is more than once.
func (p *Probe) RuntimeAddr() (uint64, bool) {
	if p.Kind == KindData || p.Err != nil {
		return 0, false
	}
	return p.Object.only(p.Offset)
}

// Name is the probe's: "provider:name" for USDT, else the symbol's as the file
// spells it, without a version.
func (p *Probe) Name() string {
	if p.Kind == KindUSDT {
		return p.Site.Provider + ":" + p.Site.Name
	}
	return p.Symbol.Name
}

// A Location is one place in one file where a uprobe can be put.
type Location struct {
	Kind    Kind
	Path    string
	BuildID string

	// Provider is set for USDT, Version for a function that has one, and
	// Default where that is its default one. Name is the function's or the
	// probe's; for KindAddr the function's that covers the address, if one does.
	Provider, Name, Version string
	Default                 bool

	// Addr is the link-time address of the instruction and Offset its place in
	// the file: what the kernel wants. They include Addend, the distance from
	// the function's address, and on 64-bit PowerPC the way to its local entry.
	Addr   elfsym.Addr
	Offset elfsym.Offset
	Addend uint64

	// Function is, for KindAddr, where the function begins that the address is
	// in: by a symbol or, where none covers it, by call frame information, and
	// then Name is empty. 0 if nothing tells.
	Function elfsym.Addr

	// Semaphore and RefCtrOffset are the address and the place in the file of a
	// USDT probe's counter; 0 if it has none.
	Semaphore    elfsym.Addr
	RefCtrOffset elfsym.Offset

	// Evidence: where a function's name was found, what it is (an ifunc's
	// address is that of its resolver, which runs once), which source file a
	// static is of, and its size.
	Sources elfsym.Source
	Type    elf.SymType
	Bind    elf.SymBind
	File    string
	Size    uint64

	SizeInferred bool // no table tells the size

	// Line is, for a source line that was asked for, its number; File is then its
	// path. Else 0.
	Line int

	// Confidence is set where the function was found by its like in another build
	// (Match): nothing in this one names it.
	Confidence Confidence

	// Object is set for what a Process resolved: the file in the process.
	Object *Object
}

// RuntimeAddr is where the location is in the process; false if the file was not
// opened from one, if that part of it is not mapped there, or is more than once.
func (l *Location) RuntimeAddr() (uint64, bool) { return l.Object.only(l.Offset) }

// Location is where the probe goes, or the error that it has none.
func (p *Probe) Location() (Location, error) {
	l := Location{Kind: p.Kind, Path: p.Path, BuildID: p.BuildID, Object: p.Object}
	if p.Err != nil {
		return l, fmt.Errorf("%s: %w", p.Name(), p.Err)
	}
	switch p.Kind {
	case KindUSDT:
		s := p.Site
		if s.SemaphoreErr != nil {
			// Without the semaphore the program never reaches the probe.
			return l, fmt.Errorf("%s: semaphore: %w", p.Name(), s.SemaphoreErr)
		}
		l.Provider, l.Name, l.Addr, l.Offset = s.Provider, s.Name, s.Addr, s.Offset
		l.Semaphore, l.RefCtrOffset = s.Semaphore, s.RefCtrOffset
	case KindFunc, KindPLT, KindAnon:
		s := p.Symbol
		l.Name, l.Version, l.Default, l.Addr, l.Offset = s.Name, s.Version, s.Default, s.Entry(), p.EntryOffset
		l.describe(s)
	default:
		return l, fmt.Errorf("%s: a variable, not a place for a uprobe", p.Name())
	}
	return l, nil
}

// describe takes a symbol's evidence over.
func (l *Location) describe(s *elfsym.Symbol) {
	l.Sources, l.Type, l.Bind, l.File, l.Size, l.SizeInferred = s.Source, s.Type, s.Bind, s.File, s.Size, s.SizeInferred
}

// TypeName is a symbol type's name in JSON: "func", "ifunc", "object".
func TypeName(t elf.SymType) string {
	switch t {
	case elf.STT_FUNC:
		return "func"
	case elf.STT_GNU_IFUNC:
		return "ifunc"
	case elf.STT_OBJECT:
		return "object"
	}
	return strings.ToLower(strings.TrimPrefix(t.String(), "STT_"))
}

// BindingName is a symbol binding's name in JSON: "local", "global", "weak".
func BindingName(b elf.SymBind) string {
	if b == elf.STB_LOOS { // STB_GNU_UNIQUE: global, and one for all namespaces
		return "global"
	}
	return strings.ToLower(strings.TrimPrefix(b.String(), "STB_"))
}
