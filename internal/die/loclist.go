package die

// LocList is the beginning of the list of locations that a value of class
// loclist refers to, up to n bytes of it, and where in the section that is. That
// fewer come means that the section ends. The bytes are not to be changed.
func (u *Unit) LocList(v Value, n uint64) (b []byte, off uint64, err error) {
	r := u.Info()
	if r.err != nil {
		return nil, 0, r.err
	}
	p, c := u.File.loc, u.contrib.get(sectLoc)
	if u.Version >= 5 {
		p = u.File.loclists
	}
	off = v.U
	if v.Form == FormLoclistx {
		i, err := u.indexed(p, r.locBase, v.U, u.OffSize, c)
		if err != nil {
			return nil, 0, err
		}
		off = r.locBase + i
	}
	off += c.off
	if off >= p.size && p.err == nil {
		return nil, off, damaged(p.name, off, "a list of locations behind the section's end, 0x%x", p.size)
	}
	b, err = view(p, off, min(n, p.size-min(off, p.size)))
	return b, off, err
}
