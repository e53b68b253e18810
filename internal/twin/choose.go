package twin

import "slices"

// nearby is how many steps of calls, and how many neighbours in the file, are kept
// around a chosen function: they are what it is told from its like by.
const (
	nearCalls  = 1
	nearPlaces = 2
	// maxNearby bounds the callers and callees kept of one function.
	maxNearby = 24
)

// Choose is the part of a set that is needed to find some of its functions: those,
// and what stands around them, without names. want is asked for each function that
// has names, and returns those to keep.
func (s *Set) Choose(want func(names []string) []string) *Set {
	keep := make([]bool, len(s.Funcs))
	names := make(map[int][]string)
	callers := make([][]int, len(s.Funcs))
	for i := range s.Funcs {
		for _, r := range s.Funcs[i].Refs {
			if r.Kind == RefFunc && len(callers[r.To]) < maxNearby && !slices.Contains(callers[r.To], i) {
				callers[r.To] = append(callers[r.To], i)
			}
		}
	}
	for i := range s.Funcs {
		if len(s.Funcs[i].Names) == 0 {
			continue
		}
		if n := want(s.Funcs[i].Names); len(n) > 0 {
			names[i] = n
			s.around(i, nearCalls, keep, callers)
			for k := max(0, i-nearPlaces); k <= min(len(keep)-1, i+nearPlaces); k++ {
				keep[k] = true
			}
		}
	}
	return s.only(keep, names)
}

func (s *Set) around(i, steps int, keep []bool, callers [][]int) {
	keep[i] = true
	if steps == 0 {
		return
	}
	n := 0
	for _, r := range s.Funcs[i].Refs {
		if r.Kind == RefFunc && n < maxNearby {
			n++
			s.around(int(r.To), steps-1, keep, callers)
		}
	}
	for _, c := range callers[i] {
		s.around(c, steps-1, keep, callers)
	}
}

// only is a set of the functions to keep, numbered anew.
func (s *Set) only(keep []bool, names map[int][]string) *Set {
	out := &Set{Machine: s.Machine, Class: s.Class, Path: s.Path, BuildID: s.BuildID, Data: s.Data, Partial: true}
	number := make([]int, len(s.Funcs))
	for i := range number {
		number[i] = -1
		if keep[i] {
			number[i] = len(out.Funcs)
			out.Funcs = append(out.Funcs, s.Funcs[i])
		}
	}
	peers := s.peers()
	n := 0
	data := map[uint64]uint64{}
	for i := range s.Funcs {
		if !keep[i] {
			continue
		}
		f := &out.Funcs[n]
		n++
		f.Names, f.Peers, f.First = names[i], peers[i], false
		f.Refs = slices.Clone(f.Refs)
		for k := range f.Refs {
			switch r := &f.Refs[k]; {
			case r.Kind == RefFunc && number[r.To] < 0:
				*r = Ref{Kind: RefOther, Call: r.Call, Cond: r.Cond}
			case r.Kind == RefFunc:
				r.To = uint64(number[r.To])
			case r.Kind == RefData:
				d, ok := data[r.To]
				if !ok {
					d = uint64(len(data))
					data[r.To] = d
				}
				r.To = d
			}
		}
	}
	out.Data = len(data)
	// A table of which not all functions are kept can't be held to another.
	for i := 0; i < len(s.Tables); {
		k := i
		whole := true
		for ; k < len(s.Tables) && s.Tables[k].Data == s.Tables[i].Data; k++ {
			whole = whole && number[s.Tables[k].Func] >= 0
		}
		if d, ok := data[uint64(s.Tables[i].Data)]; ok && whole {
			for _, e := range s.Tables[i:k] {
				out.Tables = append(out.Tables, Entry{uint32(d), e.Off, uint32(number[e.Func])})
			}
		}
		i = k
	}
	sortTables(out.Tables)
	return out
}

// peers counts the functions that have the code of each.
func (s *Set) peers() [][3]uint8 {
	out := make([][3]uint8, len(s.Funcs))
	if s.Partial {
		for i := range s.Funcs {
			out[i] = s.Funcs[i].Peers
		}
		return out
	}
	keys := func(f *Func) [3]uint64 { return [3]uint64{f.Full, f.Code, f.Shape} }
	var counts [3]map[uint64]uint8
	for k := range counts {
		counts[k] = make(map[uint64]uint8, len(s.Funcs))
		for i := range s.Funcs {
			key := keys(&s.Funcs[i])[k]
			counts[k][key] = max(counts[k][key], counts[k][key]+1) // stays at 255
		}
		for i := range s.Funcs {
			out[i][k] = counts[k][keys(&s.Funcs[i])[k]]
		}
	}
	return out
}
