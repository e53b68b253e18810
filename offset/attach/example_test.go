package attach_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/probels/probels/offset"
	"github.com/probels/probels/offset/attach"
)

// Every site of a USDT probe of Python, with its semaphore, in all processes.
func ExampleAttach() {
	target, err := offset.Open("/usr/bin/python3", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer target.Close()
	results, err := target.Resolve(context.Background(), offset.USDT("python", "gc__start"))
	if err != nil {
		log.Fatal(err)
	}
	if results[0].Err != nil {
		log.Fatal(results[0].Err)
	}
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Type: ebpf.Kprobe, AttachType: attach.ProgramType(), License: "GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer prog.Close()
	probes, err := attach.Attach(prog, results[0].Locations, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer probes.Close()
	fmt.Println(probes.Places(), "places")
	time.Sleep(time.Second)
}
