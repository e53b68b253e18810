package confirm

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/probels/probels/offset"
)

// kinds are what Debian's packages are known to hold, wherever they are unpacked or installed: what each is
// follows from its package, not from anything that offset looks at.
var kinds = []struct{ pattern, want string }{
	{"/usr/bin/python3.[0-9]*[0-9]", "CPython"},
	{"/usr/lib/*/libpython3*.so.1.0", "CPython"},
	{"/usr/lib/*/libruby-*.so.*.*", "Ruby"},
	{"/usr/bin/ruby[23].*[0-9]", "Ruby launcher"},
	{"/usr/lib/*/libperl.so.5.*", "Perl"},
	{"/usr/bin/perl", "Perl"},
	{"/usr/bin/php8.[0-9]", "PHP"},
	{"/usr/bin/lua5.[0-9]", "Lua"},
	{"/usr/bin/luajit", "LuaJIT"},
	{"/bin/bash", "bash"},
	{"/bin/zsh", "zsh"},
	{"/usr/lib/*/libtcl8.6.so", "Tcl"},
	{"/usr/bin/tclsh8.6", "Tcl launcher"},
	{"/usr/lib/*/libguile-3.0.so.1", "Guile"},
	{"/usr/lib/jvm/java-[0-9]*/lib/server/libjvm.so", "HotSpot JVM"},
	{"/usr/lib/jvm/java-[0-9]*/bin/java", "JVM launcher"},
	{"/usr/lib/*/libnode.so.*", "Node.js"},
	{"/usr/bin/mono-sgen", "Mono"},
	{"/usr/lib/erlang/erts-*/bin/beam.smp", "Erlang BEAM"},
	{"/usr/bin/qemu-arm", "QEMU"},
	{"/usr/bin/qemu-system-x86_64", "QEMU"},
	{"/usr/bin/ocamlfind", "OCaml"},
	{"/usr/bin/ocamlrun", "OCaml bytecode"},
	{"/usr/bin/hledger", "Haskell"},
	{"/usr/bin/rg", "Rust"},
	{"/usr/bin/age", "Go"},
	{"/usr/bin/dub", "D"},
	{"/usr/lib/*/libstdc++.so.6", "probably C++"},
	{"/bin/dash", "probably C"},
	{"/usr/bin/gdb", "probably C++"}, // it embeds Python, and is none
	{"/usr/sbin/mariadbd", "probably C++"},
}

// The kind of program is told from what is in the file, on every architecture.
func TestProgramKinds(t *testing.T) {
	roots := []string{""}
	for _, dir := range filepath.SplitList(os.Getenv("PROBELS_RUNTIMES")) {
		packages, _ := filepath.Glob(filepath.Join(dir, "*", "*"))
		roots = append(roots, packages...)
	}
	seen, told := map[string]bool{}, map[string]int{}
	for _, root := range roots {
		for _, k := range kinds {
			paths, _ := filepath.Glob(filepath.Join(root, k.pattern))
			for _, path := range paths {
				real, err := filepath.EvalSymlinks(path)
				if err != nil || seen[real] || !isELF(real) {
					continue // a link to a package that is not there, or a script
				}
				seen[real] = true
				target, err := offset.Open(real, nil)
				if err != nil {
					t.Errorf("%s: %v", real, err)
					continue
				}
				p, err := target.Program()
				if err != nil || p.String() != k.want || len(p.Evidence) == 0 {
					t.Errorf("%s: %q by %q, %v; want %q", real, p, p.Evidence, err, k.want)
				}
				told[k.want]++
				target.Close()
			}
		}
	}
	files := 0
	for _, n := range told {
		files += n
	}
	t.Logf("%d files compared, of %d kinds: %v", files, len(told), told)
	if os.Getenv("PROBELS_RUNTIMES") != "" && len(told) < 12 {
		t.Errorf("only %d kinds", len(told))
	}
}
