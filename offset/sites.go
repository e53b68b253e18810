package offset

import (
	"github.com/probels/probels/internal/strsort"
	"github.com/probels/probels/usdt"
)

// siteList gathers sites in blocks: a slice that grows would copy them several
// times, of 150 bytes each.
type siteList struct {
	blocks [][]usdt.Site
	n      int
}

const siteBlock = 128

func (l *siteList) add(s *usdt.Site) {
	if l.n%siteBlock == 0 {
		// Most files have few.
		size := siteBlock
		if l.n == 0 {
			size = 0
		}
		l.blocks = append(l.blocks, make([]usdt.Site, 0, size))
	}
	last := &l.blocks[len(l.blocks)-1]
	*last = append(*last, *s)
	l.n++
}

func (l *siteList) at(i uint32) *usdt.Site { return &l.blocks[i/siteBlock][i%siteBlock] }

// order is by provider and name, or by address; what is equal in that stays in the
// order of the notes.
func (l *siteList) order(byAddr bool) []uint32 {
	if byAddr {
		return strsort.Numbers(l.n, func(i int) uint64 { return uint64(l.at(uint32(i)).Addr) })
	}
	name := func(i int) string { return l.at(uint32(i)).Name }
	if l.oneProvider() { // as nearly all files
		order, _ := strsort.Order(l.n, name)
		return order
	}
	order, same := strsort.Order(l.n, func(i int) string { return l.at(uint32(i)).Provider })
	for _, run := range same {
		part := order[run.First:run.End]
		names, _ := strsort.Order(len(part), func(i int) string { return name(int(part[i])) })
		for i, k := range names {
			names[i] = part[k]
		}
		copy(part, names)
	}
	return order
}

func (l *siteList) oneProvider() bool {
	for _, b := range l.blocks {
		for i := range b {
			if b[i].Provider != l.blocks[0][0].Provider {
				return false
			}
		}
	}
	return true
}
