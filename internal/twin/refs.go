package twin

import (
	"debug/elf"
	"errors"
	"slices"
	"strings"

	"github.com/probels/probels/elfsym"
)

// places says what is at the addresses of a file.
type places struct {
	mem   *memory
	funcs []Func // by address
	parts []span // code moved away from its function, by address

	stubs   map[uint64]string         // PLT entries, by the name called
	slots   map[uint64]elfsym.Pointer // words that the loader fills in by name
	own     map[string]uint64         // functions that the file defines in .dynsym
	vars    map[uint64]string         // another file's variables that are copied here
	pointer []elfsym.Pointer          // words with an address of this file
	data    map[uint64]struct{}       // addresses outside of the code that were referred to
	number  []uint64                  // the same, sorted: their index is their number
}

type span struct{ start, end uint64 }

// maxPointerWords bounds the words of data that are looked at for addresses.
const maxPointerWords = 4 << 20

func newPlaces(f *elfsym.File, mem *memory) (*places, error) {
	p := &places{mem: mem, stubs: map[uint64]string{}, slots: map[uint64]elfsym.Pointer{}, own: map[string]uint64{},
		vars: map[uint64]string{}, data: map[uint64]struct{}{}}
	var errs []error
	for s, err := range f.Symbols(elfsym.Dynsym) {
		if err != nil {
			continue // told by who reads the names
		}
		if s.IsFunc() && s.Name != "" {
			p.own[s.Name] = uint64(s.Addr)
		}
	}
	for s, err := range f.Symbols(elfsym.PLT) {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.stubs[uint64(s.Addr)] = strings.TrimSuffix(s.Name, "@plt")
	}
	for ptr, err := range f.Pointers() {
		switch {
		case err != nil:
			errs = append(errs, err)
		case ptr.Copy:
			p.vars[uint64(ptr.At)] = ptr.Name
		case ptr.Name != "":
			p.slots[uint64(ptr.At)] = ptr
			fallthrough
		default:
			if ptr.To != 0 && len(p.pointer) < maxPointerWords {
				p.pointer = append(p.pointer, ptr)
			}
		}
	}
	if f.Type() == elf.ET_EXEC {
		p.scanWords()
	}
	slices.SortFunc(p.pointer, func(a, b elfsym.Pointer) int {
		switch {
		case a.At < b.At:
			return -1
		case a.At > b.At:
			return 1
		}
		return 0
	})
	p.pointer = slices.CompactFunc(p.pointer, func(a, b elfsym.Pointer) bool { return a.At == b.At })
	return p, errors.Join(errs...)
}

// scanWords takes words of data that may be addresses for such: a program that is
// not position independent has no relocations for them.
func (p *places) scanWords() {
	var buf [4096]byte
	for _, a := range p.mem.areas {
		if a.code {
			continue
		}
		for at := (a.start + 7) &^ 7; at+8 <= a.end; {
			b := p.mem.read(at, len(buf))
			if len(b) < 8 {
				break
			}
			b = b[:len(b)&^7]
			for k := 0; k < len(b); k += 8 {
				v := uint64(b[k]) | uint64(b[k+1])<<8 | uint64(b[k+2])<<16 | uint64(b[k+3])<<24 | uint64(b[k+4])<<32 | uint64(b[k+5])<<40
				if b[k+6]|b[k+7] != 0 || v < 0x1000 || p.mem.at(v) == nil {
					continue
				}
				if len(p.pointer) >= maxPointerWords {
					return
				}
				p.pointer = append(p.pointer, elfsym.Pointer{At: elfsym.Addr(at + uint64(k)), To: elfsym.Addr(v)})
			}
			at += uint64(len(b))
		}
	}
}

// function is the function that begins at an address.
func (p *places) function(addr uint64) (int, bool) {
	return slices.BinarySearchFunc(p.funcs, addr, func(f Func, addr uint64) int {
		switch {
		case f.Addr < addr:
			return -1
		case f.Addr > addr:
			return 1
		}
		return 0
	})
}

// called is a reference to a name: another file's, or a function of this one
// that is called by its name so that another file may take its place.
func (p *places) called(name string, call bool) Ref {
	if at, ok := p.own[name]; ok {
		if i, ok := p.function(at); ok {
			return Ref{RefFunc, call, false, uint64(i)}
		}
	}
	return Ref{RefImport, call, false, hashText(name)}
}

