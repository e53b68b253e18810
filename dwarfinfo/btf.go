package dwarfinfo

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/probels/probels/internal/die"
)

// BTF writes types, and all that they are made of or point to, in the format in
// which the kernel and eBPF loaders take them (Linux, Documentation/bpf/btf.rst),
// in the program's byte order. Types are numbered from 1 as they are written,
// those asked for first and in their order.
//
// BTF is C's: a class is a struct, a base class an anonymous member, a reference
// a pointer; what depends on a Rust enum's discriminant lies in one place as in
// a union. The kernel takes names of letters, digits, "_" and "." only, and
// others are written with "_". A type that is nowhere defined is a forward
// declaration; one that C has not (a pointer to a member function, a 32-byte
// complex) is an array of bytes of its size.
func (d *Data) BTF(w io.Writer, types ...*Type) error {
	b := &btf{d: d, ids: make(map[btfKey]uint32), offs: map[string]uint32{"": 0}, strs: []byte{0}, order: binary.LittleEndian}
	if d.c.ByteOrder == elf.ELFDATA2MSB {
		b.order = binary.BigEndian
	}
	for _, t := range types {
		b.id(t)
	}
	if err := b.all(); err != nil {
		return err
	}
	head := make([]byte, 24)
	b.order.PutUint16(head, 0xeb9f)
	head[2] = 1 // version
	for i, n := range []int{len(head), 0, len(b.out), len(b.out), len(b.strs)} {
		b.order.PutUint32(head[4+4*i:], uint32(n))
	}
	for _, part := range [][]byte{head, b.out, b.strs} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// The kernel's limits (include/uapi/linux/btf.h).
const (
	btfMaxTypes = 0xfffff
	btfMaxName  = 0xffffff
	btfMaxSize  = 16 << 20
	btfMaxVlen  = 0xffff
)

// The kinds of BTF.
const (
	btfInt = iota + 1
	btfPtr
	btfArray
	btfStruct
	btfUnion
	btfEnum
	btfFwd
	btfTypedef
	btfVolatile
	btfConst
	btfRestrict
	_
	btfFuncProto
	_
	_
	btfFloat
	_
	_
	btfEnum64
)

// btf is one encoding. Types are numbered when they are first referred to and
// written in the order of their numbers, so nothing recurses.
type btf struct {
	d     *Data
	order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
	ids   map[btfKey]uint32
	queue []func() // writes type len+1, len+2, …
	out   []byte
	strs  []byte
	offs  map[string]uint32
	err   error
}

// btfKey tells types apart: by where they are, or what they are made as.
type btfKey struct {
	loc  die.Loc
	lang Language
	what string
}

func (b *btf) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

func (b *btf) all() error {
	for n := 0; n < len(b.queue) && b.err == nil; n++ {
		write := b.queue[n]
		b.queue[n] = nil
		write()
		if len(b.out)+len(b.strs) > btfMaxSize || len(b.queue) > btfMaxTypes {
			b.fail(fmt.Errorf("the types reach more than BTF holds: %w", ErrLimit))
		}
	}
	return b.err
}

// number is the number of a type that is written by write, the first time.
func (b *btf) number(k btfKey, write func()) uint32 {
	if id := b.ids[k]; id != 0 {
		return id
	}
	b.queue = append(b.queue, write)
	id := uint32(len(b.queue))
	b.ids[k] = id
	return id
}

// id is the number of a type, 0 for void.
func (b *btf) id(t *Type) uint32 {
	if t.Declared {
		switch def, err := t.Definition(); {
		case err == nil && def != nil:
			t = def
		case err != nil && !errors.Is(err, ErrAmbiguous):
			b.fail(err)
		}
	}
	if t.loc.Unit == nil {
		if t.Err != nil {
			b.fail(t.Err)
		}
		return 0
	}
	return b.number(btfKey{loc: t.loc, lang: t.lang}, func() { b.write(t) })
}

// uint is the number of an unsigned integer: of bytes, or what arrays are counted by.
func (b *btf) uint(size int) uint32 {
	name := map[int]string{1: "unsigned char", 4: "unsigned int"}[size]
	return b.number(btfKey{what: name}, func() {
		b.head(name, btfInt, 0, false, uint32(size))
		b.u32(uint32(size * 8))
	})
}

func (b *btf) u32(v uint32) { b.out = b.order.AppendUint32(b.out, v) }

// head writes what all types begin with: name, kind and count, size or type.
func (b *btf) head(name string, kind, vlen int, flag bool, sizeOrType uint32) {
	if vlen > btfMaxVlen {
		b.fail(fmt.Errorf("%s has more than %d parts: %w", name, btfMaxVlen, ErrLimit))
		return
	}
	info := uint32(kind)<<24 | uint32(vlen)
	if flag {
		info |= 1 << 31
	}
	b.u32(b.str(name))
	b.u32(info)
	b.u32(sizeOrType)
}

// str is where a name is in the table of strings.
func (b *btf) str(s string) uint32 {
	s = btfName(s)
	if off, ok := b.offs[s]; ok {
		return off
	}
	off := uint32(len(b.strs))
	b.offs[s] = off
	b.strs = append(append(b.strs, s...), 0)
	if len(b.strs) > btfMaxName {
		b.fail(fmt.Errorf("the types have more names than BTF holds: %w", ErrLimit))
	}
	return off
}

// maxBTFName is the kernel's KSYM_NAME_LEN of the oldest that matter.
const maxBTFName = 127

// btfName is a name as the kernel takes it.
func btfName(s string) string {
	out := []byte(s)
	for i, c := range out {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '.', c >= '0' && c <= '9' && i > 0:
		default:
			out[i] = '_'
		}
	}
	return string(out[:min(len(out), maxBTFName)])
}

