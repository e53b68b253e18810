package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/probels/probels/internal/testbin"
)

// benchFiles are a committed binary and big files that many systems have.
var benchFiles = []struct{ name, pattern, function string }{
	{"fixture", "", "lib_func"},
	{"libc", "/usr/lib/*-linux-gnu/libc.so.6", "malloc"},
	{"libstdc++", "/usr/lib/*-linux-gnu/libstdc++.so.6", "_ZNSt8ios_base4InitC1Ev"},
	{"libjvm", "/usr/lib/jvm/*/lib/server/libjvm.so", "JNI_CreateJavaVM"},
	{"libLLVM", "/usr/lib/*-linux-gnu/libLLVM*.so*", "LLVMContextCreate"},
}

func benchmark(b *testing.B, args func(path, function string) []string) {
	for _, f := range benchFiles {
		b.Run(f.name, func(b *testing.B) {
			path := testbin.Path(b, "amd64/libtestbin.so")
			if f.pattern != "" {
				found, _ := filepath.Glob(f.pattern)
				if len(found) == 0 {
					b.Skipf("needs %s", f.pattern)
				}
				path = found[0]
			}
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer null.Close()
			b.ReportAllocs()
			for b.Loop() {
				if status := run(args(path, f.function), nil, null, io.Discard); status != statusFound {
					b.Fatalf("%s: status %d", path, status)
				}
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	benchmark(b, func(path, _ string) []string { return []string{path} })
}

func BenchmarkListJSON(b *testing.B) {
	benchmark(b, func(path, _ string) []string { return []string{"--json", path} })
}

func BenchmarkResolve(b *testing.B) {
	benchmark(b, func(path, function string) []string { return []string{"resolve", path, function} })
}
