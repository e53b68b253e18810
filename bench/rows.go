//go:build unix

package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// rows are the questions. Files that are not there are left out.
func (c *corpus) rows() []row {
	var out []row
	add := func(file, name string, commands ...*command) {
		if file != "" {
			out = append(out, row{name: name, commands: commands})
		}
	}
	p := func(args ...string) *command { return c.tool(c.probels, args...) }
	usdt := func(f string) []*command {
		return []*command{
			p("-q", "-k", "usdt", f), p("-q", "--json", "-k", "usdt", f), c.tool("readelf", "-n", f), c.tool("eu-readelf", "-n", f),
			c.tool("bpftrace", "-l", "usdt:"+f+":*"), c.tool("tplist-bpfcc", "-l", f), c.tool("gdb", "-batch", "-nx", "-ex", "info probes stap", f),
		}
	}
	functions := func(f string) []*command {
		return []*command{p("-q", "-k", "uprobe", f), c.tool("nm", f), c.tool("readelf", "-sW", f), c.tool("eu-nm", f), c.tool("bpftrace", "-l", "uprobe:"+f+":*")}
	}
	parameters := func(f, name string) []*command {
		perf := c.tool("perf", "probe", "-x", f, "-V", name)
		return []*command{p("show", f, name), c.tool("bpftrace", "-lv", "uprobe:"+f+":"+name), perf,
			c.tool("gdb", "-batch", "-nx", "-ex", "info scope "+name, f)}
	}
	add(c.nothing, "an empty answer, and a Go program that does nothing", p("version"), c.tool(c.nothing))
	add(c.jvm, "USDT probes of libjvm.so (531 sites)", usdt(c.jvm)...)
	add(c.python, "USDT probes of python3.11 (8 sites)", usdt(c.python)...)
	add(c.jvm, "functions of libjvm.so (48,000)", functions(c.jvm)...)
	if c.llvm != "" {
		add(c.llvm, "exported functions of libLLVM.so (105 MB)", p("-q", "-k", "uprobe", c.llvm), c.tool("nm", "-D", c.llvm), c.tool("readelf", "--dyn-syms", "-W", c.llvm),
			c.tool("bpftrace", "-l", "uprobe:"+c.llvm+":*"))
		add(c.llvm, "one exported symbol of libLLVM.so", p("resolve", c.llvm, "LLVMBuildAdd"), c.tool("nm", "-D", c.llvm), c.tool("bpftrace", "-l", "uprobe:"+c.llvm+":LLVMBuildAdd"),
			c.tool("gdb", "-batch", "-nx", "-ex", "info address LLVMBuildAdd", c.llvm))
	}
	add(c.jvm, "one local symbol of libjvm.so", p("resolve", c.jvm, "_ZN9JavaCalls4callEP9JavaValueRK12methodHandleP17JavaCallArgumentsP10JavaThread"), c.tool("nm", c.jvm),
		c.tool("bpftrace", "-l", "uprobe:"+c.jvm+":_ZN9JavaCalls4callEP9JavaValueRK12methodHandleP17JavaCallArgumentsP10JavaThread"))
	add(c.jvmPlain, "parameters of JVM_DefineClass, libjvm.so with 368 MB of DWARF", parameters(c.jvmPlain, "JVM_DefineClass")...)
	add(c.jvmZ, "the same, zlib-compressed", parameters(c.jvmZ, "JVM_DefineClass")...)
	add(c.pythonZ, "parameters of PyEval_EvalCode, python3.11, zlib-compressed", parameters(c.pythonZ, "PyEval_EvalCode")...)
	add(c.pythonZ, "signatures of all functions of python3.11, zlib-compressed", p("-q", "-v", "-k", "uprobe", c.pythonZ),
		c.tool("bpftrace", "-lv", "uprobe:"+c.pythonZ+":*"), c.tool("gdb", "-batch", "-nx", "-ex", "info functions", c.pythonZ))
	add(c.goStripped, "functions of a stripped Go program (cmd/go)", p("-q", "-k", "uprobe", c.goStripped), c.tool("bpftrace", "-l", "uprobe:"+c.goStripped+":*"))
	add("/usr", "USDT probes of all ELF files below /usr", p("-q", "scan", "/usr"), c.tool("find", "/usr", "-xdev", "-type", "f", "-size", "+0"),
		c.tool("sh", "-c", "find /usr -xdev -type f -exec readelf -n {} + 2>/dev/null"))
	for _, n := range probeCounts {
		f := c.probes[n]
		add(f, fmt.Sprintf("growth: %d USDT sites, generated", n), p("-q", "-k", "usdt", f), c.tool("readelf", "-n", f), c.tool("eu-readelf", "-n", f), c.tool("bpftrace", "-l", "usdt:"+f+":*"),
			c.tool("tplist-bpfcc", "-l", f))
	}
	for _, n := range symbolCounts {
		f := c.symbols[n]
		add(f, fmt.Sprintf("growth: %d symbols, generated", n), p("-q", "-k", "uprobe", f), c.tool("nm", f), c.tool("eu-nm", f), c.tool("bpftrace", "-l", "uprobe:"+f+":*"))
	}
	return out
}

// tool is a command, printed as a person would type it: by the last parts of names.
func (c *corpus) tool(name string, args ...string) *command {
	text := filepath.Base(name)
	for _, a := range args {
		if a == "-q" || a == "-nx" || a == "-batch" {
			continue // for the measurement
		}
		for _, f := range []string{c.jvm, c.llvm, c.python, c.jvmPlain, c.goStripped} {
			if f != "" {
				a = strings.ReplaceAll(a, filepath.Dir(f)+"/", "")
			}
		}
		if len(a) > 50 {
			a = a[:20] + "…"
		}
		text += " " + a
	}
	// Debuginfod would make the network part of it.
	return &command{name: text, args: append([]string{name}, args...), env: []string{"DEBUGINFOD_URLS=", "BPFTRACE_MAX_PROBES=100000000"}}
}
