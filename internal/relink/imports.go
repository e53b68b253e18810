package relink

import (
	"debug/elf"
	"fmt"
	"strconv"
	"strings"
)

// kind says what a symbol turned out to be.
type kind uint8

const (
	here         kind = iota // at addr
	number                   // addr is a number
	imported                 // defined by no member
	gone                     // in a section that was left out
	thread                   // thread-local; addr is its place there
	importThread             // thread-local, and defined by no member
)

// target is what a relocation's symbol turned out to be.
type target struct {
	kind  kind
	addr  uint64
	name  string // of an import
	ifunc bool   // addr is that of a function that tells the address
}

// imports are the words and stubs by which the image refers to what it does not
// have, and to what it has by way of the global offset table.
type imports struct {
	stubAt  map[target]uint64
	slotAt  map[target]uint64
	copyAt  map[string]uint64
	next    uint64 // behind the last slot
	relocs  []dynReloc
	symbols []string // imported
	number  map[string]uint32
	failed  map[failure]int
}

// dynReloc is a relocation for the loader.
type dynReloc struct {
	at     uint64
	typ    uint32
	sym    uint32
	addend uint64
}

// failure is a relocation that was not applied, and why.
type failure struct {
	typ uint32
	why string
}

const (
	unknownType = "of an unknown type"
	outOfRange  = "too far from what they refer to"
	outOfBounds = "beyond the end of their section"
	noSuch      = "of symbols that are not there"
)

func (k *linker) fail(typ uint32, why string) {
	if _, ok := k.failed[failure{typ, why}]; ok || len(k.failed) < 1000 {
		k.failed[failure{typ, why}]++
	}
}

// typeName is a relocation type's name, or its number: package elf adds to the
// name of the one before.
func typeName(typ uint32, name string) string {
	if strings.Contains(name, "+") {
		return strconv.FormatUint(uint64(typ), 10)
	}
	return name
}

// unapplied tells the relocations that were not applied.
func (k *linker) unapplied() {
	byText := map[string]int{}
	for f, n := range k.failed {
		byText[k.m.typeName(f.typ)+"\x00"+f.why] += n
	}
	for _, text := range sortedNames(byText) {
		for i := range text {
			if text[i] == 0 {
				k.problem(fmt.Errorf("%d relocations %s (%s) were not applied", byText[text], text[i+1:], text[:i]))
				break
			}
		}
	}
}

// resolve is what a symbol of a member refers to.
func (k *linker) resolve(no int32, index uint32) (target, bool) {
	o := k.objs[no]
	if uint64(index) >= uint64(len(o.syms)) {
		return target{}, false
	}
	s := &o.syms[index]
	if index == 0 {
		return target{kind: number}, true
	}
	in := no
	local := s.bind == elf.STB_LOCAL || s.name == ""
	if !local {
		d, ok := k.defs[s.name]
		// A member's own definition is its own: which of several another one would get,
		// is a matter of what else is linked. A weak one gives way.
		own := s.sec < common && !o.secs[s.sec].discarded && s.bind != elf.STB_WEAK
		switch {
		case own:
		case ok && d.rank == commonRank:
			return target{addr: k.commons[s.name]}, true
		case ok:
			in, s = d.obj, &k.objs[d.obj].syms[d.sym]
			o = k.objs[in]
		}
	}
	switch {
	case s.sec == undefined && s.name == "_GLOBAL_OFFSET_TABLE_":
		return target{addr: k.bssEnd}, true
	case s.sec == undefined && s.name == "", s.sec == common:
		return target{}, false
	case s.sec == undefined && s.typ == elf.STT_TLS:
		return target{kind: importThread, name: s.name}, true
	case s.sec == undefined:
		return target{kind: imported, name: s.name}, true
	case s.sec == absolute:
		return target{kind: number, addr: s.value}, true
	}
	sec := &o.secs[s.sec]
	switch {
	case sec.discarded && !local:
		return target{kind: imported, name: s.name}, true // its group has no such name elsewhere
	case sec.discarded, sec.class == none:
		return target{kind: gone}, true
	case sec.class == threads, sec.class == threads0:
		return target{kind: thread, addr: sec.addr + s.value}, true
	}
	return target{addr: sec.addr + s.value, ifunc: s.typ == elf.STT_GNU_IFUNC}, true
}

// symbol is the number of an imported symbol among the dynamic ones.
func (k *linker) symbol(name string) uint32 {
	n, ok := k.number[name]
	if !ok {
		k.symbols = append(k.symbols, name)
		n = uint32(len(k.symbols))
		k.number[name] = n
	}
	return n
}

// called is where a call of a target goes.
func (k *linker) called(t target) uint64 {
	if t.kind != imported && !t.ifunc {
		return t.addr
	}
	if at, ok := k.stubAt[t]; ok {
		return at
	}
	at := k.stubs.start + 16*uint64(len(k.stubAt))
	if at >= k.stubs.end {
		return 0 // not reached: there is room for all names
	}
	slot := k.grow(8)
	if t.ifunc {
		k.relocs = append(k.relocs, dynReloc{slot, k.m.irelative, 0, t.addr})
	} else {
		k.relocs = append(k.relocs, dynReloc{slot, k.m.jumpSlot, k.symbol(t.name), 0})
	}
	k.m.stub(k.image[at-k.base:][:16], at, slot)
	k.stubAt[t] = at
	return at
}

// referred is where the address of a target is taken.
func (k *linker) referred(t target) uint64 {
	switch {
	case t.ifunc:
		return k.called(t)
	case t.kind != imported:
		return t.addr
	}
	at, ok := k.copyAt[t.name]
	if !ok {
		at = k.grow(16)
		k.copyAt[t.name] = at
		k.relocs = append(k.relocs, dynReloc{at, k.m.copied, k.symbol(t.name), 0})
	}
	return at
}

// slot is the word of the global offset table with the address of a target.
func (k *linker) slot(t target) uint64 {
	at, ok := k.slotAt[t]
	if ok {
		return at
	}
	at = k.grow(8)
	k.slotAt[t] = at
	switch {
	case t.ifunc:
		k.relocs = append(k.relocs, dynReloc{at, k.m.irelative, 0, t.addr})
	case t.kind == imported:
		k.relocs = append(k.relocs, dynReloc{at, k.m.globDat, k.symbol(t.name), 0})
	case t.kind == here:
		k.relocs = append(k.relocs, dynReloc{at, k.m.relative, 0, t.addr})
	}
	return at
}

// grow makes room behind what was placed.
func (k *linker) grow(n uint64) uint64 {
	at := k.next
	k.next += n
	return at
}

// word is a word of data with an address.
func (k *linker) word(at uint64, t target, addend int64) uint64 {
	switch {
	case t.kind == imported:
		k.relocs = append(k.relocs, dynReloc{at, k.m.symbolic, k.symbol(t.name), uint64(addend)})
		return 0
	case t.kind == gone:
		return 0
	case t.kind == here && t.ifunc:
		k.relocs = append(k.relocs, dynReloc{at, k.m.irelative, 0, t.addr})
		return 0
	case t.kind == here:
		k.relocs = append(k.relocs, dynReloc{at, k.m.relative, 0, t.addr + uint64(addend)})
	}
	return t.addr + uint64(addend)
}
