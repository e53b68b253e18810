package confirm

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/probels/probels/elfsym"
)

// A report is what readelf says about one file.
type report struct {
	machine, typ string
	is64         bool
	sections     map[int]section
	loads        []segment
	symbols      map[elfsym.Source][]symbol
	sites        []site
	opd          descriptors
	buildID      string
	warnings     []string
}

type section struct {
	name, typ, flags string
	addr, off, size  uint64
}

// descriptors are the function descriptors of 64-bit PowerPC ELFv1, which readelf does not print.
type descriptors struct {
	addr uint64
	data []byte
}

type segment struct {
	off, addr, fileSize, memSize uint64
	exec, write                  bool
}

type symbol struct {
	index          uint32
	value, size    uint64
	typ, bind, vis string
	other, ndx     string
	name           string // with its version
}

type site struct {
	provider, name, args string
	loc, base, semaphore uint64
}

// readelf runs "readelf -W" (without it, names are cut) once, with all that is compared.
func readelf(t testing.TB, tool, path string) *report {
	t.Helper()
	cmd := exec.Command(tool, "-W", "--file-header", "--segments", "--sections", "--syms", "--notes", path)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "DEBUGINFOD_URLS=")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &report{sections: map[int]section{}, symbols: map[elfsym.Source][]symbol{}}
	in := bufio.NewScanner(out)
	in.Buffer(make([]byte, 1<<20), 1<<26) // a C++ name can have hundreds of kilobytes
	var table elfsym.Source
	for in.Scan() {
		line := in.Text()
		if s, ok := strings.CutPrefix(line, "Symbol table '"); ok {
			name, _, _ := strings.Cut(s, "'")
			table = map[string]elfsym.Source{".symtab": elfsym.Symtab, ".dynsym": elfsym.Dynsym}[name]
			continue
		}
		if line == "" {
			table = 0
		}
		if table != 0 {
			s, err := parseSymbol(line)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			} else if s != nil {
				r.symbols[table] = append(r.symbols[table], *s)
			}
			continue
		}
		r.line(line)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // a warning is status 1
	for line := range strings.Lines(stderr.String()) {
		r.warnings = append(r.warnings, strings.TrimSpace(line))
	}
	if err := r.readDescriptors(path); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *report) readDescriptors(path string) error {
	for _, s := range r.sections {
		if s.name != ".opd" || s.typ == "NOBITS" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		r.opd = descriptors{s.addr, make([]byte, s.size)}
		_, err = f.ReadAt(r.opd.data, int64(s.off))
		return err
	}
	return nil
}

var (
	sectionLine = regexp.MustCompile(`^  \[ *(\d+)\] (.*?) +([A-Z][A-Z0-9_]*|[0-9a-f]+: <unknown>|[A-Z+0-9a-fx]+) +([0-9a-f]{8,16}) ([0-9a-f]{6,}) ([0-9a-f]{6,}) ([0-9a-f]{2,}) ([A-Za-z ]{3}) +\d+ +\d+ +\d+$`)
	loadLine    = regexp.MustCompile(`^  LOAD +0x([0-9a-f]+) 0x([0-9a-f]+) 0x[0-9a-f]+ 0x([0-9a-f]+) 0x([0-9a-f]+) (.)(.)(.) 0x`)
	placeLine   = regexp.MustCompile(`^    Location: 0x([0-9a-f]+), Base: 0x([0-9a-f]+), Semaphore: 0x([0-9a-f]+)$`)
)

