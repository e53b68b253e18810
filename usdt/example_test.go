package usdt_test

import (
	"fmt"
	"log"
	"path/filepath"

	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/usdt"
)

// committed is the path of a committed binary, for the examples.
func committed(name string) string {
	return filepath.Join("..", "internal", "testbin", "testdata", name)
}

func ExampleSites() {
	f, err := elfsym.Open(committed("amd64/nops"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for s, err := range usdt.Sites(f) {
		if err != nil {
			fmt.Println(err) // one note is damaged; the others follow
			continue
		}
		fmt.Printf("%s:%s offset 0x%x", s.Provider, s.Name, uint64(s.Offset))
		if s.Semaphore != 0 {
			fmt.Printf(" ref_ctr_offset 0x%x", uint64(s.RefCtrOffset))
		}
		fmt.Printf(" %q\n", s.Spec)
	}
	// Output:
	// nops:nop offset 0x1160 "-4@%edi"
	// nops:nop5 offset 0x1170 ref_ctr_offset 0x3000 "-4@%edi 8@-8(%rsp)"
	// nops:nop10 offset 0x1180 "-4@%edi -4@$-9"
}

func ExampleNames() {
	f, err := elfsym.Open(committed("amd64/nops"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for n, err := range usdt.Names(f) {
		if err == nil {
			fmt.Println(n.Provider, n.Name)
		}
	}
	// Output:
	// nops nop
	// nops nop5
	// nops nop10
}

func ExampleSite_Args() {
	f, err := elfsym.Open(committed("amd64/probe-pinned"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for s, err := range usdt.Sites(f) {
		if err != nil {
			log.Fatal(err)
		}
		if s.Name != "pointers" {
			continue
		}
		for i, a := range s.Args() {
			fmt.Printf("arg%d: %d bytes, signed %v, %v: %s\n", i, a.Size, a.Signed, a.Kind, a.Text)
		}
	}
	// Output:
	// arg0: 8 bytes, signed false, register: 8@%rdi
	// arg1: 8 bytes, signed false, register: 8@%rax
	// arg2: 8 bytes, signed false, constant: 8@$0
	// arg3: 1 bytes, signed true, memory: -1@(%rdi)
}

// A probe that was inlined stands in several places; all are to be attached to.
func ExampleGroup() {
	f, err := elfsym.Open(committed("amd64/probe-pinned"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var sites []usdt.Site
	for s, err := range usdt.Sites(f) {
		if err == nil {
			sites = append(sites, s)
		}
	}
	for _, p := range usdt.Group(sites) {
		if len(p.Sites) == 1 {
			continue
		}
		fmt.Printf("%s:%s", p.Provider, p.Name)
		for _, s := range p.Sites {
			fmt.Printf(" 0x%x", uint64(s.Offset))
		}
		fmt.Println()
	}
	// Output:
	// probels:inlined 0x1800 0x1906 0x190a
	// probels:differ 0x2380 0x2381
}

func ExampleReadNop() {
	f, err := elfsym.Open(committed("amd64/nops"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for s, err := range usdt.Sites(f) {
		if err != nil {
			log.Fatal(err)
		}
		nop, err := usdt.ReadNop(f, &s)
		if err != nil {
			log.Fatal(err)
		}
		fast, ok := nop.FastOffset()
		fmt.Println(s.Name, nop, fast, ok)
	}
	// Output:
	// nop nop 0 false
	// nop5 nop,nop5 1 true
	// nop10 nop,nop10 1 true
}

// Operands may name symbols, whose addresses the file knows.
func ExampleSymbols() {
	f, err := elfsym.Open(committed("amd64/probe-pinned"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	syms := usdt.Symbols{}
	for s, err := range usdt.Sites(f) {
		if err != nil {
			log.Fatal(err)
		}
		if s.Name == "guarded" {
			syms.Names(s.Args())
		}
	}
	if err := syms.Resolve(f); err != nil {
		log.Fatal(err)
	}
	for name, addr := range syms {
		fmt.Printf("%s 0x%x\n", name, uint64(addr))
	}
	// Output: probels_guarded_semaphore 0x5004002
}
