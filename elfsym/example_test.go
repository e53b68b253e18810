package elfsym_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/probels/probels/elfsym"
)

// committed is the path of a committed binary, for the examples.
func committed(name string) string {
	return filepath.Join("..", "internal", "testbin", "testdata", name)
}

func ExampleOpen() {
	f, err := elfsym.Open(committed("amd64/probe-pinned"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Println(f.Class(), f.ByteOrder(), f.Machine(), f.Type())
	fmt.Printf("build-id %x\n", f.BuildID())

	_, err = elfsym.Open(committed("README.md"))
	fmt.Println(errors.Is(err, elfsym.ErrNotELF))
	// Output:
	// ELFCLASS64 ELFDATA2LSB EM_X86_64 ET_EXEC
	// build-id 728f146781a08c86eeaf4ce493f9f4191ed5f1f5
	// true
}

// A File needs no file: an io.ReaderAt will do.
func ExampleNewFile() {
	content, err := os.ReadFile(committed("s390x/libtestbin.so"))
	if err != nil {
		log.Fatal(err)
	}
	f, err := elfsym.NewFile(bytes.NewReader(content), int64(len(content)), nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(f.Machine(), f.ByteOrder())
	// Output: EM_S390 ELFDATA2MSB
}

// Where to put a uprobe: the symbol gives an address, the segments make it a
// file offset.
func ExampleFile_Lookup() {
	f, err := elfsym.Open(committed("amd64/probe-pinned"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for s, err := range f.Lookup(elfsym.Symtab|elfsym.Dynsym, "traced", "helper") {
		if err != nil {
			log.Fatal(err)
		}
		off, err := f.Segments().Code(s.Entry())
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s address 0x%x offset 0x%x\n", s.Name, s.File, uint64(s.Addr), uint64(off))
	}
	// Unordered output:
	// helper a.c address 0x2001400 offset 0x1400
	// helper b.c address 0x2001500 offset 0x1500
	// traced  address 0x2001000 offset 0x1000
}

// A name may have several versions; "@@" asks for the one that a new program
// gets.
func ExampleFile_Lookup_versions() {
	f, err := elfsym.Open(committed("amd64/libtestbin.so"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"ver_func", "ver_func@V1", "ver_func@@V2", "ver_func@@V1"} {
		fmt.Printf("%s:", name)
		for s, err := range f.Lookup(elfsym.Dynsym, name) {
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf(" %s", s.FullName())
		}
		fmt.Println()
	}
	// Output:
	// ver_func: ver_func@V1 ver_func@@V2
	// ver_func@V1: ver_func@V1
	// ver_func@@V2: ver_func@@V2
	// ver_func@@V1:
}

func ExampleFile_Symbols() {
	f, err := elfsym.Open(committed("amd64/libtestbin-both.so"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s, err := range f.Symbols(elfsym.Dynsym) {
		if err != nil {
			fmt.Println(err) // one symbol is damaged; the others follow
			continue
		}
		if s.IsFunc() {
			n++
		}
	}
	fmt.Println(n, "functions")
	// Output: 10 functions
}

func ExampleFile_Needed() {
	f, err := elfsym.Open(committed("amd64/main"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	libs, err := f.Needed()
	fmt.Println(libs, err)
	// Output: [libtestbin.so] <nil>
}

func ExampleFile_Notes() {
	f, err := elfsym.Open(committed("amd64/nops-alloc"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	for n, err := range f.Notes() {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(n.Section, n.Name, n.Type)
	}
	// Output:
	// .note.gnu.build-id GNU 3
	// .note.stapsdt stapsdt 3
	// .note.stapsdt stapsdt 3
	// .note.stapsdt stapsdt 3
}

func ExampleSegments() {
	f, err := elfsym.Open(committed("amd64/probe-pinned"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	segs := f.Segments()
	fmt.Println(segs.Code(0x2001000)) // the function "traced"
	fmt.Println(segs.Addr(0x1000))    // and back
	fmt.Println(segs.Code(0x5004100)) // a variable is no place for a uprobe
	fmt.Println(segs.Data(0x5004800)) // zeroed memory is in no file
	// Output:
	// 4096 <nil>
	// 33558528 <nil>
	// 0 address 0x5004100: not in an executable segment (no place in the file)
	// 0 address 0x5004800: in the part of a segment that is zeroed memory (.bss) (no place in the file)
}

func ExampleNewTable() {
	f, err := elfsym.Open(committed("amd64/libtestbin.so"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	var syms []elfsym.Symbol
	for s, err := range f.Symbols(elfsym.Symtab | elfsym.Dynsym) {
		if err == nil && s.IsFunc() {
			syms = append(syms, s)
		}
	}
	t := elfsym.NewTable(slices.Values(syms))
	for s := range t.Named("same_func") {
		fmt.Println(s.FullName(), s.Source)
	}
	for _, s := range t.Covering(0x1093) {
		fmt.Println("0x1093 is in", s.Name)
	}
	// Output:
	// same_func@V1 symtab+dynsym
	// same_func@@V2 symtab+dynsym
	// 0x1093 is in lib_func
	// 0x1093 is in lib_weak
}

func ExampleSpans_ByAddr() {
	f, err := elfsym.Open(committed("amd64/libtestbin.so"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	spans, ok := elfsym.NewSpans(f,
		elfsym.SpanSource{File: f, Table: elfsym.Symtab, Mark: elfsym.Symtab},
		elfsym.SpanSource{File: f, Table: elfsym.Dynsym, Mark: elfsym.Dynsym})
	if !ok {
		log.Fatal("damaged: a Table tells what is wrong")
	}
	syms, ok := spans.ByAddr(context.Background())
	if !ok {
		log.Fatal("only a Table can tell")
	}
	n := 0
	for s, err := range syms {
		if err != nil {
			log.Fatal(err)
		}
		if n++; n <= 3 {
			fmt.Printf("0x%x %s %s\n", uint64(s.Addr), s.FullName(), s.Source)
		}
	}
	// Output:
	// 0x1030 ifunc_generic symtab
	// 0x1040 ifunc_tuned symtab
	// 0x1050 ver_func@V1 symtab+dynsym
}

func ExampleDemangle() {
	fmt.Println(elfsym.Demangle("_ZNK5outer5inner5Class6methodEi"))
	fmt.Println(elfsym.Demangle("_ZN5outer3runEv.cold"))
	fmt.Println(elfsym.Demangle("_RNvC5names4uses"))
	fmt.Println(elfsym.Demangle("main"))
	// Output:
	// outer::inner::Class::method(int) const
	// outer::run() [clone .cold]
	// names::uses
	// main
}

func ExampleNameQuery() {
	f, err := elfsym.Open(committed("amd64/cxx.so"))
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	q := elfsym.NewNameQuery("outer::overloaded")
	for s, err := range f.Symbols(elfsym.Dynsym) {
		if err == nil && q.Match(s.Name) {
			fmt.Println(elfsym.Demangle(s.Name))
		}
	}
	// Unordered output:
	// outer::overloaded(int)
	// outer::overloaded(char const*)
	// outer::overloaded(int, double, unsigned long long)
}

func ExampleSplitVersion() {
	fmt.Println(elfsym.SplitVersion("malloc@@GLIBC_2.2.5"))
	// Output: malloc GLIBC_2.2.5 true
}
