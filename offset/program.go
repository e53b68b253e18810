package offset

import (
	"bytes"
	"debug/elf"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/probels/probels/elfsym"
)

// A Program says what kind of program a file is, by what is in the file itself:
// never by its name.
type Program struct {
	Runtime Runtime // "" if nothing tells

	// Launcher is set where the file only starts the runtime, which is in
	// Library: "libpython3.11.so.1.0", as it is needed, or a path from the
	// directory of the library that opens it at run time.
	Launcher bool
	Library  string

	// Certain is false where the evidence fits other kinds too.
	Certain  bool
	Evidence []string // for people: "defines Py_Initialize", "needs libstdc++.so.6"
}

// String is the runtime, with what is doubtful about it.
func (p Program) String() string {
	switch {
	case p.Runtime == "":
		return ""
	case p.Launcher:
		return string(p.Runtime) + " launcher"
	case !p.Certain:
		return "probably " + string(p.Runtime)
	}
	return string(p.Runtime)
}

// Program tells what kind of program the target is. It reads the dynamic symbols,
// the section headers and, where those do not tell, at most a few megabytes of
// constants. An error comes with what could be told.
func (t *Target) Program() (Program, error) {
	i := identifier{f: t.f}
	p := i.identify()
	return p, errors.Join(i.errs...)
}

type identifier struct {
	f    *elfsym.File
	link elfsym.Linking
	has  map[string]bool // public names: whether they are defined here
	rust string          // a name of Rust's mangling that is defined here
	errs []error
}

func (i *identifier) fail(err error) {
	if err != nil {
		i.errs = append(i.errs, err)
	}
}

func (i *identifier) identify() Program {
	if v := i.f.GoVersion(); v != "" {
		return Program{Runtime: Go, Certain: true, Evidence: []string{"Go build information, " + v}}
	}
	var err error
	i.link, err = i.f.Linking()
	i.fail(err)
	i.readNames()
	for _, find := range []func() (Program, bool){i.bySymbols, i.java, i.bySections, i.byConstants, i.byLibraries} {
		if p, ok := find(); ok {
			return p
		}
	}
	return Program{}
}

// wantedNames are those that rules ask for.
var wantedNames = sync.OnceValue(func() map[string]bool {
	m := map[string]bool{javaLauncher: true, "__libc_start_main": true, "__gxx_personality_v0": true, "rust_eh_personality": true}
	for _, r := range runtimeRules {
		for _, n := range slices.Concat(r.defines, r.calls) {
			m[n] = true
		}
	}
	return m
})

// readNames goes once through the names that the file has for others or has from
// them: one walk costs less than a search for each.
func (i *identifier) readNames() {
	i.has = map[string]bool{}
	wanted := wantedNames()
	for s, err := range i.f.Symbols(elfsym.Dynsym) {
		if err != nil {
			i.fail(err)
			if len(i.errs) > 3 {
				return
			}
			continue
		}
		if i.rust == "" && s.Defined() && rustMangled(s.Name) {
			i.rust = s.Name
		}
		if wanted[s.Name] {
			i.has[s.Name] = i.has[s.Name] || s.Defined()
		}
	}
}

// rustMangled: "_ZN…17h" with 16 hexadecimal digits and "E" (legacy), or "_R" (v0).
func rustMangled(name string) bool {
	if strings.HasPrefix(name, "_R") {
		return elfsym.Demangle(name) != name
	}
	n := len(name) - len("17h0123456789abcdefE")
	return n > 3 && strings.HasPrefix(name, "_ZN") && strings.HasPrefix(name[n:], "17h") && strings.HasSuffix(name, "E") &&
		strings.Trim(name[n+3:len(name)-1], "0123456789abcdef") == ""
}

func (i *identifier) defines(name string) bool { return i.has[name] }

func (i *identifier) imports(name string) bool {
	defined, there := i.has[name]
	return there && !defined
}

// needed is the library of that beginning that the file needs.
func (i *identifier) needed(prefix string) string {
	for _, n := range i.link.Needed {
		if strings.HasPrefix(n, prefix) {
			return n
		}
	}
	return ""
}

func (i *identifier) bySymbols() (Program, bool) {
	for _, r := range runtimeRules {
		if !slices.ContainsFunc(r.defines, func(n string) bool { return !i.defines(n) }) {
			p := Program{Runtime: r.runtime, Certain: true}
			for _, n := range r.defines {
				p.Evidence = append(p.Evidence, "defines "+n)
			}
			return p, true
		}
	}
	for _, r := range runtimeRules {
		if r.lib == "" {
			continue
		}
		lib := i.needed(r.lib)
		if lib == "" {
			continue
		}
		for _, n := range r.calls {
			if i.imports(n) {
				return Program{Runtime: r.runtime, Launcher: true, Library: lib, Certain: true,
					Evidence: []string{"imports " + n, "needs " + lib}}, true
			}
		}
	}
	return Program{}, false
}

// jvmBeside is where libjli.so finds the machine, from its own directory: since
// JDK 9, and with the architecture between before.
const jvmBeside = "server/libjvm.so"

