package die

import (
	"debug/dwarf"
)

// Attributes that debug/dwarf has no name for.
const (
	AttrLoclistsBase = dwarf.AttrLoclistsBase
	AttrRnglistsBase = dwarf.AttrRnglistsBase

	AttrMIPSLinkageName dwarf.Attr = 0x2007 // producers before DWARF 4
	AttrGNUDwoName      dwarf.Attr = 0x2130 // split DWARF 4
	AttrGNUDwoID        dwarf.Attr = 0x2131
	AttrGNURangesBase   dwarf.Attr = 0x2132
	AttrGNUAddrBase     dwarf.Attr = 0x2133
	AttrGNULocviews     dwarf.Attr = 0x2137
	AttrGNUEntryView    dwarf.Attr = 0x2138
)

// Info are the attributes of the unit's root that concern all of it, read once.
type Info = rootInfo

// Info reads the unit's root.
func (u *Unit) Info() *Info { return u.info(nil) }

// info is Info for who has the unit in memory.
func (u *Unit) info(b *body) *rootInfo {
	u.once.Do(func() {
		if err := u.readRoot(b); err != nil {
			u.root = rootInfo{err: err}
		}
	})
	return &u.root
}

// rootWindow is how much of a unit is read to see its root alone.
const rootWindow = 512

func (u *Unit) readRoot(b *body) error {
	var e Entry
	var err error
	if b != nil {
		e, err = b.root()
	} else {
		e, err = u.rootAlone()
	}
	if err != nil {
		return err
	}
	return u.decodeRoot(e)
}

// rootAlone is the unit's root, by reading no more of the unit than it takes: an
// entry to read attributes of, not to walk.
func (u *Unit) rootAlone() (Entry, error) {
	if u.split != nil && u.Size > rootWindow && u.Size <= u.File.c.MaxUnit {
		b := &body{u: u, f: u.format(), b: make([]byte, rootWindow)}
		err := readSection(u.list().s, u.Section(), b.b, u.Off)
		if err != nil {
			return Entry{}, err
		}
		if b.ab, err = u.abbrevs(u.File.rootBudget()); err != nil {
			return Entry{}, err
		}
		if e, err := b.root(); err == nil {
			return e, nil
		}
		// Longer than the window, or damaged.
	}
	b, err := u.load(new(Buffer), u.File.rootBudget())
	if err != nil {
		return Entry{}, err
	}
	return b.root()
}

func (b *body) root() (Entry, error) {
	e, err := b.entry(b.u.header)
	if err == nil && !e.Valid() {
		err = damaged(b.u.Section(), b.u.Off, "a unit without a root")
	}
	return e, err
}

// decodeRoot fills in u.root. The bases come first: other attributes count from
// them.
func (u *Unit) decodeRoot(e Entry) error {
	r := &u.root
	r.Tag = e.Tag
	u.defaultBases(r)
	e.Each(func(a dwarf.Attr, v Value) bool {
		switch a {
		case dwarf.AttrStrOffsetsBase:
			r.strBase = v.U
		case dwarf.AttrAddrBase, AttrGNUAddrBase:
			r.addrBase = v.U
		case AttrRnglistsBase:
			r.rngBase = v.U
		case AttrLoclistsBase:
			r.locBase = v.U
		case AttrGNURangesBase:
			r.gnuRanges = v.U
		case AttrGNUDwoID:
			r.DWOID = v.U
		case dwarf.AttrLanguage:
			r.Lang = v.U
		case dwarf.AttrStmtList:
			r.Line, r.HasLine = v.U, true
			if c := u.contrib; c != nil {
				r.Line += c.get(sectLine).off
			}
		}
		return true
	})
	if u.Version >= 5 && (u.Type == UnitSkeleton || u.Type == UnitSplitCompile) {
		r.DWOID = u.Sig
	}
	// Strings and addresses go by what was just found; a damaged one is left out
	// and leaves the rest of the unit.
	str := func(v Value) string {
		switch v.Form {
		case FormStrx, FormStrx1, FormStrx2, FormStrx3, FormStrx4, FormGNUStrIndex:
			s, err := u.strx(r, v.U)
			if err != nil && r.Damage == nil {
				r.Damage = err
			}
			return s
		}
		s, err := u.String(v)
		if err != nil && r.Damage == nil {
			r.Damage = err
		}
		return s
	}
	e.Each(func(a dwarf.Attr, v Value) bool {
		switch a {
		case dwarf.AttrName:
			r.Name = str(v)
		case dwarf.AttrCompDir:
			r.CompDir = str(v)
		case dwarf.AttrProducer:
			r.Producer = str(v)
		case dwarf.AttrDwoName, AttrGNUDwoName:
			r.DWOName = str(v)
		case dwarf.AttrLowpc:
			var err error
			switch {
			case !v.IsAddr():
				return true
			case v.Form == FormAddr:
				r.Low = v.U
			case u.skeleton != nil || u.File.c.DWO:
				r.Low, err = u.Addr(v)
			default:
				if r.Low, err = u.addrx(r, v.U); v.Form == FormLLVMAddrxOffset {
					r.Low += uint64(v.Aux)
				}
			}
			if r.HasLow = err == nil; err != nil && r.Damage == nil {
				r.Damage = err
			}
		}
		return true
	})
	if u.skeleton != nil {
		// The .dwo leaves to the skeleton what the linker fills in.
		s := u.skeleton.Info()
		if !r.HasLow {
			r.Low, r.HasLow = s.Low, s.HasLow
		}
		if r.CompDir == "" {
			r.CompDir = s.CompDir
		}
		r.gnuRanges = s.gnuRanges
	}
	return nil
}

// defaultBases are those of a unit that names none: in a .dwo, where there is
// one table of each kind (or one contribution), its entries follow its header
// (DWARF 5, 7.26 to 7.29). DWARF 4's had no headers.
func (u *Unit) defaultBases(r *rootInfo) {
	if u.Version < 5 {
		return
	}
	head := uint64(8)
	if u.OffSize == 8 {
		head = 16
	}
	r.strBase, r.addrBase = head, head
	r.rngBase, r.locBase = head+4, head+4
}
