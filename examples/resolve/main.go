// Command resolve prints where in a file a function or a USDT probe is.
//
//	resolve FILE NAME
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/probels/probels/offset"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: resolve FILE NAME")
	}
	t, err := offset.Open(os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	spec, err := offset.ParseSpec(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	results, err := t.Resolve(context.Background(), spec)
	if err != nil {
		log.Fatal(err)
	}
	if results[0].Err != nil {
		log.Fatal(results[0].Err)
	}
	for _, l := range results[0].Locations {
		fmt.Printf("%s offset 0x%x semaphore 0x%x\n", l.Path, uint64(l.Offset), uint64(l.RefCtrOffset))
	}
}
