package offset_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/probels/probels/offset"
)

const library = "../internal/testbin/testdata/amd64/libtestbin.so"

func ExampleOpen() {
	t, err := offset.Open(library, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	fmt.Println(t.File().Machine(), t.BuildID())

	_, err = offset.Open("../internal/testbin/testdata/amd64/probe.o", nil)
	fmt.Println(errors.Is(err, offset.ErrNotExecutable))
	// Output:
	// EM_X86_64 9ce2637edd09d15b8d20451b45e4c15ec2e3fbac
	// true
}

func ExampleTarget_Probes() {
	t, err := offset.Open(library, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	q := offset.Query{Match: []string{"lib_*", "probelib:*"}}
	for p, err := range t.Probes(context.Background(), q) {
		if err != nil {
			log.Print(err) // one thing is damaged, the rest follows
			continue
		}
		fmt.Printf("%-6s 0x%x %s\n", p.Kind, p.EntryOffset, p.Name())
	}
	// Output:
	// usdt   0x10a0 probelib:entry
	// uprobe 0x1090 lib_func
	// uprobe 0x1120 lib_round
	// uprobe 0x1090 lib_weak
}

func ExampleTarget_FuncNames() {
	t, err := offset.Open(library, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	// What a shell completes "lib_" with.
	for name, err := range t.FuncNames(context.Background()) {
		if err == nil && strings.HasPrefix(name, "lib_") {
			fmt.Println(name)
		}
	}
	// Output:
	// lib_func
	// lib_round
	// lib_weak
}

func ExampleTarget_Resolve() {
	t, err := offset.Open(library, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	results, err := t.Resolve(context.Background(),
		offset.Func("ver_func"), offset.USDT("probelib", "entry"), offset.Func("ver_fumc"))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		for _, l := range r.Locations {
			fmt.Printf("%s: offset 0x%x, ref_ctr_offset 0x%x, version %q\n", r.Spec, l.Offset, l.RefCtrOffset, l.Version)
		}
		if nf := (*offset.NotFoundError)(nil); errors.As(r.Err, &nf) {
			fmt.Printf("%s: not found; perhaps %v\n", r.Spec, nf.Nearest)
		}
	}
	// Output:
	// ver_func: offset 0x1050, ref_ctr_offset 0x0, version "V1"
	// ver_func: offset 0x1060, ref_ctr_offset 0x0, version "V2"
	// probelib:entry: offset 0x10a0, ref_ctr_offset 0x3014, version ""
	// ver_fumc: not found; perhaps [ver_func]
}

func ExampleResult_One() {
	t, err := offset.Open(library, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	results, err := t.Resolve(context.Background(), offset.Func("ver_func"), offset.Func("ver_func@@V2"))
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range results {
		l, err := r.One()
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Printf("%s: 0x%x\n", r.Spec, l.Offset)
	}
	// Output:
	// ver_func: 2 places: 0x1050 (@V1) 0x1060 (@V2)
	// ver_func@@V2: 0x1060
}

func ExampleParseSpec() {
	t, err := offset.Open("../internal/testbin/testdata/amd64/cxx.so", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	for _, text := range []string{"outer::overloaded(int)", "outer::inner::Class::cre*", "plain_c+0x1"} {
		spec, err := offset.ParseSpec(text)
		if err != nil {
			log.Fatal(err)
		}
		results, err := t.Resolve(context.Background(), spec)
		if err != nil {
			log.Fatal(err)
		}
		for _, l := range results[0].Locations {
			fmt.Printf("0x%x %s\n", l.Offset, l.Name)
		}
	}
	// Output:
	// 0x1080 _ZN5outer10overloadedEi
	// 0x1130 _ZN5outer5inner5Class6createEi
	// 0x11f1 plain_c
}

// An offset that was written down is good for one build only.
func ExampleFileOffset() {
	t, err := offset.Open(library, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	results, err := t.Resolve(context.Background(),
		offset.FileOffset(0x1093, "9ce2637edd09d15b8d20451b45e4c15ec2e3fbac"),
		offset.FileOffset(0x1093, "0123456789abcdef"))
	if err != nil {
		log.Fatal(err)
	}
	l, err := results[0].One()
	fmt.Printf("%s+0x%x %v\n", l.Name, l.Addend, err)
	fmt.Println(results[1].Err != nil)
	// Output:
	// lib_func+0x3 <nil>
	// true
}

func ExampleCache() {
	// Once, for all that the tracer will meet.
	cache := offset.NewCache(offset.CacheLimits{Bytes: 8 << 20})
	for range 3 { // for every process that starts, say
		t, err := offset.Open(library, &offset.Options{Cache: cache})
		if err != nil {
			log.Fatal(err)
		}
		results, err := t.Resolve(context.Background(), offset.Func("lib_func"), offset.USDT("probelib", "entry"))
		if err != nil {
			log.Fatal(err)
		}
		for _, r := range results {
			l, err := r.One()
			if err != nil {
				log.Fatal(err)
			}
			fmt.Printf("%s 0x%x\n", r.Spec, l.Offset)
		}
		t.Close()
	}
	// Nothing is kept but on Linux, nor of a file that was written to just now.
	fmt.Println(cache.Stats().Bytes < 2000)
	// Output:
	// lib_func 0x1090
	// probelib:entry 0x10a0
	// lib_func 0x1090
	// probelib:entry 0x10a0
	// lib_func 0x1090
	// probelib:entry 0x10a0
	// true
}
