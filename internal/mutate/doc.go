// Package mutate damages valid files where damage matters. Flipping random bytes of an ELF file
// hits code and text mostly; this package knows where the fields are, and changes those:
//
//	headers       the file's, segments', sections': offsets and sizes near 0, the file's size, 2^31, 2^32,
//	              2^63 and 2^64; one table's place given to another; two exchanged
//	records       of symbol, dynamic, relocation, note, hash and version tables
//	.eh_frame     lengths, the pointers from an FDE to its CIE, instructions
//	DWARF         abbreviation codes, tags, forms; each value by its form: references to themselves, to their
//	              unit, forwards and beyond; numbers that do not end; lengths
//	.gopclntab    its header, its table of functions, the functions' records
//	archives      fields of tar and ar headers, the checksum made right again
//
// and cuts files off where structures begin. A mutant follows from the file, the seed and this package's code:
// the same seed gives the same bytes.
//
//	s := mutate.New(data)
//	m := s.Mutant(7) // m.Data, and m.What says what was done
//
// Package [github.com/probels/probels/internal/mutate/trial] runs code over mutants and watches it. Only tests
// and internal/cmd/mutants import these.
package mutate
