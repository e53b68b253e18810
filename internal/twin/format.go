package twin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A file of fingerprints holds sets. Its format:
//
//	file     "PROBELS-TWINS" 0x0a version:byte n:v set*n crc:u32
//	set      machine:v class:v flags:v path:text build-id:text
//	         data:v n:v func*n n:v entry*n
//	func     address:v (from the function before) size:v flags:v n:v text*n (names)
//	         insns:v blocks:v edges:v code:u64 full:u64 shape:u64 peers:byte*3
//	         n:v ref*n hashes (feats) hashes (numbers) hashes (rows)
//	ref      kind:byte to   (kind: low four bits, 0x10 call, 0x20 conditional)
//	         to: u64 of a text, import or value; v of a function or datum; else absent
//	entry    data:v offset:v function:v
//	hashes   n:v u64*n, ascending
//	text     n:v byte*n
//
// v is a number of variable length (LEB128, as protocol buffers have it), u32 and
// u64 are little-endian. crc is that of all before it (CRC-32, IEEE). Flags of a
// set: 1 partial; of a function: 1 could not be decoded. The hashes are those of
// package twin, so a change of what they are made of is a new version as well.
const (
	magic   = "PROBELS-TWINS\n"
	version = 2
)

// Magic is what a file of fingerprints begins with.
const Magic = magic

const (
	kindMask = 0x0f
	callBit  = 0x10
	condBit  = 0x20
)

// Append writes sets as a file of fingerprints.
func Append(b []byte, sets ...*Set) []byte {
	begin := len(b)
	b = append(b, magic...)
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(len(sets)))
	for _, s := range sets {
		b = appendSet(b, s)
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b[begin:]))
}

func appendSet(b []byte, s *Set) []byte {
	v := binary.AppendUvarint
	b = v(v(b, uint64(s.Machine)), uint64(s.Class))
	b = v(b, flag(s.Partial))
	b = appendText(appendText(b, s.Path), s.BuildID)
	b = v(v(b, uint64(s.Data)), uint64(len(s.Funcs)))
	var last uint64
	peers := s.peers()
	for i := range s.Funcs {
		f := &s.Funcs[i]
		b = v(b, f.Addr-last)
		last = f.Addr
		b = v(v(b, uint64(f.Size)), flag(f.Bad)|flag(f.First)<<1)
		b = v(b, uint64(len(f.Names)))
		for _, n := range f.Names {
			b = appendText(b, n)
		}
		b = v(v(v(b, uint64(f.Insns)), uint64(f.Blocks)), uint64(f.Edges))
		for _, h := range []uint64{f.Code, f.Full, f.Shape} {
			b = binary.LittleEndian.AppendUint64(b, h)
		}
		b = append(b, peers[i][:]...)
		b = v(b, uint64(len(f.Refs)))
		for _, r := range f.Refs {
			b = append(b, byte(r.Kind)|byte(flag(r.Call))*callBit|byte(flag(r.Cond))*condBit)
			switch r.Kind {
			case RefString, RefImport, RefValue:
				b = binary.LittleEndian.AppendUint64(b, r.To)
			case RefFunc, RefData:
				b = v(b, r.To)
			}
		}
		b = appendHashes(appendHashes(appendHashes(b, f.Feats), f.Numbers), f.Rows)
	}
	b = v(b, uint64(len(s.Tables)))
	for _, e := range s.Tables {
		b = v(v(v(b, uint64(e.Data)), uint64(e.Off)), uint64(e.Func))
	}
	return b
}

func flag(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendHashes(b []byte, all []uint64) []byte {
	b = binary.AppendUvarint(b, uint64(len(all)))
	for _, h := range all {
		b = binary.LittleEndian.AppendUint64(b, h)
	}
	return b
}

// Errors of files of fingerprints.
var (
	ErrFormat  = errors.New("damaged fingerprints")
	ErrVersion = errors.New("fingerprints of another version of their format")
)

// A FormatError says where a file of fingerprints is damaged; it wraps ErrFormat.
type FormatError struct {
	Offset int // bytes from its beginning
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("%v at byte %d: %s", ErrFormat, e.Offset, e.Reason)
}

func (e *FormatError) Unwrap() error { return ErrFormat }
