//go:build unix

package main

import (
	"debug/elf"
	"fmt"
)

// growthRows are files of one kind of thing, ever more of it: how a tool's time grows.
func (c *corpus) growthRows(l *list) {
	curve := func(kind, family, unit string, commands func(f string) []*command) {
		for _, k := range kinds {
			if k.name != kind {
				continue
			}
			for _, n := range k.counts {
				if f := c.generated[kind][n]; f != "" {
					l.rows = append(l.rows, row{name: fmt.Sprintf("growth: %s, %s", family, thousands(n)), commands: commands(f), family: family, unit: unit, n: n})
				}
			}
		}
	}
	curve("probes", "listing USDT probes", "sites", func(f string) []*command {
		return []*command{c.p("-q", "-k", "usdt", f), c.tool("readelf", "-n", f), c.tool("eu-readelf", "-n", f), c.tool("bpftrace", "-l", "usdt:"+f+":*"),
			c.tool("tplist-bpfcc", "-l", f), c.gdb(f, "info probes stap")}
	})
	curve("symbols", "listing functions", "symbols", func(f string) []*command {
		return []*command{c.p("-q", "-k", "uprobe", f), c.tool("nm", f), c.tool("eu-nm", f), c.tool("bpftrace", "-l", "uprobe:"+f+":*"), c.tool("perf", "probe", "-x", f, "-F")}
	})
	curve("units", "all functions of DWARF", "units", c.walk)
	curve("units", "one function of DWARF, by its name", "units", func(f string) []*command {
		return []*command{c.p("show", f, "unit_0_function_1"), c.gdb(f, "info scope unit_0_function_1"), c.tool("llvm-dwarfdump", "--name=unit_0_function_1", f)}
	})
}

// inside is an address some way into a function, where code was inlined; "" if the file
// has no such symbol.
func inside(file, name string) string {
	f, err := elf.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	all, _ := f.Symbols()
	for _, s := range all {
		if s.Name == name {
			return fmt.Sprintf("%#x", s.Value+0x40)
		}
	}
	return ""
}
