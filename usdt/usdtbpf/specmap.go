package usdtbpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// The maps' names in usdt.bpf.h.
const (
	SpecsMap = "__bpf_usdt_specs"         // Spec by index, the attach cookie
	IPsMap   = "__bpf_usdt_ip_to_spec_id" // that index by instruction pointer, for kernels without cookies
)

// MapSpec is the map of specs for a program that calls ArgFunc, with room for n. A C
// program has its own, made with usdt.bpf.h, under the name SpecsMap; set its MaxEntries
// before it is loaded if it has more than 256 sites.
func MapSpec(n int) *ebpf.MapSpec {
	return &ebpf.MapSpec{Name: "usdt_specs", Type: ebpf.Array, KeySize: 4, ValueSize: specSize, MaxEntries: uint32(max(n, 1))}
}

// Fill puts specs into a map, the first at 0: so the index of a site is its spec's
// and its attach cookie, as offset/attach gives it. With an error that wraps ErrForm
// the map is filled, and the program gets -EINVAL for the arguments that it tells.
func Fill(specs *ebpf.Map, sites []Spec) error {
	if uint64(len(sites)) > uint64(specs.MaxEntries()) {
		return fmt.Errorf("%d sites, and the map of specs has room for %d", len(sites), specs.MaxEntries())
	}
	var forms []error
	for i := range sites {
		b, err := sites[i].Marshal(int(specs.ValueSize()))
		if b == nil {
			return err
		}
		if err != nil {
			forms = append(forms, fmt.Errorf("site %d: %w", i, err))
		}
		if err := specs.Put(uint32(i), b); err != nil {
			return fmt.Errorf("spec of site %d: %w", i, err)
		}
	}
	return errors.Join(forms...)
}

// FillIPs tells a kernel without attach cookies which spec is for which address: addrs
// are the sites' addresses in the one process that is traced, in the order of their
// specs. A file that is not position independent has them where it was linked.
func FillIPs(ips *ebpf.Map, addrs []uint64) error {
	for i, a := range addrs {
		if err := ips.Put(a, uint32(i)); err != nil {
			return fmt.Errorf("address of site %d: %w", i, err)
		}
	}
	return nil
}
