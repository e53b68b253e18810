// Package paste writes probes as lines that other tools take: a bpftrace program,
// perf probe commands, tracefs definitions, C for libbpf, Go for cilium/ebpf.
//
// Each says as much as its tool can read: the arguments by name, as the types
// that they have. What a tool cannot read is left out, and a comment beside it
// says so and why.
package paste

import (
	"debug/elf"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt/consumer"
	"github.com/probels/probels/usdt/operand"
)

// A Probe is one place to attach to.
type Probe struct {
	Path string

	// Provider is set for a site of a USDT probe. Else Name is a function, as the
	// file spells it, perhaps with a Version, or "" where none covers the place.
	Provider, Name, Version string

	// Addend is how far behind the function's beginning the place is.
	Addend uint64

	// Shared says that the file has other functions of this name, and Unlisted that
	// it is in no symbol table that other tools read: only the address tells them
	// which is meant.
	Shared, Unlisted bool

	Addr   elfsym.Addr
	Offset elfsym.Offset
	RefCtr elfsym.Offset // of a semaphore, 0 if there is none

	// Args are where the values are, at this place. Names and Types, as the source
	// has them, are as many or none; "" is one that is not known.
	Args         []operand.Arg
	Names, Types []string

	Program consumer.Program

	// Symbol is the address of a variable that an operand names.
	Symbol func(name string) (elfsym.Addr, bool)
}

// A Format is one of the tools.
type Format string

// The formats that Write knows.
const (
	Bpftrace     Format = "bpftrace"
	Perf         Format = "perf"
	UprobeEvents Format = "uprobe_events"
	Libbpf       Format = "libbpf"
	Cilium       Format = "cilium"
)

// Formats are all of them.
func Formats() []Format { return []Format{Bpftrace, Perf, UprobeEvents, Libbpf, Cilium} }

// ParseFormat reads a format's name.
func ParseFormat(s string) (Format, error) {
	if slices.Contains(Formats(), Format(s)) {
		return Format(s), nil
	}
	return "", fmt.Errorf("no format %q: bpftrace, perf, uprobe_events, libbpf, cilium", s)
}

// Write writes probes, which are sorted: the sites of a USDT probe stand together.
// Whatever is in their names, each is written on lines of its own, of printable
// characters.
func Write(w io.Writer, f Format, probes []Probe) error {
	p := &printer{event: map[string]int{}, judged: map[*Probe][]consumer.Finding{}}
	switch f {
	case Bpftrace:
		p.each(probes, p.bpftrace)
	case Perf:
		p.perf(probes)
	case UprobeEvents:
		for i := range probes {
			p.uprobeEvent(&probes[i])
		}
	case Libbpf:
		p.each(probes, p.libbpf)
	case Cilium:
		p.cilium(probes)
	default:
		return fmt.Errorf("no format %q", f)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

type printer struct {
	strings.Builder
	event map[string]int // names given so far

	// What the format's tool makes of each site's arguments: asked once, for it reads
	// the whole text.
	judged map[*Probe][]consumer.Finding
}

func (p *printer) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// each calls write for each probe that has a name of its own: tools attach to all
// sites of a USDT probe by its name, and to all functions of one name.
func (p *printer) each(probes []Probe, write func(sites []Probe)) {
	for len(probes) > 0 {
		n := 1
		for n < len(probes) && probes[n].same(&probes[0]) {
			n++
		}
		write(probes[:n])
		probes = probes[n:]
	}
}

func (pr *Probe) same(other *Probe) bool {
	if pr.Provider == "" && pr.Addr != other.Addr {
		return false
	}
	return pr.Path == other.Path && pr.Provider == other.Provider && pr.Name == other.Name && pr.Addend == other.Addend && pr.Name != "" && pr.Version == other.Version
}

// title is how comments and messages name a probe.
func (pr *Probe) title() string {
	switch {
	case pr.Provider != "":
		return pr.Provider + ":" + pr.Name
	case pr.Name == "":
		return fmt.Sprintf("0x%x", uint64(pr.Addr))
	}
	name := pr.Name
	if pr.Version != "" {
		name += "@" + pr.Version
	}
	if pr.Addend != 0 {
		name += fmt.Sprintf("+0x%x", pr.Addend)
	}
	return name
}

// label is an argument's name, fit for every language: no word of C, none that
// tracefs has for its own fields or that is longer than its 31 characters
// (MAX_ARG_NAME_LEN), and no other argument's.
func (pr *Probe) label(i int) string {
	plain := "arg" + strconv.Itoa(i)
	if i >= len(pr.Names) {
		return plain
	}
	name := pr.Names[i]
	if name == "" || len(name) > 31 || identifier(name) != name || reserved()[name] || strings.HasPrefix(name, "common_") || strings.HasPrefix(name, "arg") {
		return plain
	}
	for k := range pr.Names {
		if k != i && pr.Names[k] == name {
			return plain
		}
	}
	return name
}

var reserved = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(`auto break case char const continue default do double else enum extern float for goto if inline int long
		register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while _Bool bool ctx
		__probe_ip __probe_ret_ip __probe_func FIELD_IP FIELD_RETIP FIELD_FUNC`) {
		m[w] = true
	}
	return m
})