// resolve says what a reference refers to.
func (p *places) resolve(r rawRef) Ref {
	if i, ok := p.function(r.addr); ok {
		return Ref{RefFunc, r.call, r.cond, uint64(i)}
	}
	if name, ok := p.stubs[r.addr]; ok {
		return p.called(name, true)
	}
	if slot, ok := p.slots[r.addr]; ok {
		if _, known := p.own[slot.Name]; slot.To == 0 || known {
			return p.called(slot.Name, r.call)
		}
		return p.address(uint64(slot.To), r)
	}
	if name, ok := p.vars[r.addr]; ok {
		return Ref{RefImport, r.call, false, hashText(name)}
	}
	return p.address(r.addr, r)
}

// address is what is at an address that nothing names.
func (p *places) address(addr uint64, r rawRef) Ref {
	if p.part(addr) {
		return Ref{RefPart, r.call, false, 0}
	}
	a := p.mem.at(addr)
	switch {
	case a == nil:
		return Ref{RefOther, r.call, false, 0}
	case !a.data && !r.call:
		if r.load {
			var b [16]byte
			if w := b[:min(r.width, 16)]; len(w) > 0 && !a.code && p.mem.readAll(w, addr) {
				return Ref{RefValue, false, false, uint64(seed.bytes(w))}
			}
		} else if text := p.text(addr); text != nil {
			return Ref{RefString, false, false, uint64(seed.bytes(text))}
		}
	}
	if a.code {
		return Ref{RefOther, r.call, false, 0} // within a function, or what is no function's
	}
	p.data[addr] = struct{}{}
	return Ref{RefData, r.call, false, addr}
}

func (p *places) part(addr uint64) bool {
	_, ok := slices.BinarySearchFunc(p.parts, addr, func(s span, addr uint64) int {
		switch {
		case s.start > addr:
			return 1
		case s.end <= addr:
			return -1
		}
		return 0
	})
	return ok
}

// Texts are of this many bytes; longer ones are known by their beginning.
const (
	minText = 3
	maxText = 240
)

// text is the text at an address, up to its NUL; nil if there is none.
func (p *places) text(addr uint64) []byte {
	var buf [maxText]byte
	n := 0
	for n < maxText {
		b := p.mem.read(addr+uint64(n), maxText-n)
		if len(b) == 0 {
			return nil
		}
		for _, c := range b {
			switch {
			case c == 0 && n >= minText:
				return buf[:n]
			case c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != 0x1b && c != 7 && c != 8, c == 0x7f:
				return nil
			}
			buf[n] = c
			n++
		}
	}
	return buf[:]
}

// numberData gives the addresses outside of the code their numbers, and finds the
// words among them that hold a function's address.
func (p *places) numberData(set *Set) {
	p.number = make([]uint64, 0, len(p.data))
	for a := range p.data {
		p.number = append(p.number, a)
	}
	slices.Sort(p.number)
	set.Data = len(p.number)
	for i := range set.Funcs {
		for k := range set.Funcs[i].Refs {
			if r := &set.Funcs[i].Refs[k]; r.Kind == RefData {
				n, _ := slices.BinarySearch(p.number, r.To)
				r.To = uint64(n)
			}
		}
	}
	for k, w := range p.pointer {
		i, ok := p.function(uint64(w.To))
		if !ok {
			continue
		}
		p.row(&set.Funcs[i], k)
		n, found := slices.BinarySearch(p.number, uint64(w.At))
		if !found {
			n--
		}
		if n < 0 || uint64(w.At)-p.number[n] > maxTable {
			continue
		}
		set.Tables = append(set.Tables, Entry{uint32(n), uint32(uint64(w.At) - p.number[n]), uint32(i)})
	}
}

// maxTable is how far, in bytes, a table reaches behind the address by which it is
// known.
const maxTable = 1 << 16

// row notes the texts that stand next to a function's address in a table: tables
// of commands and of methods have their names there.
func (p *places) row(f *Func, k int) {
	at := p.pointer[k].At
	for side, o := range []int{k - 1, k + 1} {
		if o < 0 || o >= len(p.pointer) {
			continue
		}
		if d := p.pointer[o].At - at; d != 8 && d != ^elfsym.Addr(7) {
			continue
		}
		to := uint64(p.pointer[o].To)
		if a := p.mem.at(to); a == nil || a.data || a.code {
			continue
		}
		if text := p.text(to); text != nil && len(f.Refs) < maxRefs {
			f.Rows = append(f.Rows, uint64(digest(seed.add(uint64(side))).bytes(text)))
		}
	}
}
