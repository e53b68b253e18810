//go:build !unix

package elfsym

const openNonblock = 0
