package elfsym

import (
	"context"
	"slices"

	"github.com/probels/probels/internal/inorder"
	"github.com/probels/probels/internal/strsort"
)

// sortByName brings order into that of names. It is false if their names are more than a
// Table may have, or the context is cancelled.
func (m *symbolMaker) sortByName(ctx context.Context) bool {
	// Most functions are in two tables: one of each name at an address is sorted, and
	// the others follow it.
	follows := make([]uint32, len(m.x.all)) // index+1 of x.all, 0 at the end
	type heads struct {
		of, last []uint32
		names    []string
		bytes    []int64 // by part
	}
	var all heads
	room := 0
	for i := range m.x.parts {
		room = max(room, m.x.partEnd(i)-m.x.parts[i].first)
	}
	all.of, all.names = make([]uint32, 0, room), make([]string, 0, room)
	left := make([]int64, len(m.x.parts))
	for i := range left {
		left[i] = m.x.parts[i].t.nameBudget()
	}
	cuts := m.cuts(m.byAddr, func(i int) bool { return m.x.all[m.byAddr[i]].addr != m.x.all[m.byAddr[i-1]].addr })
	for found := range inorder.Map(len(cuts)-1, func(k int, h heads) heads {
		h.of, h.last, h.names, h.bytes = h.of[:0], h.last[:0], h.names[:0], append(h.bytes[:0], make([]int64, len(left))...)
		part := m.byAddr[cuts[k]:cuts[k+1]]
		group, addr := 0, Addr(0) // where in h those at the present address begin
		for n, i := range part {
			if n%namesAhead == 0 {
				m.touch(part[n:min(n+namesAhead, len(part))])
			}
			name := m.name(i)
			h.bytes[m.x.partOf(i)] += int64(len(name))
			if name == "" {
				continue
			}
			if at := m.x.all[i].addr; at != addr {
				group, addr = len(h.of), at
			}
			if g := slices.Index(h.names[group:min(len(h.names), group+maxAliases)], name); g >= 0 {
				follows[h.last[group+g]] = i + 1
				h.last[group+g] = i
				continue
			}
			h.of, h.last, h.names = append(h.of, i), append(h.last, i), append(h.names, name)
		}
		return h
	}) {
		if ctx.Err() != nil {
			return false
		}
		for i, n := range found.bytes {
			if left[i] -= n; left[i] < 0 {
				return false
			}
		}
		all.of, all.names = append(all.of, found.of...), append(all.names, found.names...)
	}
	sorted, _ := strsort.Order(len(all.names), func(i int) string { return all.names[i] })
	m.order, m.begins = make([]uint32, 0, len(m.x.all)), make([]bool, 0, len(m.x.all))
	for k, h := range sorted {
		begins := k == 0 || all.names[h] != all.names[sorted[k-1]]
		for i := all.of[h] + 1; i != 0; i = follows[i-1] {
			m.order, m.begins = append(m.order, i-1), append(m.begins, begins)
			begins = false
		}
	}
	return true
}

// maxAliases is among how many names at one address the same is looked for.
const maxAliases = 16