func (pr *Probe) isString(i int) bool {
	if i >= len(pr.Types) {
		return false
	}
	t := strings.ReplaceAll(strings.ReplaceAll(pr.Types[i], "const ", ""), " ", "")
	return t == "char*" || t == "charconst*"
}

// unread says why a tool does not get argument i, "" if it does.
func (p *printer) unread(pr *Probe, who consumer.Consumer, i int) string {
	if pr.Args[i].Err != nil {
		return pr.Args[i].Err.Error()
	}
	found, ok := p.judged[pr]
	if !ok {
		specs := make([]string, len(pr.Args))
		for k := range pr.Args {
			specs[k] = pr.Args[k].Text
		}
		found = consumer.Judge(who, pr.Program, strings.Join(specs, " "))
		p.judged[pr] = found
	}
	if i < len(found) {
		return found[i].Reason
	}
	return ""
}

// eventName is a name of letters, digits and "_" that no other probe has.
func (p *printer) eventName(pr *Probe) string {
	name := pr.Name
	if pr.Provider != "" {
		name = pr.Provider + "_" + name
	}
	if name == "" {
		name = fmt.Sprintf("at_%x", uint64(pr.Addr))
	}
	name = identifier(name)
	if pr.Addend != 0 {
		name = fmt.Sprintf("%s_%x", name, pr.Addend)
	}
	const longest = 58 // the kernel's MAX_EVENT_NAME_LEN is 64
	if len(name) > longest {
		name = name[:longest]
	}
	p.event[name]++
	if n := p.event[name]; n > 1 {
		name = fmt.Sprintf("%s_%d", name, n)
	}
	return name
}

// identifier makes a name of C, Go and the kernel's events.
func identifier(s string) string {
	b := []byte(s)
	for i, c := range b {
		if !(c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z') {
			b[i] = '_'
		}
	}
	if len(b) > 0 && '0' <= b[0] && b[0] <= '9' {
		b = append([]byte{'_'}, b...)
	}
	return string(b)
}

// oneLine makes a text fit for a comment: printable, on one line.
func oneLine(s string) string {
	q := strconv.Quote(s)
	return strings.ReplaceAll(q[1:len(q)-1], `\"`, `"`)
}

// cString is a text within the quotes of C's and bpftrace's strings. Octal, as a
// hexadecimal escape in C takes all the digits that follow.
func cString(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ', c >= 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// cFormat is that of a format.
func cFormat(s string) string { return strings.ReplaceAll(cString(s), "%", "%%") }

// printable reports whether a text has printable ASCII only.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// intType is the C type of an argument: the kernel's and bpftrace's words.
func intType(a *operand.Arg, signed, unsigned string) string {
	if a.Signed {
		return fmt.Sprintf(signed, 8*a.Size)
	}
	return fmt.Sprintf(unsigned, 8*a.Size)
}

func is32(m consumer.Program) bool { return m.Class == elf.ELFCLASS32 }
