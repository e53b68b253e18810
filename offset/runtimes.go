package offset

import "sync"

// A Runtime is a language's implementation, or the language of a compiled
// program.
type Runtime string

// What can be told from an ELF file.
const (
	CPython    Runtime = "CPython"
	PyPy       Runtime = "PyPy"
	Ruby       Runtime = "Ruby"
	Perl       Runtime = "Perl"
	PHP        Runtime = "PHP"
	Lua        Runtime = "Lua"
	LuaJIT     Runtime = "LuaJIT"
	Bash       Runtime = "bash"
	Zsh        Runtime = "zsh"
	Tcl        Runtime = "Tcl"
	Guile      Runtime = "Guile"
	RLang      Runtime = "R"
	Julia      Runtime = "Julia"
	HotSpot    Runtime = "HotSpot JVM"
	OpenJ9     Runtime = "OpenJ9 JVM"
	JVM        Runtime = "JVM"
	GraalVM    Runtime = "GraalVM native image"
	NodeJS     Runtime = "Node.js"
	V8         Runtime = "V8"
	CoreCLR    Runtime = ".NET CoreCLR"
	Mono       Runtime = "Mono"
	BEAM       Runtime = "Erlang BEAM"
	QEMU       Runtime = "QEMU"
	OCamlByte  Runtime = "OCaml bytecode"
	OCaml      Runtime = "OCaml"
	Haskell    Runtime = "Haskell"
	Go         Runtime = "Go"
	Rust       Runtime = "Rust"
	Swift      Runtime = "Swift"
	DLang      Runtime = "D"
	CPlusPlus  Runtime = "C++"
	C          Runtime = "C"
	NotKnownRT Runtime = ""
)

// A runtimeRule is the evidence for one runtime in the symbols of a file.
type runtimeRule struct {
	runtime Runtime
	defines []string // all of them: the runtime is in this file
	lib     string   // what the library begins with that has it otherwise
	calls   []string // any of them imported, with lib needed: this file starts it
}

// Names of public interfaces, which a runtime cannot rename: embedders call them.
// A more special rule comes before a more general one.
var runtimeRules = []runtimeRule{
	{CPython, []string{"Py_Initialize", "PyEval_EvalCode"}, "libpython", []string{"Py_BytesMain", "Py_Main", "Py_RunMain"}},
	{PyPy, []string{"pypy_execute_source", "rpython_startup_code"}, "libpypy", []string{"pypy_main_startup", "rpython_startup_code"}},
	{Ruby, []string{"ruby_init", "rb_define_method"}, "libruby", []string{"ruby_run_node"}},
	{Perl, []string{"perl_alloc", "perl_parse"}, "libperl", []string{"perl_run"}},
	{PHP, []string{"php_request_startup", "zend_eval_string"}, "libphp", []string{"php_embed_init"}},
	{LuaJIT, []string{"luaJIT_setmode", "lua_newstate"}, "libluajit", []string{"luaL_newstate"}},
	{Lua, []string{"lua_newstate", "luaL_openlibs"}, "liblua", []string{"luaL_newstate"}},
	{Bash, []string{"execute_command", "this_shell_builtin", "dist_version"}, "", nil},
	{Zsh, []string{"zsh_main", "execlist", "paramtab"}, "libzsh", []string{"zsh_main"}},
	{Tcl, []string{"Tcl_CreateInterp", "Tcl_EvalEx"}, "libtcl", []string{"Tcl_MainEx", "Tcl_Main"}},
	{Guile, []string{"scm_boot_guile", "scm_init_guile"}, "libguile", []string{"scm_shell", "scm_boot_guile"}},
	{RLang, []string{"Rf_initEmbeddedR", "Rf_eval"}, "libR.so", []string{"Rf_mainloop", "Rf_initialize_R"}},
	{Julia, []string{"jl_eval_string", "jl_load_repl"}, "libjulia", []string{"jl_load_repl"}},
	{HotSpot, []string{"JNI_CreateJavaVM", "gHotSpotVMStructs"}, "libjvm.so", []string{"JNI_CreateJavaVM"}},
	{NodeJS, []string{"node_module_register", "napi_create_function"}, "libnode", []string{"_ZN4node5StartEiPPc"}},
	{V8, []string{"_ZN2v82V810GetVersionEv"}, "", nil},
	{CoreCLR, []string{"coreclr_initialize", "coreclr_execute_assembly"}, "libcoreclr", []string{"coreclr_initialize"}},
	{Mono, []string{"mono_jit_init", "mono_main"}, "libmono", []string{"mono_main"}},
	{BEAM, []string{"erl_start", "enif_make_atom"}, "", nil},
	{QEMU, []string{"tcg_gen_code", "cpu_loop"}, "", nil},
	{QEMU, []string{"qemu_plugin_register_vcpu_insn_exec_cb"}, "", nil},
	{OCaml, []string{"caml_startup__code_begin", "caml_startup"}, "", nil},
	{OCamlByte, []string{"caml_main", "caml_interprete"}, "libcamlrun", []string{"caml_main"}},
}

// Java's launcher does not need the machine, but libjli.so, which opens it at run
// time (java.base's libjli/java_md.c): as lib/VARIANT/libjvm.so beside itself.
const javaLauncher = "JLI_Launch"

// A runtimeNote is what is known of tracing programs of a runtime.
type runtimeNote struct {
	trace string   // how they are traced, one line
	probe []string // USDT probes that carry the script's function names
	build string   // what builds the probes in
}

