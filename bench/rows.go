//go:build unix

package main

import (
	"path/filepath"
	"strings"
)

// A list gathers rows.
type list struct {
	c    *corpus
	rows []row
}

// add adds a row, unless its file is not there.
func (l *list) add(file, name string, commands ...*command) {
	if file != "" {
		l.rows = append(l.rows, row{name: name, commands: commands})
	}
}

// rows are the questions. Commands are those that a person types; where none
// answers, small programs that use a library are named by it.
func (c *corpus) rows() []row {
	l := &list{c: c}
	l.add(c.nothing, "an empty answer, and a Go program that does nothing", c.p("version"), c.tool(c.nothing))
	c.usdtRows(l)
	c.functionRows(l)
	c.symbolRows(l)
	c.screenRows(l)
	c.parameterRows(l)
	c.walkRows(l)
	c.addressRows(l)
	c.growthRows(l)
	return l.rows
}

func (c *corpus) usdt(f string) []*command {
	return []*command{
		c.p("-q", "-k", "usdt", f), c.p("-q", "--json", "-k", "usdt", f), c.tool("readelf", "-n", f), c.tool("eu-readelf", "-n", f),
		c.tool("bpftrace", "-l", "usdt:"+f+":*"), c.tool("tplist-bpfcc", "-l", f), c.gdb(f, "info probes stap"),
	}
}

func (c *corpus) usdtRows(l *list) {
	l.add(c.jvm, "USDT probes of libjvm.so (531 sites)", c.usdt(c.jvm)...)
	l.add(c.python, "USDT probes of python3.11 (8 sites)", c.usdt(c.python)...)
	l.add("/usr", "USDT probes of all ELF files below /usr", c.p("-q", "scan", "/usr"), c.tool("find", "/usr", "-xdev", "-type", "f", "-size", "+0"),
		c.shell("find /usr -xdev -type f -exec readelf -n {} + 2>/dev/null"))
}

func (c *corpus) functions(f string) []*command {
	return []*command{c.p("-q", "-k", "uprobe", f), c.tool("nm", f), c.tool("readelf", "-sW", f), c.tool("eu-nm", f),
		c.tool("bpftrace", "-l", "uprobe:"+f+":*"), c.tool("perf", "probe", "-x", f, "-F"), c.gdb(f, "info functions -q")}
}

func (c *corpus) functionRows(l *list) {
	l.add(c.jvm, "functions of libjvm.so (48,000)", c.functions(c.jvm)...)
	l.add(c.jvm, "functions of libjvm.so, demangled", c.p("-q", "--json", "-k", "uprobe", c.jvm), c.tool("nm", "-C", c.jvm), c.tool("eu-nm", "-C", c.jvm))
	l.add(c.node, "functions of "+filepath.Base(c.node)+" (node.js)", c.functions(c.node)...)
	l.add(c.rustLLVM, "functions of rustc's libLLVM.so (200 MB)", c.functions(c.rustLLVM)...)
	l.add(c.rustLLVM, "functions of rustc's libLLVM.so, demangled", c.p("-q", "--json", "-k", "uprobe", c.rustLLVM), c.tool("nm", "-C", c.rustLLVM), c.tool("eu-nm", "-C", c.rustLLVM))
	l.add(c.llvm, "exported functions of libLLVM.so (105 MB)", c.p("-q", "-k", "uprobe", c.llvm), c.tool("nm", "-D", c.llvm), c.tool("readelf", "--dyn-syms", "-W", c.llvm),
		c.tool("bpftrace", "-l", "uprobe:"+c.llvm+":*"))
	for _, f := range []string{c.jvm, c.node, c.rustLLVM} {
		l.add(f, "functions of "+filepath.Base(f)+" by address, with sizes", c.p("-q", "-n", "-k", "uprobe", f), c.tool("nm", "-n", "-S", f), c.tool("eu-nm", "-n", "-S", f))
	}
	l.add(c.goStripped, "functions of a stripped Go program ("+filepath.Base(c.goStripped)+")", c.p("-q", "-k", "uprobe", c.goStripped),
		c.tool(c.lib, "go-probels", c.goStripped).as("elfsym's GoFuncs"), c.tool(c.lib, "go-std", c.goStripped).as("Go's debug/gosym"),
		c.tool("bpftrace", "-l", "uprobe:"+c.goStripped+":*"))
	l.add(c.jvmMini, "functions of libjvm.so in .gnu_debugdata", c.p("-q", "-k", "uprobe", c.jvmMini), c.tool("xz", "-dc", c.jvmMiniXZ), c.tool("eu-readelf", "--elf-section", "-s", c.jvmMini),
		c.gdb(c.jvmMini, "info functions -q"))
}

