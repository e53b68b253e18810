package gotab

// Line is the source line of the instruction at an address; "" and 0 if the
// table does not know.
func (t *Table) Line(addr uint64) (file string, line int, err error) {
	f, rec, ok, err := t.at(addr)
	if err != nil || !ok {
		return "", 0, err
	}
	return t.line(&rec, addr-f.Addr)
}

func (t *Table) line(rec *record, distance uint64) (file string, line int, err error) {
	number, err := t.pcValue(rec.pcfile, distance)
	if err != nil {
		return "", 0, err
	}
	l, err := t.pcValue(rec.pcln, distance)
	if err != nil || number < 0 || l < 0 {
		return "", 0, err
	}
	if file, err = t.file(rec, uint64(number)); err != nil || file == "" {
		return "", 0, err
	}
	return file, int(l), nil
}

// file is a function's file of that number; "" if it has none.
func (t *Table) file(rec *record, number uint64) (string, error) {
	list, names := t.cus, t.files
	if t.version == Go12 {
		if number == 0 {
			return "", nil // that is the size of the list
		}
		list, names = t.files, t.header
	} else {
		number += uint64(rec.files)
	}
	addr, ok := list.within(4*number, 4)
	if !ok {
		return "", damaged(list.addr, "no file %d, of %d", number, list.size/4)
	}
	var b [4]byte
	if err := t.mem.Read(b[:], addr); err != nil {
		return "", err
	}
	off := t.U32(b[:])
	if off == 1<<32-1 {
		return "", nil
	}
	return t.cstring(names, uint64(off))
}
