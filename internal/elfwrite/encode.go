package elfwrite

import (
	"debug/elf"
	"encoding/binary"
)

// The four structures, narrowed for 32 bits: their fields there are not only smaller, in program
// headers and symbols they are ordered otherwise.

func (f *File) encode(b []byte, v any) []byte {
	b, err := binary.Append(b, f.order(), v)
	if err != nil {
		panic(err) // only for a type without a fixed size
	}
	return b
}

func (f *File) header(h elf.Header64) []byte {
	if !f.is32() {
		return f.encode(nil, h)
	}
	return f.encode(nil, elf.Header32{Ident: h.Ident, Type: h.Type, Machine: h.Machine, Version: h.Version,
		Entry: uint32(h.Entry), Phoff: uint32(h.Phoff), Shoff: uint32(h.Shoff), Flags: h.Flags, Ehsize: h.Ehsize,
		Phentsize: h.Phentsize, Phnum: h.Phnum, Shentsize: h.Shentsize, Shnum: h.Shnum, Shstrndx: h.Shstrndx})
}

func (f *File) prog(b []byte, p elf.Prog64) []byte {
	if !f.is32() {
		return f.encode(b, p)
	}
	return f.encode(b, elf.Prog32{Type: p.Type, Off: uint32(p.Off), Vaddr: uint32(p.Vaddr), Paddr: uint32(p.Paddr),
		Filesz: uint32(p.Filesz), Memsz: uint32(p.Memsz), Flags: p.Flags, Align: uint32(p.Align)})
}

func (f *File) section(b []byte, s elf.Section64) []byte {
	if !f.is32() {
		return f.encode(b, s)
	}
	return f.encode(b, elf.Section32{Name: s.Name, Type: s.Type, Flags: uint32(s.Flags), Addr: uint32(s.Addr),
		Off: uint32(s.Off), Size: uint32(s.Size), Link: s.Link, Info: s.Info, Addralign: uint32(s.Addralign),
		Entsize: uint32(s.Entsize)})
}

func (f *File) symbol(b []byte, s elf.Sym64) []byte {
	if !f.is32() {
		return f.encode(b, s)
	}
	return f.encode(b, elf.Sym32{Name: s.Name, Value: uint32(s.Value), Size: uint32(s.Size), Info: s.Info,
		Other: s.Other, Shndx: s.Shndx})
}
