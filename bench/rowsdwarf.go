//go:build unix

package main

// parameterRows: what a tracer has to know to read arguments.
func (c *corpus) parameterRows(l *list) {
	parameters := func(f, name string) []*command {
		return []*command{c.p("-v", "-m", name, f), c.p("show", f, name), c.tool("bpftrace", "-lv", "uprobe:"+f+":"+name), c.tool("perf", "probe", "-x", f, "-V", name),
			c.gdb(f, "info scope "+name), c.tool("llvm-dwarfdump", "--name="+name, "-c", f)}
	}
	l.add(c.jvmPlain, "parameters of JVM_DefineClass, libjvm.so with 368 MB of DWARF", parameters(c.jvmPlain, "JVM_DefineClass")...)
	l.add(c.jvmZ, "the same, zlib-compressed as shipped", parameters(c.jvmZ, "JVM_DefineClass")...)
	l.add(c.pythonPlain, "parameters of PyEval_EvalCode, python3.11, uncompressed", parameters(c.pythonPlain, "PyEval_EvalCode")...)
	l.add(c.pythonZ, "the same, zlib-compressed as shipped", parameters(c.pythonZ, "PyEval_EvalCode")...)
	signatures := func(f string) []*command {
		return []*command{c.p("-q", "-v", "-k", "uprobe", f), c.tool("bpftrace", "-lv", "uprobe:"+f+":*"), c.gdb(f, "info functions -n -q")}
	}
	l.add(c.pythonZ, "signatures of all functions of python3.11, zlib-compressed", signatures(c.pythonZ)...)
	l.add(c.jvmZ, "signatures of all functions of libjvm.so, zlib-compressed", signatures(c.jvmZ)...)
}

// walk finds all functions of DWARF that have code. GDB and llvm-dwarfdump are asked for a name that
// there is not, which makes the one index all of them and the other look at all; neither prints more.
func (c *corpus) walk(f string) []*command {
	return []*command{c.tool(c.lib, "dwarf-probels", f).as("dwarfinfo's Funcs"), c.rustTool("gimli (Rust), all processors", "functions", f),
		c.tool(c.lib, "dwarf-std", f).as("Go's debug/dwarf"), c.gdb(f, "info functions -n ^no_such_name$"), c.tool("llvm-dwarfdump", "--name=no_such_name", f)}
}

func (c *corpus) walkRows(l *list) {
	l.add(c.jvmPlain, "all functions of DWARF, libjvm.so, 368 MB uncompressed", c.walk(c.jvmPlain)...)
	l.add(c.jvmZ, "the same, zlib-compressed as shipped", c.walk(c.jvmZ)...)
	l.add(c.pythonPlain, "all functions of DWARF, python3.11, uncompressed", c.walk(c.pythonPlain)...)
	l.add(c.pythonZ, "the same, zlib-compressed as shipped", c.walk(c.pythonZ)...)
}

// addressRows: from an address to the source.
func (c *corpus) addressRows(l *list) {
	line := func(f, addr string) []*command {
		return []*command{c.p("resolve", "--json", f, addr), c.tool("eu-addr2line", "-e", f, addr), c.tool("addr2line", "-e", f, addr),
			c.tool("llvm-symbolizer", "--no-inlines", "--functions=none", "--obj="+f, addr), c.gdb(f, "info line *"+addr)}
	}
	chain := func(f, addr string) []*command {
		return []*command{c.p("show", f, addr), c.tool("eu-addr2line", "-i", "-f", "-e", f, addr), c.tool("addr2line", "-i", "-f", "-e", f, addr),
			c.tool("llvm-symbolizer", "--obj="+f, addr), c.rustTool("addr2line (Rust)", "line", f, addr)}
	}
	for _, f := range []struct{ name, file, z, function string }{
		{"libjvm.so", c.jvmPlain, c.jvmZ, "JVM_DefineClass"}, {"python3.11", c.pythonPlain, c.pythonZ, "PyEval_EvalCode"},
	} {
		addr := inside(f.file, f.function)
		if addr == "" {
			continue
		}
		l.add(f.file, "file and line of an address, "+f.name+", uncompressed", line(f.file, addr)...)
		l.add(f.z, "the same, zlib-compressed as shipped", line(f.z, addr)...)
		l.add(f.file, "function, line and inlined calls of an address, "+f.name+", uncompressed", chain(f.file, addr)...)
		l.add(f.z, "the same, zlib-compressed as shipped", chain(f.z, addr)...)
	}
}

// rustTool is the program of rust/main.rs.
func (c *corpus) rustTool(name string, args ...string) *command {
	if c.rust == "" {
		return &command{name: name, label: name, missing: true}
	}
	return c.tool(c.rust, args...).as(name)
}
