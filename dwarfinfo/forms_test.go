package dwarfinfo_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probels/probels/dwarfinfo"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/skip"
)

// run runs a tool in a directory.
func run(t testing.TB, dir, tool string, args ...string) {
	t.Helper()
	cmd := exec.Command(skip.Tool(t, tool), args...)
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", tool, strings.Join(args, " "), err, b)
	}
}

// sections opens a file as a part of another's DWARF.
func sections(t testing.TB, path string) (dwarfinfo.Sections, error) {
	f, err := elfsym.Open(path)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { f.Close() })
	s, _ := dwarfinfo.FromELF(f)
	return s, nil
}

// names are the functions of a program with their lines, sorted.
func names(t testing.TB, d *dwarfinfo.Data) string {
	t.Helper()
	var out []string
	for f, err := range d.Funcs() {
		if err != nil || f.Err != nil {
			t.Fatalf("%v, %+v", err, f)
		}
		q, err := f.QualifiedName()
		if err != nil {
			t.Fatal(err)
		}
		file, err := f.DeclFile()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, q+" "+filepath.Base(file))
		at, err := d.FuncAt(f.Entry)
		if err != nil || at == nil || at.Name != f.Name {
			t.Errorf("at %s's entry is %+v, %v", f.Name, at, err)
		}
		found := 0
		for g, err := range d.Lookup(f.Symbol()) {
			if err != nil || g.Entry != f.Entry {
				t.Errorf("%s is %+v, %v", f.Symbol(), g, err)
			}
			found++
		}
		if found != 1 {
			t.Errorf("%s was found %d times", f.Symbol(), found)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

const cxxNames = "entry a.cc\nmain a.cc\nns::(anonymous namespace)::hidden a.cc\nns::list::size a.cc\nns::list::twice<int> a.cc"

// Every form of DWARF has the same functions: of each version, with types in
// units of their own, with 64-bit offsets, in the other byte order, compressed,
// and with GDB's indexes.
func TestForms(t *testing.T) {
	for _, c := range []struct{ tool, flags string }{
		{"g++", "-gdwarf-4 -fdebug-types-section"}, {"g++", "-gdwarf-5 -fdebug-types-section"}, {"clang++", "-gdwarf-5 -fdebug-types-section"},
		{"g++", "-gdwarf-3 -gstrict-dwarf -gdwarf64"}, {"g++", "-gdwarf-4 -m32 -nostdlib -Wl,-emain"}, {"s390x-linux-gnu-g++", "-gdwarf-5"}, {"s390x-linux-gnu-g++", "-gdwarf-2"},
		{"g++", "-g -gz=zlib-gnu"}, {"g++", "-g -flto -shared -fPIC"}, {"clang++", "-g -gz=zlib"}, {"g++", "-g -ffunction-sections -Wl,--gc-sections"},
		{"clang++", "-gdwarf-4 -mllvm -accel-tables=Dwarf"}, {"clang++", "-gdwarf-5 -gpubnames"}, {"clang++", "-g -fuse-ld=lld -Wl,--gdb-index -ggnu-pubnames"},
	} {
		t.Run(c.tool+" "+c.flags, func(t *testing.T) {
			t.Parallel()
			d := open(t, build(t, c.tool, "a.cc", cxxSource, strings.Fields("-O1 "+c.flags)...))
			if got := names(t, d); got != cxxNames {
				t.Errorf("functions are\n%s\nwant\n%s", got, cxxNames)
			}
		})
	}
}

// Split units are followed into .dwo files, and into a .dwp.
func TestSplit(t *testing.T) {
	for _, c := range []struct{ tool, flags, dwp string }{
		{"g++", "-gdwarf-4", ""}, {"g++", "-gdwarf-5", ""}, {"clang++", "-gdwarf-4", ""}, {"clang++", "-gdwarf-5", ""},
		{"g++", "-gdwarf-4", "dwp"}, {"clang++", "-gdwarf-4 -fdebug-types-section", "llvm-dwp"}, {"clang++", "-gdwarf-5", "llvm-dwp"}, {"clang++", "-gdwarf-5 -fdebug-types-section", "llvm-dwp"},
	} {
		t.Run(c.tool+" "+c.flags+" "+c.dwp, func(t *testing.T) {
			t.Parallel()
			flags := strings.Fields("-O1 -gsplit-dwarf " + c.flags)
			cc, dir := skip.Tool(t, c.tool), t.TempDir()
			prog := filepath.Join(dir, "prog")
			for name, text := range map[string]string{"a.cc": cxxSource, "b.cc": "struct pair { int x, y; };\nint second(pair *p) { return p->x; }\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				run(t, dir, cc, append(flags, "-c", name)...)
			}
			run(t, dir, cc, append(flags, "-o", "prog", "a.o", "b.o")...)
			if c.dwp != "" {
				run(t, dir, c.dwp, "-e", "prog", "-o", "prog.dwp")
			}
			f, err := elfsym.Open(prog)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			s, config := dwarfinfo.FromELF(f)
			var pkg dwarfinfo.Sections
			asked := 0
			config.Split = func(u dwarfinfo.SplitUnit) (dwarfinfo.Sections, error) {
				asked++
				if c.dwp == "" {
					return sections(t, filepath.Join(dir, filepath.Base(u.Name)))
				}
				if pkg == nil {
					pkg, err = sections(t, filepath.Join(dir, "prog.dwp"))
				}
				return pkg, err
			}
			config.Workers = 1
			d, err := dwarfinfo.New(s, config)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := names(t, d), strings.Replace(cxxNames, "ns::list::twice<int> a.cc", "ns::list::twice<int> a.cc\nsecond b.cc", 1); got != want {
				t.Errorf("functions are\n%s\nwant\n%s", got, want)
			}
			if asked != 2 {
				t.Errorf("files were asked for %d times", asked)
			}
			// Without the files there is one error a unit.
			config.Split = nil
			if d, err = dwarfinfo.New(s, config); err != nil {
				t.Fatal(err)
			}
			n := 0
			for f, err := range d.Funcs() {
				if f != nil || err == nil {
					t.Errorf("without .dwo files: %+v, %v", f, err)
				}
				n++
			}
			if n != 2 {
				t.Errorf("without .dwo files there are %d errors", n)
			}
		})
	}
}

// What dwz moved to a supplementary file is found there.
func TestSupplementary(t *testing.T) {
	for _, version := range []string{"-gdwarf-4", "-gdwarf-5"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.cc"), []byte(cxxSource), 0o644); err != nil {
			t.Fatal(err)
		}
		run(t, dir, "g++", "-O1", version, "-o", "prog", "a.cc")
		run(t, dir, "g++", "-O1", version, "-DOTHER", "-o", "other", "a.cc")
		run(t, dir, "dwz", "-m", "common", "prog", "other")
		f, err := elfsym.Open(filepath.Join(dir, "prog"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		s, config := dwarfinfo.FromELF(f)
		if alt, err := s.Section(".gnu_debugaltlink"); err != nil || alt == nil {
			t.Fatalf("dwz wrote no .gnu_debugaltlink: %v", err)
		}
		opened := 0
		config.Sup = func() (dwarfinfo.Sections, error) {
			opened++
			return sections(t, filepath.Join(dir, "common"))
		}
		d, err := dwarfinfo.New(s, config)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, d); got != cxxNames || opened != 1 {
			t.Errorf("%s: functions, the file opened %d times, are\n%s\nwant\n%s", version, opened, got, cxxNames)
		}
		// Without it the functions have their addresses, and an error.
		config.Sup = nil
		if d, err = dwarfinfo.New(s, config); err != nil {
			t.Fatal(err)
		}
		n, failed := 0, 0
		for f, err := range d.Funcs() {
			if err != nil {
				t.Fatal(err)
			}
			n++
			if f.Err != nil {
				failed++
			}
		}
		if n != 5 || failed == 0 {
			t.Errorf("%s: without the file there are %d functions, %d lack something", version, n, failed)
		}
	}
}
