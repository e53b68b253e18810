package twin

import (
	"slices"

	"github.com/probels/probels/internal/insn"
)

// step is one instruction as the method sees it.
type step struct {
	size   uint8
	kind   insn.Kind
	nop    bool
	target uint64 // of a jump or call

	class, exact uint64 // hashes: its kind; all of it but what a linker decides

	// refs says that ref is an address that the instruction makes or uses, load
	// that it reads what is there, width how many bytes of it; 0 if unknown.
	refs, load bool
	width      uint8
	ref        uint64

	number uint64 // a number that is not small; 0 if there is none
}

// code decodes a machine's instructions.
type code interface {
	step(b []byte, addr uint64) (step, bool)
}

// rawRef is a reference before it is known what is at the address.
type rawRef struct {
	addr       uint64
	width      uint8
	load, call bool
	cond, jump bool
}

// scanner takes functions apart, one after the other. Its slices are used again.
type scanner struct {
	code  code
	begin func() // before each function, if not nil

	steps  []step
	addrs  []uint64
	block  []int32 // of each step: the number of the block that it is in
	leads  []bool
	refs   []rawRef
	feats  []uint64
	blocks []blockInfo
}

type blockInfo struct {
	exact, shape digest
	n            int
	next         [2]int32 // blocks that follow; -1 for none
}

// maxFeats bounds the features kept of one function, by kind: those with the
// smallest hashes, so that two functions keep the same ones of what they share.
const (
	maxBlockFeats  = 96
	maxRunFeats    = 48
	maxNumberFeats = 32
	maxRefs        = 4096
)

// scan takes the function in b apart, which begins at addr, and leaves its
// references in s.refs. trim takes padding off its end.
func (s *scanner) scan(f *Func, b []byte, addr uint64, trim bool) {
	s.steps, s.addrs, s.refs = s.steps[:0], s.addrs[:0], s.refs[:0]
	if s.begin != nil {
		s.begin()
	}
	at, rest := addr, b
	for len(rest) > 0 {
		i, ok := s.code.step(rest, at)
		if !ok || int(i.size) > len(rest) || i.size == 0 {
			f.Bad = true
			break
		}
		s.steps, s.addrs = append(s.steps, i), append(s.addrs, at)
		at, rest = at+uint64(i.size), rest[i.size:]
	}
	if trim {
		s.trim(b, addr)
	}
	end := addr
	if n := len(s.steps); n > 0 {
		end = s.addrs[n-1] + uint64(s.steps[n-1].size)
	}
	f.Size = uint32(end - addr)
	s.split(addr, end)
	s.hash(f, addr, end)
}

// trim drops what fills up the space behind a function whose size nothing tells:
// code goes on behind a return or a jump only if something jumps there.
func (s *scanner) trim(b []byte, addr uint64) {
	far := addr
	for k := range s.steps {
		i := &s.steps[k]
		if i.kind == insn.CondJump || i.kind == insn.Jump {
			if i.target > far && i.target < addr+uint64(len(b)) {
				far = i.target
			}
		}
		switch i.kind {
		case insn.Return, insn.Jump, insn.IndirectJump, insn.Trap:
			if s.addrs[k]+uint64(i.size) > far {
				rest := s.steps[k+1:]
				if !slices.ContainsFunc(rest, func(i step) bool { return !i.nop && i.exact != int3 && i.kind != insn.Trap }) {
					s.steps, s.addrs = s.steps[:k+1], s.addrs[:k+1]
					return
				}
			}
		}
	}
}

// int3 is x86's filler.
var int3 = uint64(seed.bytes([]byte{0xcc}))

// indexOf is the step at an address, past those that do nothing; false if none
// begins there.
func (s *scanner) indexOf(addr uint64) (int, bool) {
	k, ok := slices.BinarySearch(s.addrs, addr)
	if !ok {
		return 0, false
	}
	for k < len(s.steps)-1 && s.steps[k].nop {
		k++
	}
	return k, true
}

