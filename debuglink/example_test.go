package debuglink_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"path/filepath"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
)

// Where the examples' files are.
const testdata = "../internal/testbin/testdata/amd64/"

func ExampleFind() {
	f, err := elfsym.Open(testdata + "probe-debuglink")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	x, err := debuglink.Find(context.Background(), f, testdata+"probe-debuglink", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer x.Close()
	fmt.Println(filepath.Base(x.Path), "by", x.How, "symbols", x.Symtab, "DWARF", x.DWARF)

	// Addresses from the debug file, offsets from the file that runs.
	for s, err := range x.File.Lookup(elfsym.Symtab, "helper") {
		if err != nil {
			log.Fatal(err)
		}
		off, err := f.Segments().Code(s.Addr)
		fmt.Printf("%s at file offset %#x %v\n", s.Name, off, err)
	}
	// Output:
	// probe-pie.debug by debuglink symbols true DWARF true
	// helper at file offset 0x1360 <nil>
	// helper at file offset 0x1390 <nil>
}

// A search that fails says what it tried.
func ExampleNotFoundError() {
	f, err := elfsym.Open(testdata + "probe-stripped")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	// This directory is the root, so /probe-stripped is the file.
	_, err = debuglink.Find(context.Background(), f, "/probe-stripped", &debuglink.Options{Root: testdata})
	var nf *debuglink.NotFoundError
	if errors.As(err, &nf) {
		for _, t := range nf.Tries {
			fmt.Println(t)
		}
	}
	// Output:
	// /usr/lib/debug/.build-id/75/79de5a4f210c8d6617a0bcbb96175992e8deed.debug (build-id): absent
	// /probe-stripped.debug (name): absent
	// /.debug/probe-stripped.debug (name): absent
	// /usr/lib/debug/probe-stripped.debug (name): absent
	// /.debug/probe-stripped (name): absent
	// /usr/lib/debug/probe-stripped (name): absent
}

// A debug file has no offsets; the executable that it belongs to has.
func ExampleFindExecutable() {
	f, err := elfsym.Open(testdata + "probe-pie.debug")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	fmt.Println("debug file:", f.DebugOnly())
	x, err := debuglink.FindExecutable(context.Background(), f, testdata+"probe-pie.debug", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer x.Close()
	fmt.Println("belongs to", filepath.Base(x.Path))
	// Output:
	// debug file: true
	// belongs to probe-pie
}

func ExampleMiniDebug() {
	f, err := elfsym.Open(testdata + "probe-minidebug")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	mini, err := debuglink.MiniDebug(f, nil)
	if err != nil {
		log.Fatal(err)
	}
	for s, err := range mini.Lookup(elfsym.Symtab, "main_loop", "helper") {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(s.Name, s.Size > 0)
	}
	// Output:
	// helper true
	// helper true
}

func ExampleReadLink() {
	f, err := elfsym.Open(testdata + "probe-debuglink")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	link, err := debuglink.ReadLink(f)
	fmt.Println(link.Name, err)
	// Output: probe-pie.debug <nil>
}

func ExamplePlaces() {
	q := debuglink.Query{Path: "/usr/bin/prog", Link: &debuglink.Link{Name: "prog.debug"}}
	for p := range debuglink.Places(q, nil) {
		fmt.Println(p.Path)
	}
	// Output:
	// /usr/bin/prog.debug
	// /usr/bin/.debug/prog.debug
	// /usr/lib/debug/usr/bin/prog.debug
	// /usr/lib/debug/bin/prog.debug
	// /usr/lib/debug/prog.debug
}
