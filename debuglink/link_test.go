package debuglink_test

import (
	"bytes"
	"context"
	"debug/elf"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/probels/probels/debuglink"
	"github.com/probels/probels/elfsym"
	"github.com/probels/probels/internal/elfwrite"
	"github.com/probels/probels/internal/testbin"
)

func TestReadLink(t *testing.T) {
	f := parse(t, testbin.Read(t, "amd64/probe-debuglink"))
	l, err := debuglink.ReadLink(f)
	if err != nil || l == nil {
		t.Fatal(l, err)
	}
	if want := crc32.ChecksumIEEE(testbin.Read(t, "amd64/probe-pie.debug")); l.Name != "probe-pie.debug" || l.CRC != want {
		t.Errorf("%v, want CRC %x", l, want)
	}
	if l, err := debuglink.ReadLink(parse(t, testbin.Read(t, "amd64/probe-stripped"))); l != nil || err != nil {
		t.Errorf("a file without: %v %v", l, err)
	}
	for _, c := range []struct {
		section string
		want    string // "" is an error
		part    string
	}{
		{"a\x00\x00\x00\x78\x56\x34\x12", "a (CRC 12345678)", ""},
		{"abc\x00\x78\x56\x34\x12", "abc (CRC 12345678)", ""},
		{"abcd\x00\x00\x00\x00\x78\x56\x34\x12", "abcd (CRC 12345678)", ""},
		{"abc\x00\x78\x56\x34\x12more", "abc (CRC 12345678)", ""},
		{"a b\xff\x00\x00\x00\x00\x78\x56\x34\x12", "a b\xff (CRC 12345678)", ""},
		{"", "", "no end"},
		{"abcd", "", "no end"},
		{"\x00\x00\x00\x00\x78\x56\x34\x12", "", "empty"},
		{"abc\x00\x78\x56\x34", "", "no room"},
		{"abc\x00", "", "no room"},
		{"a\x00", "", "no room"},
		{"/\x00\x00\x00\x78\x56\x34\x12", "", "not the name"},
		{"../x\x00\x00\x00\x00\x78\x56\x34\x12", "", "not the name"},
		{"..\x00\x00\x78\x56\x34\x12", "", "not the name"},
		{".\x00\x00\x00\x78\x56\x34\x12", "", "not the name"},
		{strings.Repeat("x", 70000) + "\x00", "", "allowed"},
	} {
		for _, data := range []elf.Data{elf.ELFDATA2LSB, elf.ELFDATA2MSB} {
			b := []byte(c.section)
			if n := len(b); data == elf.ELFDATA2MSB && c.want != "" {
				b = bytes.Replace(b, []byte("\x78\x56\x34\x12"), []byte("\x12\x34\x56\x78"), 1)
				_ = n
			}
			ef := elfFile("", elfwrite.Section{Name: ".gnu_debuglink", Bytes: b})
			ef.Data = data
			l, err := debuglink.ReadLink(parse(t, ef.Bytes()))
			switch {
			case c.want != "" && (err != nil || l.String() != c.want):
				t.Errorf("%.20q %v: %v, %v", c.section, data, l, err)
			case c.want == "" && (l != nil || err == nil || !strings.Contains(err.Error(), c.part)):
				t.Errorf("%.20q %v: %v, %v, want %q", c.section, data, l, err, c.part)
			case err != nil && !errors.Is(err, elfsym.ErrDamaged) && !errors.Is(err, elfsym.ErrLimit):
				t.Errorf("%.20q: %v wraps nothing", c.section, err)
			}
		}
	}
}

func TestReadAltLink(t *testing.T) {
	for _, c := range []struct {
		name, section string
		path, id      string
		part          string // of the error
	}{
		{".gnu_debugaltlink", "/x/y\x00\x01\x02\x03", "/x/y", "010203", ""},
		{".gnu_debugaltlink", "../../x\x00\x01\x02", "../../x", "0102", ""},
		{".gnu_debugaltlink", "x", "", "", "no end"},
		{".gnu_debugaltlink", "\x00abc", "", "", "empty"},
		{".gnu_debugaltlink", "x\x00", "", "", "0 bytes"},
		{".gnu_debugaltlink", "x\x00" + strings.Repeat("i", 65), "", "", "65 bytes"},
		{".debug_sup", "\x05\x00\x00/x\x00\x03\x01\x02\x03", "/x", "010203", ""},
		{".debug_sup", "\x05\x00\x00/x\x00\x83\x00\x01\x02\x03", "/x", "010203", ""}, // a longer 3
		{".debug_sup", "\x02\x00\x00/x\x00\x01\x07more", "/x", "07", ""},
		{".debug_sup", "\x05\x00\x01\x00\x03\x01\x02\x03", "", "", ""}, // the supplementary file itself
		{".debug_sup", "\x06\x00\x00/x\x00\x01\x07", "", "", "version 6"},
		{".debug_sup", "\x05\x00\x02/x\x00\x01\x07", "", "", "2 instead"},
		{".debug_sup", "\x05\x00\x00/x", "", "", "no end"},
		{".debug_sup", "\x05\x00\x00\x00\x01\x07", "", "", "empty"},
		{".debug_sup", "\x05\x00\x00/x\x00", "", "", "no length"},
		{".debug_sup", "\x05\x00\x00/x\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "", "", "no length"},
		{".debug_sup", "\x05\x00\x00/x\x00\x04\x01\x02\x03", "", "", "4 bytes, 3 left"},
		{".debug_sup", "\x05\x00", "", "", "too short"},
	} {
		l, err := debuglink.ReadAltLink(parse(t, elfFile("", elfwrite.Section{Name: c.name, Bytes: []byte(c.section)}).Bytes()))
		switch {
		case c.part != "":
			if l != nil || err == nil || !strings.Contains(err.Error(), c.part) || !errors.Is(err, elfsym.ErrDamaged) {
				t.Errorf("%s %q: %v, %v, want %q", c.name, c.section, l, err, c.part)
			}
		case err != nil:
			t.Errorf("%s %q: %v", c.name, c.section, err)
		case c.path == "" && l != nil:
			t.Errorf("%s %q: %v, want none", c.name, c.section, l)
		case c.path != "" && (l.Path != c.path || hex.EncodeToString(l.ID) != c.id || l.Section != c.name):
			t.Errorf("%s %q: %v", c.name, c.section, l)
		}
	}
}

func TestCRC(t *testing.T) {
	b := bytes.Repeat([]byte("0123456789"), 100_000)
	for _, n := range []int{0, 1, 3, 4096, 256 << 10, 256<<10 + 1, len(b)} {
		got, err := debuglink.CRC(context.Background(), bytes.NewReader(b[:n]), int64(n))
		if want := crc32.ChecksumIEEE(b[:n]); got != want || err != nil {
			t.Errorf("%d bytes: %08x, want %08x, %v", n, got, want, err)
		}
	}
	if _, err := debuglink.CRC(context.Background(), bytes.NewReader(b), int64(len(b))+1); !errors.Is(err, elfsym.ErrChanged) {
		t.Errorf("a file that shrank: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := debuglink.CRC(ctx, bytes.NewReader(b), int64(len(b))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
