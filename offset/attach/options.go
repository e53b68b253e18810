package attach

import (
	"github.com/cilium/ebpf/link"

	"github.com/probels/probels/offset"
)

// Options is a location in the form of cilium/ebpf, for (*link.Executable).Uprobe
// and Uretprobe with an empty symbol. It says nothing of the file and checks
// nothing; Attach does.
func Options(l offset.Location) *link.UprobeOptions {
	// Address is a file offset in spite of its name.
	return &link.UprobeOptions{Address: uint64(l.Offset), RefCtrOffset: uint64(l.RefCtrOffset)}
}

// Multi is Options for (*link.Executable).UprobeMulti and UretprobeMulti: locations
// of one file, the cookies their indexes. It needs a kernel that tells the ones
// with a semaphore from those without, and all do: 0 is none.
func Multi(locs []offset.Location) *link.UprobeMultiOptions {
	o := &link.UprobeMultiOptions{
		Addresses: make([]uint64, len(locs)),
		Cookies:   make([]uint64, len(locs)),
	}
	for i, l := range locs {
		o.Addresses[i] = uint64(l.Offset)
		o.Cookies[i] = uint64(i)
		if l.RefCtrOffset != 0 && o.RefCtrOffsets == nil {
			o.RefCtrOffsets = make([]uint64, len(locs))
		}
		if l.RefCtrOffset != 0 {
			o.RefCtrOffsets[i] = uint64(l.RefCtrOffset)
		}
	}
	return o
}
