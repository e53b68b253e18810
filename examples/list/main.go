// Command list prints every place in a file that a probe can be put on.
//
//	list FILE [PATTERN…]
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/probels/probels/offset"
)

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: list FILE [PATTERN…]")
	}
	t, err := offset.Open(os.Args[1], nil)
	if err != nil {
		log.Fatal(err)
	}
	defer t.Close()
	for p, err := range t.Probes(context.Background(), offset.Query{Match: os.Args[2:]}) {
		if err != nil {
			log.Println(err) // one damaged thing; the others follow
			continue
		}
		if l, err := p.Location(); err == nil {
			fmt.Printf("0x%x %s %s\n", uint64(l.Offset), l.Kind, p.Name())
		}
	}
}