// split finds the basic blocks: they begin where jumps go and behind jumps.
func (s *scanner) split(addr, end uint64) {
	n := len(s.steps)
	s.leads = append(s.leads[:0], make([]bool, n+1)...)
	s.block = append(s.block[:0], make([]int32, n)...)
	if n == 0 {
		return
	}
	lead := func(k int) {
		for k < n-1 && s.steps[k].nop {
			k++
		}
		s.leads[k] = true
	}
	lead(0)
	for k := range s.steps {
		switch i := &s.steps[k]; i.kind {
		case insn.Jump, insn.CondJump:
			if i.target >= addr && i.target < end {
				if t, ok := s.indexOf(i.target); ok {
					s.leads[t] = true
				}
			}
			lead(min(k+1, n-1))
		case insn.Return, insn.IndirectJump, insn.Trap:
			lead(min(k+1, n-1))
		}
	}
	no := int32(-1)
	for k := range s.steps {
		if s.leads[k] {
			no++
		}
		s.block[k] = max(no, 0)
	}
}

// hash fills in what is compared.
func (s *scanner) hash(f *Func, addr, end uint64) {
	s.blocks = s.blocks[:0]
	codeHash := seed
	var last *blockInfo
	lastKind := insn.Other
	number := int32(-1)
	s.feats = s.feats[:0]
	var numbers, runs []uint64
	var run [4]uint64
	n := 0
	for k := range s.steps {
		i := &s.steps[k]
		if s.leads[k] {
			number++
			if last != nil && lastKind != insn.Jump && lastKind != insn.Return && lastKind != insn.IndirectJump && lastKind != insn.Trap {
				last.next[0] = number
			}
			s.blocks = append(s.blocks, blockInfo{exact: seed, shape: seed, next: [2]int32{-1, -1}})
			last = &s.blocks[len(s.blocks)-1]
			codeHash = codeHash.add(uint64(number) | 1<<40)
		}
		if i.nop || last == nil {
			continue
		}
		n++
		lastKind = i.kind
		codeHash = codeHash.add(i.exact)
		last.exact, last.shape = last.exact.add(i.exact), last.shape.add(i.class)
		last.n++
		if run[0], run[1], run[2], run[3] = run[1], run[2], run[3], i.class; n >= 4 {
			runs = append(runs, uint64(seed.add(featRun).add(run[0]).add(run[1]).add(run[2]).add(run[3])))
		}
		if i.number != 0 {
			numbers = append(numbers, feature(featNumber, i.number))
		}
		s.refer(i, last, &codeHash, addr, end)
	}
	shape := seed
	edges := 0
	for k := range s.blocks {
		b := &s.blocks[k]
		shape = shape.add(uint64(b.shape)).add(uint64(int64(b.next[0]))).add(uint64(int64(b.next[1])))
		for _, t := range b.next {
			if t >= 0 {
				edges++
			}
		}
		if b.n >= 3 {
			s.feats = append(s.feats, feature(featBlock, uint64(b.exact)), feature(featShape, uint64(b.shape)))
		}
	}
	f.Insns, f.Blocks, f.Edges = uint32(n), uint32(len(s.blocks)), uint32(edges)
	f.Code, f.Shape = uint64(codeHash), uint64(shape)
	f.Feats = slices.Concat(smallest(s.feats, maxBlockFeats), smallest(runs, maxRunFeats))
	f.Numbers = slices.Clone(smallest(numbers, maxNumberFeats))
	slices.Sort(f.Feats)
	f.Feats = slices.Compact(f.Feats)
}

// refer notes where an instruction leads.
func (s *scanner) refer(i *step, b *blockInfo, codeHash *digest, addr, end uint64) {
	switch i.kind {
	case insn.Jump, insn.CondJump:
		if i.target >= addr && i.target < end {
			if t, ok := s.indexOf(i.target); ok {
				b.next[1] = s.block[t]
				*codeHash = codeHash.add(uint64(s.block[t]))
			}
			return
		}
		fallthrough
	case insn.Call:
		s.ref(rawRef{addr: i.target, call: true, jump: i.kind != insn.Call, cond: i.kind == insn.CondJump})
		return
	}
	if i.refs {
		s.ref(rawRef{addr: i.ref, width: i.width, load: i.load, call: i.kind == insn.IndirectCall || i.kind == insn.IndirectJump})
	}
}

func (s *scanner) ref(r rawRef) {
	if len(s.refs) < maxRefs {
		s.refs = append(s.refs, r)
	}
}

// smallest are the n smallest numbers, sorted, each once.
func smallest(all []uint64, n int) []uint64 {
	slices.Sort(all)
	all = slices.Compact(all)
	return all[:min(n, len(all))]
}
