package bpfrun

import (
	"fmt"

	"github.com/cilium/ebpf/asm"
)

// helper runs a function of the kernel.
func (r *run) helper(fn asm.BuiltinFunc, f *frame) (uint64, error) {
	switch fn {
	case asm.FnGetAttachCookie:
		if ctx, err := f.get(asm.R1); err != nil || ctx != contextBase {
			return 0, fmt.Errorf("R1 is not the context (%v)", err)
		}
		return r.m.Cookie, nil
	case asm.FnMapLookupElem:
		at, err := f.get(asm.R2)
		if err != nil {
			return 0, err
		}
		key, err := r.loadMem(at, 4)
		if err != nil {
			return 0, err
		}
		v, ok := r.m.Map[uint32(key)]
		if !ok {
			return 0, nil
		}
		r.values = append(r.values, v)
		return mapBase + uint64(len(r.values)-1)*mapStride, nil
	case asm.FnProbeReadUser, asm.FnProbeReadKernel:
		return r.probeRead(fn, f)
	}
	return 0, fmt.Errorf("helper %v: %w", fn, errUnknown)
}

// probeRead is bpf_probe_read_user and _kernel: 0 or -EFAULT, and then zeros.
func (r *run) probeRead(fn asm.BuiltinFunc, f *frame) (uint64, error) {
	var arg [3]uint64
	for i := range arg {
		v, err := f.get(asm.R1 + asm.Register(i))
		if err != nil {
			return 0, err
		}
		arg[i] = v
	}
	if arg[1] > stackSize {
		return 0, fmt.Errorf("%d bytes are too many", arg[1])
	}
	dst, written, err := r.memory(arg[0], int(arg[1]))
	if err != nil {
		return 0, err
	}
	if written == nil && len(dst) > 0 {
		return 0, fmt.Errorf("0x%x is not to be written to", arg[0])
	}
	for i := range written {
		written[i] = true
	}
	ok := false
	if fn == asm.FnProbeReadUser {
		ok = r.m.User != nil && r.m.User(arg[2], dst)
	} else if src, _, err := r.memory(arg[2], len(dst)); err == nil {
		copy(dst, src)
		ok = true
	}
	if !ok {
		clear(dst)
		return 1<<64 - efault, nil
	}
	return 0, nil
}
