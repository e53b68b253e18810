package usdtbpf

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/features"

	"github.com/probels/probels/elfsym"
)

// maxObject is more than any eBPF object file has.
const maxObject = 64 << 20

// LoadCollectionSpec is ebpf.LoadCollectionSpec for C programs that were compiled with
// usdt.bpf.h, with which three things go wrong otherwise. Its maps are weak symbols, so that
// several files of a program may include it: here they count as global, as they do when a
// program has been linked. And it asks libbpf whether the kernel has attach cookies
// (LINUX_HAS_BPF_COOKIE): here a map answers. And its functions are hidden, which to the verifier means static: a
// global one is verified for any arguments, and fails. A program with other __kconfig variables
// beside that one is an error.
func LoadCollectionSpec(path string) (*ebpf.CollectionSpec, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxObject+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxObject {
		return nil, fmt.Errorf("%s: more than %d bytes, no eBPF object file", path, maxObject)
	}
	if err := strengthen(b); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, p := range spec.Programs {
		hide(p.Instructions)
	}
	if err := answerCookie(spec); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return spec, nil
}

// hide makes static the functions that the header declares hidden.
func hide(ins asm.Instructions) {
	for i := range ins {
		f := btf.FuncMetadata(&ins[i])
		if f == nil || f.Linkage == btf.StaticFunc {
			continue
		}
		switch f.Name {
		case "bpf_usdt_arg", "bpf_usdt_arg_cnt", "bpf_usdt_cookie":
			static := *f
			static.Linkage = btf.StaticFunc
			ins[i] = btf.WithFuncMetadata(ins[i], &static)
		}
	}
}

const (
	cookieVar = "LINUX_HAS_BPF_COOKIE"
	cookieMap = ".usdt_cookie" // of one value, which is the answer
)

// answerCookie makes the programs read the answer from a map that has it.
func answerCookie(spec *ebpf.CollectionSpec) error {
	var config *btf.Datasec
	if err := spec.Types.TypeByName(".kconfig", &config); errors.Is(err, btf.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	others := false
	used := false
	for _, v := range config.Vars {
		if v.Type.TypeName() == cookieVar {
			used = true
		} else {
			others = true
		}
	}
	if !used {
		return nil
	}
	if others {
		return errors.New("__kconfig variables beside " + cookieVar + ", which cannot be told apart")
	}
	has := make([]byte, 8)
	if features.HaveProgramHelper(ebpf.Kprobe, asm.FnGetAttachCookie) == nil {
		has[0] = 1
	}
	spec.Maps[cookieMap] = &ebpf.MapSpec{
		Name: cookieMap, Type: ebpf.Array, KeySize: 4, ValueSize: uint32(len(has)), MaxEntries: 1,
		Flags: readOnlyProg, Contents: []ebpf.MapKV{{Key: uint32(0), Value: has}},
	}
	for _, p := range spec.Programs {
		for i := range p.Instructions {
			in := &p.Instructions[i]
			// What refers to a __kconfig variable is a pointer into a map that has no name.
			if !in.OpCode.IsDWordLoad() || in.Src != asm.PseudoMapValue || in.Reference() != "" {
				continue
			}
			load := asm.LoadMapValue(in.Dst, 0, 0).WithReference(cookieMap).WithSource(in.Source())
			if s := in.Symbol(); s != "" {
				load = load.WithSymbol(s)
			}
			if f := btf.FuncMetadata(in); f != nil {
				load = btf.WithFuncMetadata(load, f)
			}
			*in = load
		}
	}
	return nil
}

// readOnlyProg is BPF_F_RDONLY_PROG: the verifier then knows what is in a frozen map.
const readOnlyProg = 1 << 7

// strengthen makes the weak symbols of maps global, in the bytes of an object file.
func strengthen(b []byte) error {
	f, err := elfsym.NewFile(bytes.NewReader(b), int64(len(b)), nil)
	if err != nil {
		return err
	}
	if f.Machine() != elf.EM_BPF || f.Class() != elf.ELFCLASS64 {
		return errors.New("no eBPF object file")
	}
	maps, table := f.Section(".maps"), f.Section(".symtab")
	if maps == nil || table == nil {
		return nil
	}
	from, size := uint64(table.Offset), table.Size
	if from > uint64(len(b)) || size > uint64(len(b))-from {
		return errors.New("its symbol table is beyond its end")
	}
	// struct Elf64_Sym: name, info, other, shndx, value, size.
	for sym := b[from : from+size]; len(sym) >= elf.Sym64Size; sym = sym[elf.Sym64Size:] {
		info, shndx := sym[4], int(f.U16(sym[6:]))
		if elf.ST_BIND(info) == elf.STB_WEAK && shndx == maps.Index {
			sym[4] = elf.ST_INFO(elf.STB_GLOBAL, elf.ST_TYPE(info))
		}
	}
	return nil
}