var runtimeNotes = sync.OnceValue(func() map[Runtime]runtimeNote {
	return map[Runtime]runtimeNote{
		CPython: {trace: "Python functions are data: the interpreter's probes carry file, function and line", probe: []string{"python:function__entry", "python:function__return"}, build: "--with-dtrace"},
		PyPy:    {trace: "Python functions are data, and compiled at run time: it has no USDT probes; use vmprof"},
		Ruby:    {trace: "Ruby methods are data: the interpreter's probes carry class, method, file and line", probe: []string{"ruby:method__entry", "ruby:method__return", "ruby:cmethod__entry"}, build: "--enable-dtrace"},
		Perl:    {trace: "Perl subroutines are data: the interpreter's probes carry sub, file, line and package", probe: []string{"perl:sub__entry", "perl:sub__return"}, build: "-Dusedtrace"},
		PHP:     {trace: "PHP functions are data: the interpreter's probes carry function, file, line and class, with USE_ZEND_DTRACE=1 in the environment", probe: []string{"php:function__entry", "php:function__return"}, build: "--enable-dtrace"},
		Lua:     {trace: "Lua functions are data, and Lua has no USDT probes: C functions (lua_callk, luaD_call) show that something is called"},
		LuaJIT:  {trace: "Lua functions are data, and compiled at run time; LuaJIT has no USDT probes: use its own profiler (-jp)"},
		Bash:    {trace: "shell functions are data, and bash has no USDT probes: readline, execute_command and the builtins are functions"},
		Zsh:     {trace: "shell functions are data, and zsh has no USDT probes: execlist and doshfunc are functions"},
		Tcl:     {trace: "Tcl procedures are data: the interpreter's probes carry their names", probe: []string{"tcl:proc__entry", "tcl:proc__return", "tcl:cmd__entry"}, build: "--enable-dtrace"},
		Guile:   {trace: "Scheme procedures are compiled at run time, and Guile has no USDT probes: primitives are functions scm_*"},
		RLang:   {trace: "R functions are data, and R has no USDT probes: Rf_eval and Rf_applyClosure are functions"},
		Julia:   {trace: "Julia functions are compiled at run time; the probes tell of collection and tasks, not of functions: use ENABLE_JITPROFILING=1 and perf", build: "WITH_DTRACE=1"},
		HotSpot: {trace: "Java methods are compiled at run time: run java with -XX:+ExtendedDTraceProbes, and the machine's probes carry class, method and signature", probe: []string{"hotspot:method__entry", "hotspot:method__return"}, build: "--enable-dtrace"},
		OpenJ9:  {trace: "Java methods are compiled at run time, and OpenJ9 has no USDT probes: use its own -Xtrace:methods"},
		JVM:     {trace: "Java methods are compiled at run time; which machine this is could not be told"},
		GraalVM: {trace: "compiled ahead of time: Java methods are functions of the file, if it has symbols"},
		NodeJS:  {trace: "JavaScript functions are compiled at run time, and no USDT probe has their names: node --perf-basic-prof writes a perf map; node's own functions are C++"},
		V8:      {trace: "JavaScript functions are compiled at run time, and no USDT probe has their names: --perf-basic-prof writes a perf map"},
		CoreCLR: {trace: ".NET methods are compiled at run time, and CoreCLR has LTTng events, no USDT probes of methods: DOTNET_PerfMapEnabled=1 writes a perf map"},
		Mono:    {trace: ".NET methods are compiled at run time, and no USDT probe has their names: use mono --trace"},
		BEAM: {trace: "Erlang functions are data: the machine's probes carry process and module:function/arity",
			probe: []string{"erlang:local__function__entry", "erlang:global__function__entry"}, build: "--with-dynamic-trace=systemtap"},
		QEMU:      {trace: "the guest's code is translated at run time: probe functions of QEMU itself, and its guest by a TCG plugin"},
		OCamlByte: {trace: "OCaml functions are bytecode: primitives are C functions caml_*"},
		OCaml:     {trace: "compiled: OCaml functions are symbols camlModule__name_123"},
		Haskell:   {trace: "compiled: Haskell's functions do not return as C's do, so that entries can be probed and returns cannot"},
		Go:        {trace: "compiled: Go functions by name, also if stripped; no return probes, whose trampolines crash Go when a stack moves: probe the RET instructions"},
		Rust:      {trace: "compiled: functions by demangled name, unless inlined"},
		Swift:     {trace: "compiled: functions by mangled name"},
		DLang:     {trace: "compiled: functions by mangled name"},
		CPlusPlus: {trace: "compiled: functions by demangled name, unless inlined"},
		C:         {trace: "compiled: functions by name, unless inlined"},
	}
})

// Trace is one line on how programs of the runtime are traced; "" if nothing is
// known.
func (r Runtime) Trace() string { return runtimeNotes()[r].trace }

// FunctionProbes are the USDT probes that carry the names of a script's functions;
// none if the runtime has none.
func (r Runtime) FunctionProbes() []string { return append([]string(nil), runtimeNotes()[r].probe...) }

// ProbesNeed is what the runtime has to be configured with to have USDT probes; ""
// if it never has.
func (r Runtime) ProbesNeed() string { return runtimeNotes()[r].build }

// Interpreter reports whether the functions of the programs that people write for
// the runtime are not functions of an ELF file.
func (r Runtime) Interpreter() bool {
	switch r {
	case NotKnownRT, GraalVM, OCaml, Haskell, Go, Rust, Swift, DLang, CPlusPlus, C:
		return false
	}
	return true
}