func (c *corpus) symbolRows(l *list) {
	exported := func(f, name string) []*command {
		return []*command{c.p("resolve", f, name), c.tool("nm", "-D", f), c.tool(c.lib, "symbol-std", f, name).as("Go's debug/elf"),
			c.tool("bpftrace", "-l", "uprobe:"+f+":"+name), c.gdb(f, "info address "+name)}
	}
	l.add(c.llvm, "one exported symbol of libLLVM.so", exported(c.llvm, "LLVMBuildAdd")...)
	l.add(c.rustLLVM, "one exported symbol of rustc's libLLVM.so", exported(c.rustLLVM, "LLVMBuildAdd")...)
	l.add(c.node, "one exported symbol of "+filepath.Base(c.node), exported(c.node, "_ZN4node5StartEiPPc")...)
	const local = "_ZN9JavaCalls4callEP9JavaValueRK12methodHandleP17JavaCallArgumentsP10JavaThread"
	l.add(c.jvm, "one local symbol of libjvm.so", c.p("resolve", c.jvm, local), c.tool("nm", c.jvm), c.tool(c.lib, "symbol-std", c.jvm, local).as("Go's debug/elf"),
		c.tool("bpftrace", "-l", "uprobe:"+c.jvm+":"+local), c.gdb(c.jvm, "info address "+local))
}

// screenRows are what a person waits for who looks at a file.
func (c *corpus) screenRows(l *list) {
	l.add(c.jvm, "the first screen of what libjvm.so has", c.shell(c.probels+" "+c.jvm+" | head -n 40"), c.shell("nm "+c.jvm+" | head -n 40"),
		c.shell("bpftrace -l '*:"+c.jvm+":*' | head -n 40"))
}

// p is probels.
func (c *corpus) p(args ...string) *command {
	k := c.tool(c.probels, args...)
	k.ours = true
	return k
}

// gdb runs one of GDB's commands.
func (c *corpus) gdb(file, cmd string) *command {
	return c.tool("gdb", "-batch", "-nx", "-ex", cmd, file)
}

// shell runs a line of sh.
func (c *corpus) shell(line string) *command {
	k := c.tool("sh", "-c", line)
	k.name = c.short(line)
	k.label = "`" + strings.ReplaceAll(k.name, "|", "\\|") + "`"
	return k
}

// tool is a command, printed as a person would type it: by the last parts of names.
func (c *corpus) tool(name string, args ...string) *command {
	text := filepath.Base(name)
	for _, a := range args {
		if a == "-q" || a == "-nx" || a == "-batch" {
			continue // for the measurement
		}
		a = c.short(a)
		if len(a) > 50 {
			a = a[:20] + "…"
		}
		text += " " + a
	}
	// Debuginfod would make the network part of it.
	return &command{name: text, label: labelOf(name, args), args: append([]string{name}, args...), env: []string{"DEBUGINFOD_URLS=", "BPFTRACE_MAX_PROBES=100000000"}}
}

// short leaves out the corpus' directories.
func (c *corpus) short(s string) string {
	for _, f := range []string{c.probels, c.jvm, c.llvm, c.python, c.node, c.rustLLVM, c.jvmPlain, c.goStripped} {
		if f != "" {
			s = strings.ReplaceAll(s, filepath.Dir(f)+"/", "")
		}
	}
	return s
}

// as gives a command another name: that of the library which a program is about.
func (c *command) as(name string) *command {
	c.name, c.label = name, name
	return c
}
