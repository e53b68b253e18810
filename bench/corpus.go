//go:build unix

package main

import (
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// corpus is where the files are. What could not be had is "".
type corpus struct {
	programs

	jvm, llvm, python    string // as shipped
	node, rustLLVM       string // with a .symtab, of the system
	jvmPlain, jvmZ       string // with DWARF in the file, uncompressed and zlib-compressed
	pythonPlain, pythonZ string
	jvmMini, jvmMiniXZ   string // its symbols in .gnu_debugdata, and these alone
	goStripped           string
	generated            map[string]map[int]string // by kind and number
}

// packages are Debian's, which fetchcorpus fetches and unpacks.
var packages = []string{"openjdk-17-jre-headless", "openjdk-17-dbg", "libllvm14", "python3.11-minimal", "python3.11-dbg", "libnode108", "packer"}

// prepare builds the programs and gets the files; dir keeps what takes long.
func prepare(ctx context.Context, dir, work string) (*corpus, error) {
	c := &corpus{generated: make(map[string]map[int]string)}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	fetch := exec.CommandContext(ctx, "go", append([]string{"run", module + "/internal/cmd/fetchcorpus", "-arch", "amd64", dir}, append(packages, crates...)...)...)
	fetch.Stderr = os.Stderr
	if err := fetch.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: not all packages could be fetched:", err)
	}
	if err := c.build(ctx, dir, work); err != nil {
		return nil, err
	}
	debs := dir + "/amd64/"
	c.jvm = first(debs+"openjdk-17-jre-headless/usr/lib/jvm/*/lib/server/libjvm.so", "/usr/lib/jvm/*/lib/server/libjvm.so")
	c.llvm = first(debs+"libllvm14/usr/lib/*/libLLVM-14.so.1", "/usr/lib/*/libLLVM*.so*")
	c.python = first(debs+"python3.11-minimal/usr/bin/python3.11", "/usr/bin/python3.11")
	if c.node = first("/usr/bin/node"); !hasSymtab(c.node) {
		c.node = first(debs + "libnode108/usr/lib/*/libnode.so.108")
	}
	home, _ := os.UserHomeDir()
	c.rustLLVM = first(home+"/.rustup/toolchains/stable-*/lib/libLLVM.so.*", home+"/.rustup/toolchains/*/lib/libLLVM.so.*")
	if c.goStripped = first(debs + "packer/usr/bin/packer"); c.goStripped == "" {
		c.goStripped = c.compiler(ctx, dir)
	}
	c.jvmZ = unstrip(ctx, c.jvm, debs+"openjdk-17-dbg/usr/lib/debug", dir+"/libjvm.zlib.so")
	c.pythonZ = unstrip(ctx, c.python, debs+"python3.11-dbg/usr/lib/debug", dir+"/python3.11.zlib")
	c.jvmPlain = plain(ctx, c.jvmZ, dir+"/libjvm.plain.so")
	c.pythonPlain = plain(ctx, c.pythonZ, dir+"/python3.11.plain")
	c.jvmMini, c.jvmMiniXZ = miniDebug(ctx, c.jvm, dir+"/libjvm.mini.so")
	for _, k := range kinds {
		c.generated[k.name] = make(map[int]string)
		for _, n := range k.counts {
			c.generated[k.name][n] = made(fmt.Sprintf("%s/%s-%d", dir, k.name, n), func(out string) error { return generate(ctx, k.name, n, out) })
		}
	}
	return c, nil
}

// compiler is Go's, stripped.
func (c *corpus) compiler(ctx context.Context, dir string) string {
	return made(dir+"/compile-"+runtime.Version(), func(out string) error {
		tools, err := exec.CommandContext(ctx, "go", "env", "GOTOOLDIR").Output()
		if err != nil {
			return err
		}
		return exec.CommandContext(ctx, "objcopy", "--strip-all", filepath.Join(strings.TrimSpace(string(tools)), "compile"), out).Run()
	})
}

// made is a file's name, which is made if it is not there yet; "" if it cannot be.
func made(name string, f func(out string) error) string {
	if _, err := os.Stat(name); err == nil {
		return name
	}
	part := name + ".part"
	defer os.Remove(part)
	if err := f(part); err != nil {
		fmt.Fprintf(os.Stderr, "bench: without %s: %v\n", filepath.Base(name), err)
		return ""
	}
	if err := os.Rename(part, name); err != nil {
		return ""
	}
	return name
}

// first is the first file that a pattern matches.
func first(patterns ...string) string {
	for _, p := range patterns {
		if m, _ := filepath.Glob(p); len(m) > 0 {
			if name, err := filepath.EvalSymlinks(m[0]); err == nil {
				return name
			}
		}
	}
	return ""
}

func hasSymtab(name string) bool {
	f, err := elf.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return f.SectionByType(elf.SHT_SYMTAB) != nil
}

// unstrip puts a file and its debug file together: perf and bpftrace look for debug files nowhere else than
// below /usr/lib/debug.
func unstrip(ctx context.Context, file, debugDir, out string) string {
	return made(out, func(out string) error {
		f, err := elf.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		s := f.Section(".note.gnu.build-id")
		if s == nil || s.Size < 20 {
			return fmt.Errorf("%s has no build-id", file)
		}
		b, err := s.Data()
		if err != nil {
			return err
		}
		id := fmt.Sprintf("%x", b[16:])
		return exec.CommandContext(ctx, "eu-unstrip", "-o", out, file, fmt.Sprintf("%s/.build-id/%s/%s.debug", debugDir, id[:2], id[2:])).Run()
	})
}

func plain(ctx context.Context, file, out string) string {
	return made(out, func(out string) error {
		if file == "" {
			return os.ErrNotExist
		}
		return exec.CommandContext(ctx, "objcopy", "--decompress-debug-sections", file, out).Run()
	})
}

// miniDebug moves a file's symbols into .gnu_debugdata, as Fedora's packages have them; xz is
// the section alone.
func miniDebug(ctx context.Context, file, out string) (name, xz string) {
	xz = made(out+".xz", func(part string) error {
		symbols := part + ".symbols"
		defer os.Remove(symbols)
		if err := exec.CommandContext(ctx, "objcopy", "--only-keep-debug", file, symbols).Run(); err != nil {
			return err
		}
		to, err := os.Create(part)
		if err != nil {
			return err
		}
		defer to.Close()
		cmd := exec.CommandContext(ctx, "xz", "-c", symbols)
		cmd.Stdout = to
		return cmd.Run()
	})
	name = made(out, func(part string) error {
		if xz == "" {
			return os.ErrNotExist
		}
		return exec.CommandContext(ctx, "objcopy", "--strip-all", "--add-section", ".gnu_debugdata="+xz, file, part).Run()
	})
	return name, xz
}
