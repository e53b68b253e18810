package main

import (
	"debug/elf"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/probels/probels/internal/elfwrite"
)

// writeELF is the scripts' "elf": the parts of a runtime that is in a library, as
// python and java are.
func writeELF(ts *testscript.TestScript, _ bool, args []string) {
	f := elfwrite.File{Machine: elf.EM_X86_64}
	var l elfwrite.Linking
	defines := func(names ...string) {
		for _, n := range names {
			f.Dynsyms = append(f.Dynsyms, elfwrite.Symbol{Name: n, Value: 0x1000, Size: 4, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL, Section: ".text"})
		}
	}
	imports := func(name string) {
		f.Dynsyms = append(f.Dynsyms, elfwrite.Symbol{Name: name, Type: elf.STT_FUNC, Bind: elf.STB_GLOBAL})
	}
	switch args[0] + " " + args[2] {
	case "python launcher":
		l.Needed, l.RunPath = []string{"libpython3.12.so.1.0"}, "$ORIGIN/../lib"
		imports("Py_BytesMain")
	case "python library":
		l.SONAME = "libpython3.12.so.1.0"
		defines("Py_Initialize", "PyEval_EvalCode", "Py_BytesMain")
	case "java launcher":
		l.Needed, l.RPath = []string{"libjli.so"}, "$ORIGIN:$ORIGIN/../lib"
		imports("JLI_Launch")
	case "java opener":
		l.SONAME = "libjli.so"
		defines("JLI_Launch")
	case "java library":
		l.SONAME = "libjvm.so"
		defines("JNI_CreateJavaVM", "gHotSpotVMStructs")
		f.Sections = append(f.Sections, elfwrite.Section{Name: ".note.stapsdt", Notes: []elfwrite.Note{f.USDT(0x1000, 0, 0, "hotspot", "method__entry", "")}})
	default:
		ts.Fatalf("elf: %q", args)
	}
	f.Link(l)
	name := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o755))
	ts.Check(os.WriteFile(name, f.Bytes(), 0o755))
}