// line reads a line that is no symbol's.
func (r *report) line(line string) {
	text := strings.TrimSpace(line)
	last := len(r.sites) - 1
	if m := sectionLine.FindStringSubmatch(line); m != nil {
		i, _ := strconv.Atoi(m[1])
		r.sections[i] = section{m[2], m[3], strings.TrimSpace(m[8]), hexNumber(m[4]), hexNumber(m[5]), hexNumber(m[6])}
		return
	}
	if m := loadLine.FindStringSubmatch(line); m != nil {
		r.loads = append(r.loads, segment{hexNumber(m[1]), hexNumber(m[2]), hexNumber(m[3]), hexNumber(m[4]), m[7] == "E", m[6] == "W"})
		return
	}
	if s, ok := strings.CutPrefix(text, "Machine:"); ok {
		r.machine = strings.TrimSpace(s)
	} else if s, ok := strings.CutPrefix(text, "Class:"); ok {
		r.is64 = strings.TrimSpace(s) == "ELF64"
	} else if s, ok := strings.CutPrefix(text, "Type:"); ok && r.typ == "" {
		r.typ, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	} else if _, s, ok := strings.Cut(line, "Build ID: "); ok {
		r.buildID = strings.TrimSpace(s)
	} else if _, s, ok := strings.Cut(line, "Provider: "); ok && strings.Contains(line, "NT_STAPSDT") || strings.HasPrefix(line, "    Provider: ") {
		r.sites = append(r.sites, site{provider: s})
	} else if last >= 0 {
		if s, ok := strings.CutPrefix(line, "    Name: "); ok {
			r.sites[last].name = s
		} else if m := placeLine.FindStringSubmatch(line); m != nil {
			r.sites[last].loc, r.sites[last].base, r.sites[last].semaphore = hexNumber(m[1]), hexNumber(m[2]), hexNumber(m[3])
		} else if s, ok := strings.CutPrefix(line, "    Arguments: "); ok {
			r.sites[last].args = s
		}
	}
}

func hexNumber(s string) uint64 {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// parseSymbol reads a line of a symbol table; nil for the heading. The visibility may be followed by
// what else st_other has, in brackets, and an undefined name by its version's number.
func parseSymbol(line string) (*symbol, error) {
	rest := strings.TrimLeft(line, " ")
	num, rest, ok := strings.Cut(rest, ": ")
	index, err := strconv.ParseUint(num, 10, 32)
	if !ok || err != nil {
		if strings.HasPrefix(line, "   Num:") {
			return nil, nil
		}
		return nil, fmt.Errorf("readelf's line %q", line)
	}
	s := &symbol{index: uint32(index)}
	field := func() (f string) {
		rest = strings.TrimLeft(rest, " ")
		if strings.HasPrefix(rest, "<") { // "<processor specific>: 13"
			f, rest, _ = strings.Cut(rest, ">: ")
			n, more, _ := strings.Cut(rest, " ")
			rest = more
			return f + ">: " + n
		}
		f, rest, _ = strings.Cut(rest, " ")
		return f
	}
	value, size := field(), field()
	s.typ, s.bind, s.vis = field(), field(), field()
	if rest = strings.TrimLeft(rest, " "); strings.HasPrefix(rest, "[") {
		s.other, rest, _ = strings.Cut(rest[1:], "]")
	}
	s.ndx = field()
	s.name = rest
	if i := strings.LastIndex(rest, " ("); i > 0 && strings.HasSuffix(rest, ")") && strings.Contains(rest[:i], "@") {
		s.name = rest[:i]
	}
	switch s.typ {
	case "THUMB_FUNC": // STT_ARM_TFUNC
		s.typ = "FUNC"
	case "<OS specific>: 10": // STT_GNU_IFUNC in a file that does not say that it is for GNU
		s.typ = "IFUNC"
	}
	if s.bind == "<OS specific>: 10" { // STB_GNU_UNIQUE, likewise
		s.bind = "UNIQUE"
	}
	s.value, err = strconv.ParseUint(value, 16, 64)
	if err == nil {
		s.size, err = strconv.ParseUint(size, 0, 64) // hexadecimal, with 0x, from 100000 on
	}
	if err != nil {
		return nil, fmt.Errorf("readelf's line %q: %w", line, err)
	}
	return s, nil
}
