package consumer

import (
	"debug/elf"
	"fmt"
	"slices"
	"strings"

	"github.com/probels/probels/usdt/operand"
)

// A Consumer is a tool that attaches to USDT probes and reads their arguments.
type Consumer uint8

// The consumers that are known.
const (
	Libbpf Consumer = iota
	Bpftrace
	BCC
	Perf
	SystemTap
	GDB
)

var names = [...]string{"libbpf", "bpftrace", "bcc", "perf", "systemtap", "gdb"}

// String is the consumer's name as Parse reads it: "libbpf", "bpftrace".
func (c Consumer) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("consumer %d", uint8(c))
}

// All returns every consumer, in a fixed order.
func All() []Consumer { return []Consumer{Libbpf, Bpftrace, BCC, Perf, SystemTap, GDB} }

// Parse reads names separated by commas: "libbpf,gdb". "all" is all of them,
// and "stap" is SystemTap.
func Parse(s string) ([]Consumer, error) {
	var out []Consumer
	for word := range strings.SplitSeq(s, ",") {
		word = strings.ToLower(strings.TrimSpace(word))
		if word == "all" {
			return All(), nil
		}
		if word == "stap" {
			word = "systemtap"
		}
		i := slices.Index(names[:], word)
		if i < 0 {
			return nil, fmt.Errorf("no consumer %q: %s, all", word, strings.Join(names[:], ", "))
		}
		if c := Consumer(i); !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out, nil
}

// A Verdict says what a consumer makes of an argument.
type Verdict uint8

const (
	Reads    Verdict = iota // it gets the value
	Misreads                // it gets a wrong value, and says nothing
	Fails                   // it gets no value
)

// String is "reads", "misreads" or "fails".
func (v Verdict) String() string { return [...]string{"reads", "misreads", "fails"}[min(v, Fails)] }

// A Program is what must be known of the file that has the probe.
type Program struct {
	Machine elf.Machine
	Class   elf.Class

	// Type is the ELF header's: in a file that is loaded anywhere (ET_DYN) an
	// address is not known before the program runs.
	Type elf.Type

	// Defines reports whether the file's symbol tables have the address of a
	// symbol that an operand names. nil means that they do.
	Defines func(symbol string) bool
}

// A Finding is what a consumer makes of one argument.
type Finding struct {
	Verdict Verdict
	Reason  string // "" where it reads the value
}

// Judge tells what c makes of the arguments of one site: a Finding for each
// argument that package operand finds in spec, in their order. Time is linear
// in the text.
func Judge(c Consumer, p Program, spec string) []Finding {
	args := operand.ParseArgs(p.Machine, p.Class, spec)
	out := make([]Finding, len(args))
	if len(args) == 0 {
		return out
	}
	if c == Libbpf {
		libbpf(p, args, spec, out)
		return out
	}
	judge := map[Consumer]func(Program, *operand.Arg) Finding{
		Bpftrace: bpftrace, BCC: bcc, Perf: perf, SystemTap: systemtap, GDB: gdb,
	}[c]
	for i := range args {
		if judge == nil {
			out[i] = fails("%s is not known", c)
			continue
		}
		out[i] = judge(p, &args[i])
	}
	if c == BCC || c == Bpftrace {
		byNumber(c, p, out)
	}
	return out
}

// reads is the Finding for a value that arrives as it is.
var reads = Finding{}

func fails(format string, args ...any) Finding {
	return Finding{Fails, fmt.Sprintf(format, args...)}
}

func misreads(format string, args ...any) Finding {
	return Finding{Misreads, fmt.Sprintf(format, args...)}
}

// machineOf is how reasons name a machine.
func machineOf(p Program) string {
	return strings.ToLower(strings.TrimPrefix(p.Machine.String(), "EM_"))
}

// number reports whether a size is that of a number that all tools know.
func number(size int) bool { return size == 1 || size == 2 || size == 4 || size == 8 }

// body is an argument's text without "N@".
func body(a *operand.Arg) string {
	if a.NoSize {
		return a.Text
	}
	_, rest, _ := strings.Cut(a.Text, "@")
	return strings.TrimLeft(rest, " \t")
}

// defines reports whether the file has a symbol's address.
func (p Program) defines(symbol string) bool {
	// ".LANCHOR0", ".LC1": labels that assemblers forget.
	return !strings.HasPrefix(symbol, ".L") && (p.Defines == nil || p.Defines(symbol))
}
