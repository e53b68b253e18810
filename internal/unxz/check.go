package unxz

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/crc64"
	"sync"
)

// A check says how a block's output is checked.
type check byte

const (
	checkNone   check = 0
	checkCRC32  check = 1
	checkCRC64  check = 4
	checkSHA256 check = 10
)

// size is how many bytes the check's value has, reserved checks included.
func (c check) size() int {
	if c == 0 {
		return 0
	}
	return 4 << ((c - 1) / 3) // 4 4 4, 8 8 8, 16 …, 32 …, 64 …
}

var crc64Table = sync.OnceValue(func() *crc64.Table { return crc64.MakeTable(crc64.ECMA) })

func (c check) verify(b, want []byte) error {
	var got []byte
	switch c {
	case checkCRC32:
		got = binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b))
	case checkCRC64:
		got = binary.LittleEndian.AppendUint64(nil, crc64.Checksum(b, crc64Table()))
	case checkSHA256:
		sum := sha256.Sum256(b)
		got = sum[:]
	default:
		return nil // none, or one that is not invented yet
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("wrong checksum %x, want %x", got, want)
	}
	return nil
}