// java tells machines that HotSpot's rule has not, and java's launcher.
func (i *identifier) java() (Program, bool) {
	j9 := i.needed("libj9")
	if j9 == "" && strings.HasPrefix(i.link.SONAME, "libj9") {
		j9 = i.link.SONAME
	}
	switch {
	case j9 != "":
		return Program{Runtime: OpenJ9, Certain: true, Evidence: []string{"is or needs " + j9}}, true
	case i.defines("JNI_CreateJavaVM"):
		// OpenJ9's libjvm.so only forwards, to libj9vm29.so, which it opens.
		if i.constant("j9vm") {
			return Program{Runtime: OpenJ9, Certain: true, Evidence: []string{"defines JNI_CreateJavaVM and no gHotSpotVMStructs", "names j9vm"}}, true
		}
		return Program{Runtime: JVM, Certain: true, Evidence: []string{"defines JNI_CreateJavaVM and no gHotSpotVMStructs"}}, true
	case i.imports(javaLauncher) && i.needed("libjli.so") != "":
		return Program{Runtime: JVM, Launcher: true, Library: jvmBeside, Certain: true,
			Evidence: []string{"imports " + javaLauncher, "needs libjli.so, which opens libjvm.so at run time"}}, true
	case i.defines(javaLauncher):
		return Program{Runtime: JVM, Launcher: true, Library: jvmBeside, Certain: true, Evidence: []string{"defines " + javaLauncher}}, true
	}
	return Program{}, false
}

// bySections: sections that only one compiler or linker writes.
func (i *identifier) bySections() (Program, bool) {
	secs, err := i.f.Sections()
	i.fail(err)
	for k := range secs {
		s := &secs[k]
		var r Runtime
		switch {
		case s.Name == ".svm_heap":
			r = GraalVM
		case strings.HasPrefix(s.Name, "swift5_"):
			r = Swift
		case s.Name == ".debug-ghc-link-info":
			r = Haskell
		case s.Name == "minfo" || s.Name == "__minfo":
			r = DLang
		case s.Name == ".debug_gdb_scripts" && s.Size < 1<<16:
			b, err := i.f.Data(s)
			i.fail(err)
			if bytes.Contains(b, []byte("gdb_load_rust_pretty_printers")) {
				return Program{Runtime: Rust, Certain: true, Evidence: []string{"gdb_load_rust_pretty_printers in .debug_gdb_scripts"}}, true
			}
			continue
		case s.Name == ".comment" && s.Size < 1<<16:
			b, err := i.f.Data(s)
			i.fail(err)
			if n := bytes.Index(b, []byte("rustc version ")); n >= 0 {
				v, _, _ := bytes.Cut(b[n:], []byte{0})
				return Program{Runtime: Rust, Certain: true, Evidence: []string{".comment says " + string(v[:min(len(v), 80)])}}, true
			}
			continue
		default:
			continue
		}
		return Program{Runtime: r, Certain: true, Evidence: []string{"section " + s.Name}}, true
	}
	for _, l := range []struct {
		prefix string
		r      Runtime
	}{{"libHSrts", Haskell}, {"libgphobos.so", DLang}, {"libphobos2.so", DLang}, {"libdruntime-ldc", DLang}, {"libswiftCore.so", Swift}, {"libstd-", Rust}} {
		if n := i.needed(l.prefix); n != "" {
			return Program{Runtime: l.r, Certain: true, Evidence: []string{"needs " + n}}, true
		}
	}
	return Program{}, false
}

// byConstants looks for what runtimes that are linked in say themselves. Stripped
// programs of Rust and Haskell have nothing else.
func (i *identifier) byConstants() (Program, bool) {
	for _, c := range []struct {
		text string
		r    Runtime
	}{{"RTS options are disabled for setuid binaries", Haskell}, {"/library/std/src/", Rust}, {"/library/core/src/", Rust}} {
		if i.constant(c.text) {
			return Program{Runtime: c.r, Certain: c.r == Haskell, Evidence: []string{"the text \"" + c.text + "\" in .rodata"}}, true
		}
	}
	return Program{}, false
}

// constantsRead is how much of .rodata is searched, in bytes; window is how much
// at once.
const (
	constantsRead   = 4 << 20
	constantsWindow = 256 << 10
)

func (i *identifier) constant(text string) bool {
	s := i.f.Section(".rodata")
	if s == nil || s.Type != elf.SHT_PROGBITS {
		return false
	}
	for at := uint64(0); at < min(s.Size, constantsRead); at += constantsWindow - uint64(len(text)) {
		b, err := i.f.Code(s.Offset+elfsym.Offset(at), int(min(constantsWindow, s.Size-at)))
		if err != nil {
			i.fail(err)
			return false
		}
		if bytes.Contains(b, []byte(text)) {
			return true
		}
	}
	return false
}

// byLibraries is what remains: a program that needs C++'s library may still be of
// another language, so nothing here is certain.
func (i *identifier) byLibraries() (Program, bool) {
	if i.rust != "" {
		return Program{Runtime: Rust, Evidence: []string{"defines " + i.rust}}, true
	}
	for _, prefix := range []string{"libstdc++.so", "libc++.so"} {
		if n := i.needed(prefix); n != "" {
			return Program{Runtime: CPlusPlus, Evidence: []string{"needs " + n}}, true
		}
	}
	if _, there := i.has["rust_eh_personality"]; there {
		return Program{Runtime: Rust, Evidence: []string{"has rust_eh_personality"}}, true
	}
	if _, there := i.has["__gxx_personality_v0"]; there {
		return Program{Runtime: CPlusPlus, Evidence: []string{"has __gxx_personality_v0"}}, true
	}
	if n := i.needed("libc."); n != "" && i.f.Section(".rodata") != nil {
		return Program{Runtime: C, Evidence: []string{"needs " + n + ", and nothing of another language was seen"}}, true
	}
	return Program{}, false
}
