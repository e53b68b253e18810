package usdtbpf_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/probels/probels/internal/skip"
	"github.com/probels/probels/offset/attach"
	"github.com/probels/probels/usdt/usdtbpf"
)

// A C program that was written for libbpf, with its usdt.bpf.h, loaded and attached without
// libbpf: it reads what the instructions do. Its header may be of before or after libbpf 1.7.
func TestLibbpfProgram(t *testing.T) {
	if lack := lacking(); lack != "" {
		skip.Now(t, lack)
	}
	const header = "/usr/include/bpf/usdt.bpf.h"
	if _, err := os.Stat(header); err != nil {
		skip.Nowf(t, "needs %s (libbpf-dev)", header)
	}
	object := filepath.Join(t.TempDir(), "usdt.bpf.o")
	out, err := exec.Command(skip.Tool(t, "clang"), "-O2", "-g", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu",
		"-c", "testdata/usdt.bpf.c", "-o", object).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, b := range []build{
		{"gcc", "-O2", "-m64", "-fPIE -pie", ""}, {"gcc", "-O2", "-m64", "-fno-pie -no-pie", ""}, {"gcc", "-O0", "-m64", "-fPIE -pie", ""},
		{"clang", "-O2", "-m64", "-fPIE -pie", ""}, {"gcc", "-O2", "-m32", "-fno-pie -no-pie", ""},
	} {
		t.Run(b.String(), func(t *testing.T) {
			l := open(t, b.make(t))
			errs := make([][]error, len(l.sites))
			compiled := l.compiled(t, errs)

			spec, err := usdtbpf.LoadCollectionSpec(object)
			if err != nil {
				t.Fatal(err)
			}
			spec.Programs["read_args"].AttachType = attach.ProgramType()
			coll, err := ebpf.NewCollection(spec)
			if err != nil {
				t.Fatal(err)
			}
			defer coll.Close()
			specs := l.specs(t, errs)
			for i := range specs {
				specs[i].Cookie = uint64(i)
			}
			m := coll.Maps[usdtbpf.SpecsMap]
			forms := ""
			if err := usdtbpf.Fill(m, specs); err != nil {
				forms = err.Error() // of an old header: an index
				if m.ValueSize() != 208 || strings.Count(forms, "\n")+1 != strings.Count(forms, "before 1.7: an index") {
					t.Error(err)
				}
			}
			l.attach(t, coll.Programs["read_args"])
			if err := exec.Command(l.locs[0].Path).Run(); err != nil {
				t.Fatal(err)
			}
			count, none := 0, 0
			for i := range l.sites {
				for k, a := range l.sites[i].Args() {
					if l.sites[i].Name == "thread" {
						continue
					}
					want, got := read(t, compiled, i, k), read(t, coll.Maps["results"], i, k)
					if errs[i][k] != nil || got.Err == -22 && m.ValueSize() == 208 && a.Index.Name != "" {
						if got != (result{-22, 0, 1}) {
							t.Errorf("%s: %+v, want -EINVAL", a.Text, got)
						}
						none++
						continue
					}
					count++
					if got != want {
						t.Errorf("%s, %s: %+v, want %+v", l.sites[i].Name, a.Text, got, want)
					}
				}
			}
			t.Logf("specs of %d bytes: %d values, %d without", m.ValueSize(), count, none)
			if count < 60 {
				t.Errorf("only %d values", count)
			}
		})
	}
}
