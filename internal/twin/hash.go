package twin

// digest is a hash of 64 bits that is built a number at a time. It is part of the
// format of fingerprint files: a change of it is a new version of that.
//
// Each number is multiplied into the state, and the state's upper half folded
// into the lower, as the finishing steps of public-domain hashes do (Murmur3's,
// SplitMix64's). It is no defence against somebody who makes collisions on
// purpose: what a match rests on is compared in several ways.
type digest uint64

const seed digest = 0x9e3779b97f4a7c15

func (d digest) add(v uint64) digest {
	x := (uint64(d) ^ v) * 0xff51afd7ed558ccd
	x ^= x >> 32
	x *= 0xc4ceb9fe1a85ec53
	return digest(x ^ x>>29)
}

func (d digest) bytes(b []byte) digest {
	n := uint64(len(b))
	for len(b) >= 8 {
		d = d.add(uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 | uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56)
		b = b[8:]
	}
	var last uint64
	for i, c := range b {
		last |= uint64(c) << (8 * i)
	}
	return d.add(last).add(n)
}

func hashText(s string) uint64 { return uint64(seed.bytes([]byte(s))) }

// Kinds of features; the first number of a feature's hash.
const (
	featBlock  = 1 + iota // the instructions of a basic block, with registers
	featShape             // their kinds alone
	featRun               // four instructions' kinds in a row
	featNumber            // a number that the code has in it
	featRow               // a text beside the function's address in a table
	featRef    = 16       // and the kind of a reference
)

func feature(kind, v uint64) uint64 { return uint64(seed.add(kind).add(v)) }
