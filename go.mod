module github.com/probels/probels

go 1.25.0

require (
	github.com/cilium/ebpf v0.22.0
	github.com/ianlancetaylor/demangle v0.0.0-20260724033716-83e58baca724
	github.com/klauspost/compress v1.20.3
	golang.org/x/term v0.42.0
)

require golang.org/x/sys v0.43.0 // indirect
