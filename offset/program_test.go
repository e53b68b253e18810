package offset_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
	"github.com/probels/probels/offset"
)

type linking = elfwrite.Linking

func programOf(t *testing.T, path string) offset.Program {
	t.Helper()
	target, err := offset.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	p, err := target.Program()
	if err != nil {
		t.Errorf("%s: %v", path, err)
	}
	return p
}

func needs(names ...string) linking { return linking{Needed: append(names, "libc.so.6")} }

func TestProgram(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		want string
		lib  string
		l    linking
		syms []elfwrite.Symbol
	}{
		{"CPython", "", needs(), defined("Py_Initialize", "PyEval_EvalCode")},
		{"CPython launcher", "libpython3.11.so.1.0", needs("libpython3.11.so.1.0"), imported("Py_BytesMain")},
		{"Ruby launcher", "libruby-3.1.so.3.1", needs("libruby-3.1.so.3.1"), imported("ruby_run_node")},
		{"Ruby", "", needs(), defined("ruby_init", "rb_define_method")},
		{"Perl", "", needs(), defined("perl_alloc", "perl_parse")},
		{"PHP", "", needs(), defined("php_request_startup", "zend_eval_string")},
		{"Lua", "", needs(), defined("lua_newstate", "luaL_openlibs")},
		{"LuaJIT", "", needs(), defined("lua_newstate", "luaL_openlibs", "luaJIT_setmode")},
		{"bash", "", needs(), defined("execute_command", "this_shell_builtin", "dist_version")},
		{"HotSpot JVM", "", needs(), defined("JNI_CreateJavaVM", "gHotSpotVMStructs")},
		{"JVM", "", needs(), defined("JNI_CreateJavaVM")},
		{"OpenJ9 JVM", "", needs("libj9thr29.so"), defined("J9_CreateJavaVM")},
		{"OpenJ9 JVM", "", linking{SONAME: "libj9vm29.so"}, defined("J9_CreateJavaVM")},
		{"JVM launcher", "server/libjvm.so", needs("libjli.so"), imported("JLI_Launch")},
		{"Node.js", "", needs(), defined("node_module_register", "napi_create_function", "_ZN2v82V810GetVersionEv")},
		{"V8", "", needs(), defined("_ZN2v82V810GetVersionEv")},
		{".NET CoreCLR", "", needs(), defined("coreclr_initialize", "coreclr_execute_assembly")},
		{"Haskell", "", needs("libHSrts-1.0.2-ghc9.4.7.so"), nil},
		{"D", "", needs("libgphobos.so.3"), nil},
		{"probably C++", "", needs("libstdc++.so.6"), nil},
		{"", "", linking{}, defined("Py_Initialize")},
	} {
		p := programOf(t, put(t, dir, "f", "", &c.l, c.syms...))
		if p.String() != c.want || p.Library != c.lib || (c.want != "") != (len(p.Evidence) > 0) {
			t.Errorf("%+v, want %s", p, c.want)
		}
	}
	for name, want := range map[string]offset.Runtime{"amd64/rust-v0.so": offset.Rust, "amd64/rust-legacy.so": offset.Rust} {
		if p := programOf(t, testbin.Path(t, name)); p.Runtime != want {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// Every runtime has a line on how it is traced, and every probe that carries names
// is a provider and a name.
func TestRuntimes(t *testing.T) {
	for _, r := range []offset.Runtime{offset.CPython, offset.PyPy, offset.Ruby, offset.Perl, offset.PHP, offset.Lua, offset.LuaJIT, offset.Bash, offset.Zsh,
		offset.Tcl, offset.Guile, offset.RLang, offset.Julia, offset.HotSpot, offset.OpenJ9, offset.JVM, offset.GraalVM, offset.NodeJS, offset.V8,
		offset.CoreCLR, offset.Mono, offset.BEAM, offset.QEMU, offset.OCamlByte, offset.OCaml, offset.Haskell, offset.Go, offset.Rust, offset.Swift,
		offset.DLang, offset.CPlusPlus, offset.C} {
		if r.Trace() == "" {
			t.Errorf("%s: nothing on how it is traced", r)
		}
		for _, p := range r.FunctionProbes() {
			if s, err := offset.ParseSpec(p); err != nil || s.String() != p || r.ProbesNeed() == "" {
				t.Errorf("%s: %s, %v", r, p, err)
			}
		}
	}
	if offset.OpenJ9.FunctionProbes() != nil || offset.Go.Interpreter() || !offset.CPython.Interpreter() {
		t.Error("OpenJ9 has no USDT probes, Go is compiled")
	}
}

func TestRuntimeIn(t *testing.T) {
	root := t.TempDir()
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	java := put(t, root, "jdk/bin/java", "", &linking{Needed: []string{"libjli.so"}, RPath: "$ORIGIN/../lib"}, imported("JLI_Launch")...)
	put(t, root, "jdk/lib/libjli.so", "", &linking{SONAME: "libjli.so"}, defined("JLI_Launch")...)
	jvm := put(t, root, "jdk/lib/server/libjvm.so", "", &linking{}, defined("JNI_CreateJavaVM", "gHotSpotVMStructs")...)
	old := put(t, root, "old/bin/java", "", &linking{Needed: []string{"libjli.so"}, RPath: "$ORIGIN/../lib/amd64/jli"}, imported("JLI_Launch")...)
	put(t, root, "old/lib/amd64/jli/libjli.so", "", &linking{SONAME: "libjli.so"}, defined("JLI_Launch")...)
	old8 := put(t, root, "old/lib/amd64/server/libjvm.so", "", &linking{}, defined("JNI_CreateJavaVM", "gHotSpotVMStructs")...)
	py := put(t, root, "bin/python3", "", &linking{Needed: []string{"libpython3.11.so.1.0"}, RunPath: "$ORIGIN/../lib"}, imported("Py_BytesMain")...)
	lib := put(t, root, "lib/libpython3.11.so.1.0", "", &linking{}, defined("Py_Initialize", "PyEval_EvalCode")...)
	lost := put(t, root, "bin/python4", "", &linking{Needed: []string{"libpython4.so"}}, imported("Py_BytesMain")...)
	for launcher, want := range map[string]string{java: jvm, old: old8, py: lib, lost: ""} {
		target, err := offset.Open(launcher, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer target.Close()
		p, err := target.Program()
		if err != nil || !p.Launcher {
			t.Fatalf("%+v, %v", p, err)
		}
		for _, o := range []*offset.FindOptions{{Root: root}, nil} {
			libs, err := target.RuntimeIn(context.Background(), p, o)
			if err != nil || len(libs) != 1 || libs[0].Path != want || (want == "") != (libs[0].Err != nil) {
				t.Errorf("%s: %+v, %v, want %s", launcher, libs, err, want)
			}
		}
	}
	target, err := offset.Open(jvm, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if libs, err := target.RuntimeIn(context.Background(), programOf(t, jvm), nil); libs != nil || err != nil {
		t.Errorf("%+v, %v", libs, err)
	}
}
