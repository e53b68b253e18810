package elfsym

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"runtime/debug"
	"strings"

	"github.com/probels/probels/internal/wire"
)

// The Go linker leaves two strings in every program (cmd/link, "buildinfo";
// runtime/debug.ReadBuildInfo reads the same from memory): the version of Go,
// and the modules. They stand behind a magic text at a multiple of 16 bytes,
// the size of a pointer and flags. Since Go 1.18 they follow 32 bytes in, each
// with its length as a varint; before, pointers to their headers did.
const (
	buildInfoMagic  = "\xff Go buildinf:"
	buildInfoAlign  = 16
	buildInfoHeader = 32
	flagBigEndian   = 1
	flagInline      = 2
	maxBuildInfo    = 4 << 20 // bytes in one string; terraform's modules take 40,000
	maxGoVersion    = 1 << 10 // and in the version: it is read before it is known to be one
)

// goInfo is the two strings.
type goInfo struct{ version, modules string }

// GoVersion is the version of Go that built the file, "go1.26.1"; "" if it is no
// Go program.
func (f *File) GoVersion() string { return f.goInfo().version }

// GoBuildInfo is the main module, the dependencies and the build settings that
// a Go program carries; nil if it carries none.
func (f *File) GoBuildInfo() (*debug.BuildInfo, error) {
	g := f.goInfo()
	if g.modules == "" {
		return nil, nil
	}
	info, err := debug.ParseBuildInfo(g.modules)
	if err != nil {
		return nil, damaged(".go.buildinfo", 0, "%v", err)
	}
	info.GoVersion = g.version
	return info, nil
}

// readGoInfo looks in .go.buildinfo or, without section headers, through the
// writable segments, where linkers put it.
func (f *File) readGoInfo() goInfo {
	if t, err := f.sections(); err == nil && len(t.all) > 0 {
		s := f.Section(".go.buildinfo")
		if s == nil || s.Type == elf.SHT_NOBITS {
			return goInfo{}
		}
		return f.searchGoInfo(uint64(s.Offset), s.Size)
	}
	left := f.size // thousands of segments may mean the same bytes
	for _, s := range f.segs.all {
		if s.Type != elf.PT_LOAD || s.Flags&(elf.PF_W|elf.PF_X) != elf.PF_W {
			continue
		}
		if s.FileSize > left {
			break
		}
		left -= s.FileSize
		if g := f.searchGoInfo(uint64(s.Offset), min(s.FileSize, f.size)); g.version != "" {
			return g
		}
	}
	return goInfo{}
}

func (f *File) searchGoInfo(off, size uint64) goInfo {
	// It is the address that is a multiple of 16 bytes, and with it the offset;
	// a segment can begin anywhere.
	r := off % buildInfoAlign
	off, size = off-r, size+r
	buf := make([]byte, min(size, windowSize))
	for ; size >= buildInfoHeader; off, size = off+uint64(len(buf)), size-uint64(len(buf)) {
		buf = buf[:min(size, windowSize)]
		if f.readAt(buf, off, ".go.buildinfo") != nil {
			return goInfo{}
		}
		for at := 0; ; at++ {
			i := bytes.Index(buf[at:], []byte(buildInfoMagic))
			if i < 0 {
				break
			}
			if at += i; at%buildInfoAlign == 0 { // a window is a multiple of it
				if g := f.goInfoAt(off + uint64(at)); g.version != "" {
					return g
				}
			}
		}
	}
	return goInfo{}
}

func (f *File) goInfoAt(off uint64) goInfo {
	var h [buildInfoHeader]byte
	if f.readAt(h[:], off, ".go.buildinfo") != nil {
		return goInfo{}
	}
	pointer, flags := int(h[14]), h[15]
	if flags&flagInline != 0 {
		off += buildInfoHeader
		version, off := f.inlineString(off, maxGoVersion)
		if !isGoVersion(version) {
			return goInfo{}
		}
		modules, _ := f.inlineString(off, maxBuildInfo)
		return goInfo{version, trimModules(modules)}
	}
	if pointer != 4 && pointer != 8 {
		return goInfo{}
	}
	l := wire.Layout{Big: flags&flagBigEndian != 0, Is64: pointer == 8}
	version := f.stringAt(l, l.Word(h[16:]), maxGoVersion)
	if !isGoVersion(version) {
		return goInfo{}
	}
	return goInfo{version, trimModules(f.stringAt(l, l.Word(h[16+pointer:]), maxBuildInfo))}
}

// isGoVersion tells a version from what happens to stand behind the magic text in
// a program that searches for it, such as this one.
func isGoVersion(s string) bool {
	return strings.HasPrefix(s, "go") || strings.HasPrefix(s, "devel ")
}

// inlineString reads a length and so many bytes, and returns what comes next.
func (f *File) inlineString(off, longest uint64) (string, uint64) {
	b, err := f.Code(Offset(off), binary.MaxVarintLen64)
	if err != nil {
		return "", off
	}
	n, w := binary.Uvarint(b)
	if w <= 0 || n > longest {
		return "", off
	}
	text, err := f.bytes(off+uint64(w), n, ".go.buildinfo")
	if err != nil {
		return "", off
	}
	return string(text), off + uint64(w) + n
}

// stringAt reads the Go string whose header, pointer and length, is at an
// address.
func (f *File) stringAt(l wire.Layout, header, longest uint64) string {
	off, err := f.segs.Offset(Addr(header))
	if err != nil {
		return ""
	}
	h, err := f.bytes(uint64(off), 2*uint64(l.WordSize()), ".go.buildinfo")
	if err != nil {
		return ""
	}
	n := l.Word(h[l.WordSize():])
	if off, err = f.segs.Offset(Addr(l.Word(h))); err != nil || n > longest {
		return ""
	}
	text, err := f.bytes(uint64(off), n, ".go.buildinfo")
	if err != nil {
		return ""
	}
	return string(text)
}

// trimModules takes the 16 bytes off that mark beginning and end.
func trimModules(s string) string {
	if len(s) >= 33 && s[len(s)-17] == '\n' {
		return s[16 : len(s)-16]
	}
	return ""
}