// name of a type: qualified.
func (b *btf) name(t *Type) string { return t.QualifiedName() }

func (b *btf) write(t *Type) {
	switch t.Kind {
	case Bool, Int, Uint, Char:
		b.integer(t, t.Signed)
	case Float, Complex, Decimal:
		switch n := t.Size(); n {
		case 2, 4, 8, 12, 16:
			b.head(t.Name, btfFloat, 0, false, uint32(n))
		default:
			b.opaque(t)
		}
	case Pointer, Reference, RvalueReference:
		b.head("", btfPtr, 0, false, b.id(t.Elem()))
	case Array:
		b.array(t, 0)
	case Struct, Class, Union:
		b.aggregate(t)
	case Enum:
		b.enum(t)
	case Function:
		b.function(t)
	case Typedef:
		if name := b.name(t); name != "" {
			b.head(name, btfTypedef, 0, false, b.id(t.Elem()))
		} else {
			b.head("", btfConst, 0, false, b.id(t.Elem()))
		}
	case Volatile, Atomic:
		b.head("", btfVolatile, 0, false, b.id(t.Elem()))
	case Const:
		b.head("", btfConst, 0, false, b.id(t.Elem()))
	case Restrict:
		b.head("", btfRestrict, 0, false, b.id(t.Elem()))
	case Subrange:
		if e := t.Elem(); e != nil {
			b.head("", btfConst, 0, false, b.id(e))
		} else {
			b.opaque(t)
		}
	default:
		b.opaque(t)
	}
}

func (b *btf) integer(t *Type, signed bool) {
	size := t.Size()
	if size <= 0 || size > 16 || t.Name == "" {
		b.opaque(t)
		return
	}
	enc := uint32(0)
	switch {
	case t.Kind == Bool:
		enc = 4
	case signed:
		enc = 1
	}
	b.head(b.name(t), btfInt, 0, false, uint32(size))
	b.u32(enc<<24 | uint32(size*8))
}

// opaque is a type that BTF has not: bytes.
func (b *btf) opaque(t *Type) {
	n := max(t.Size(), 0)
	if n > 1<<32-1 {
		b.fail(fmt.Errorf("%v has %d bytes: %w", t, n, ErrLimit))
	}
	b.arrayOf(b.uint(1), uint32(n))
}

func (b *btf) arrayOf(elem, n uint32) {
	b.head("", btfArray, 0, false, 0)
	b.u32(elem)
	b.u32(b.uint(4))
	b.u32(n)
}

// array is one dimension of an array, whose element is the next.
func (b *btf) array(t *Type, dim int) {
	n := int64(0)
	if dim < len(t.Counts) {
		n = max(t.Counts[dim], 0)
	}
	if n > 1<<32-1 {
		b.fail(fmt.Errorf("%v has %d elements: %w", t, n, ErrLimit))
		return
	}
	var elem uint32
	if dim+1 < len(t.Counts) {
		elem = b.number(btfKey{t.loc, t.lang, fmt.Sprintf("dimension %d", dim+1)}, func() { b.array(t, dim+1) })
	} else if elem = b.id(t.Elem()); elem == 0 {
		elem = b.uint(1) // an array of nothing: assemblers' and damaged ones
	}
	b.arrayOf(elem, uint32(n))
}

// enum is an ENUM, or where its values need it an ENUM64.
func (b *btf) enum(t *Type) {
	es, err := t.Enumerators()
	if err != nil {
		b.fail(err)
		return
	}
	size := t.Size()
	if t.Declared || size <= 0 {
		b.head(b.name(t), btfEnum, 0, false, 4)
		return
	}
	wide := size == 8
	for _, e := range es {
		if t.Signed && e.Value != int64(int32(e.Value)) || !t.Signed && uint64(e.Value) > 1<<32-1 {
			wide = true
		}
	}
	if size&(size-1) != 0 || size > 8 {
		b.opaque(t)
		return
	}
	kind := btfEnum
	if wide {
		kind = btfEnum64
	}
	b.head(b.name(t), kind, len(es), t.Signed, uint32(size))
	for _, e := range es {
		b.u32(b.str(e.Name))
		b.u32(uint32(e.Value))
		if wide {
			b.u32(uint32(uint64(e.Value) >> 32))
		}
	}
}

// function is a prototype: the types of parameters, which have no names.
func (b *btf) function(t *Type) {
	ps, err := t.Params()
	if err != nil {
		b.fail(err)
		return
	}
	n := len(ps)
	if t.Variadic {
		n++
	}
	b.head("", btfFuncProto, n, false, b.id(t.Elem()))
	if b.err != nil {
		return
	}
	for _, p := range ps {
		id := b.id(p)
		if id == 0 {
			id = b.uint(4) // a parameter that is void: damaged
		}
		b.u32(0)
		b.u32(id)
	}
	if t.Variadic {
		b.u32(0)
		b.u32(0)
	}
}
