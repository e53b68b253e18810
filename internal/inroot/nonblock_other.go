//go:build !unix

package inroot

const openFlags = 0
