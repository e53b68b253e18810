package dwline

import (
	"bytes"

	"github.com/probels/probels/internal/leb128"
	"github.com/probels/probels/internal/wire"
)

// What an entry's field says (DW_LNCT).
const (
	lnctPath           = 1
	lnctDirectoryIndex = 2
	lnctTimestamp      = 3
	lnctSize           = 4
	lnctMD5            = 5
	lnctLLVMSource     = 0x2001
)

// How a field is written (DW_FORM), as far as line tables use any.
const (
	formBlock2     = 0x03
	formBlock4     = 0x04
	formData2      = 0x05
	formData4      = 0x06
	formData8      = 0x07
	formString     = 0x08
	formBlock      = 0x09
	formBlock1     = 0x0a
	formData1      = 0x0b
	formFlag       = 0x0c
	formSdata      = 0x0d
	formStrp       = 0x0e
	formUdata      = 0x0f
	formSecOffset  = 0x17
	formStrx       = 0x1a
	formStrpSup    = 0x1d
	formData16     = 0x1e
	formLineStrp   = 0x1f
	formStrx1      = 0x25
	formStrx2      = 0x26
	formStrx3      = 0x27
	formStrx4      = 0x28
	formGNUStrpAlt = 0x1f21
)

// A field is one (content, form) pair of an entry format.
type field struct{ content, form uint64 }

// size is the length of a field at the beginning of b. False if the form is unknown or b too short.
// No form is empty, so a table has no more entries than bytes.
func (f field) size(b []byte, l wire.Layout) (int, bool) {
	n := 0
	switch f.form {
	case formData1, formFlag, formStrx1:
		n = 1
	case formData2, formStrx2:
		n = 2
	case formStrx3:
		n = 3
	case formData4, formStrx4:
		n = 4
	case formData8:
		n = 8
	case formData16:
		n = 16
	case formStrp, formLineStrp, formSecOffset, formStrpSup, formGNUStrpAlt:
		n = l.WordSize()
	case formString:
		n = bytes.IndexByte(b, 0) + 1
	case formUdata, formSdata, formStrx:
		n = leb128.Skip(b)
	case formBlock1, formBlock2, formBlock4, formBlock:
		n, ok := blockSize(f.form, b, l)
		return n, ok
	}
	return n, n > 0 && n <= len(b)
}

func blockSize(form uint64, b []byte, l wire.Layout) (int, bool) {
	var head int
	var size uint64
	switch {
	case form == formBlock1 && len(b) >= 1:
		head, size = 1, uint64(b[0])
	case form == formBlock2 && len(b) >= 2:
		head, size = 2, uint64(l.U16(b))
	case form == formBlock4 && len(b) >= 4:
		head, size = 4, uint64(l.U32(b))
	case form == formBlock:
		size, head = leb128.Uint(b)
	}
	if head == 0 || size > uint64(len(b)-head) {
		return 0, false
	}
	return head + int(size), true
}

// number is the value of a field that size has measured; false if it is none.
func (f field) number(b []byte, l wire.Layout) (uint64, bool) {
	switch f.form {
	case formData1, formFlag:
		return uint64(b[0]), true
	case formData2:
		return uint64(l.U16(b)), true
	case formData4:
		return uint64(l.U32(b)), true
	case formData8:
		return l.U64(b), true
	case formUdata:
		v, n := leb128.Uint(b)
		return v, n > 0
	}
	return 0, false
}

// text is the string of a field that size has measured, at off in .debug_line.
func (t *Table) text(f field, b []byte, off uint64) (string, error) {
	l := t.s.layout(t.Is64)
	var from []byte
	var name string
	var at uint64
	switch f.form {
	case formString:
		return string(b[:len(b)-1]), nil
	case formLineStrp:
		from, name, at = t.s.LineStr, ".debug_line_str", l.Word(b)
	case formStrp:
		from, name, at = t.s.Str, ".debug_str", l.Word(b)
	case formStrpSup, formGNUStrpAlt:
		from, name, at = t.s.SupStr, "the supplementary file's .debug_str", l.Word(b)
	case formStrx, formStrx1, formStrx2, formStrx3, formStrx4:
		index, n := uint64(0), 0
		if f.form == formStrx {
			if index, n = leb128.Uint(b); n == 0 {
				return "", damaged(off, "string index of more than 64 bits")
			}
		} else {
			index = uintN(b, l.Big)
		}
		offs := t.s.StrOffsets
		if t.s.StrOffsetsBase > uint64(len(offs)) {
			return "", missing(off, "no part of .debug_str_offsets at 0x%x", t.s.StrOffsetsBase)
		}
		offs = offs[t.s.StrOffsetsBase:]
		if index >= uint64(len(offs)/l.WordSize()) {
			return "", missing(off, "no string %d in .debug_str_offsets", index)
		}
		from, name, at = t.s.Str, ".debug_str", l.Word(offs[int(index)*l.WordSize():])
	default:
		return "", damaged(off, "a string of form 0x%x", f.form)
	}
	if at >= uint64(len(from)) {
		return "", missing(off, "no string at 0x%x of %s", at, name)
	}
	from = from[at:]
	n := bytes.IndexByte(from, 0)
	if n < 0 {
		return "", damaged(off, "the string at 0x%x of %s has no end", at, name)
	}
	return string(from[:n]), nil
}

// uintN reads a number of len(b) bytes.
func uintN(b []byte, big bool) (v uint64) {
	for i := range b {
		c := b[i]
		if !big {
			c = b[len(b)-1-i]
		}
		v = v<<8 | uint64(c)
	}
	return v
}
