// Package nearest finds, among many names, those most like one that was not
// found.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// A Ranking gathers the names most like one that was not found: those that differ
// by a few letters, in case, or by what stands around it.
type Ranking struct {
	want, lower string
	worst       int // edits allowed
	found       []ranked
	row         []int // scratch of distance
	work        int   // steps of distance that are left, for a file made of long names that are all alike
}

type ranked struct {
	name string
	rank int
}

// A Name is one that a Ranking has found, to be kept and joined with others.
type Name struct {
	Text string
	rank int
}

const count = 3 // of names that are kept

// New is for names like want. The work that all calls of Add do together is
// bounded.
func New(want string) *Ranking {
	return &Ranking{want: want, lower: strings.ToLower(want), worst: min(max(len(want)/4, 1), 3), work: 1 << 24}
}

// Add ranks a name by its likeness, or that of its short form, to the one
// wanted.
func (n *Ranking) Add(name, short string) {
	rank := min(n.rank(name), n.rank(short))
	if rank == tooFar {
		return
	}
	n.add(ranked{name, rank})
}

func (n *Ranking) add(r ranked) {
	at, dup := slices.BinarySearchFunc(n.found, r, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	if dup || at >= count {
		return
	}
	n.found = slices.Insert(n.found, at, r)
	n.found = n.found[:min(len(n.found), count)]
}

const tooFar = 100

// rank is the number of edits, or a fixed rank for the same letters in another
// case (between none and one) and for a name that contains the one wanted.
func (n *Ranking) rank(name string) int {
	if name == "" || len(name) > 256 || len(n.want) > 256 {
		return tooFar
	}
	if len(name) == len(n.want) && strings.EqualFold(name, n.want) {
		return 0
	}
	d := tooFar
	if diff := len(name) - len(n.want); diff <= n.worst && -diff <= n.worst {
		if d = n.distance(name); d > n.worst {
			d = tooFar
		}
	}
	if d == tooFar && len(n.want) >= 4 && strings.Contains(strings.ToLower(name), n.lower) {
		d = n.worst + 1
	}
	return d
}

// distance is the number of letters to insert, delete or change (Levenshtein).
func (n *Ranking) distance(name string) int {
	row := n.row[:0]
	for j := 0; j <= len(name); j++ {
		row = append(row, j)
	}
	for i := 1; i <= len(n.want); i++ {
		diagonal := row[0]
		row[0] = i
		lowest := i
		for j := 1; j <= len(name); j++ {
			cost := diagonal
			if n.want[i-1] != name[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
			lowest = min(lowest, row[j])
		}
		if n.work -= len(name); lowest > n.worst || n.work < 0 {
			n.row = row
			return tooFar
		}
	}
	n.row = row
	return row[len(name)]
}

// Found are the likest names, for Join.
func (n *Ranking) Found() []Name {
	var out []Name
	for _, r := range n.found {
		out = append(out, Name{r.name, r.rank})
	}
	return out
}

// Join adds what another Ranking has found for the same wanted name.
func (n *Ranking) Join(names []Name) {
	for _, x := range names {
		n.add(ranked{x.Text, x.rank})
	}
}

// Names are the likest, at most three, the likeliest first.
func (n *Ranking) Names() []string {
	var out []string
	for _, r := range n.found {
		out = append(out, r.name)
	}
	return out
}
