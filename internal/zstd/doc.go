// Package zstd decompresses Zstandard (RFC 8878): of compressed sections, Debian packages and
// layers of images. It has no encoder and no dictionaries.
//
// # The format
//
// A stream is frames, one behind the other; some are to be skipped. A frame has a header (how far
// back matches reach, the window; maybe the size of the content, maybe that a checksum follows) and
// blocks of up to 128 KiB of content: raw, one byte repeated, or compressed. A compressed
// block is literals, mostly coded by Huffman, and sequences: copy so many of the literals, then
// so many bytes from so far back. A sequence's three numbers are codes with extra bits, and the codes
// are coded by FSE (finite state entropy, a kind of arithmetic coding by tables): three states,
// one each, step through the same bits. Codes and offsets of a block may refer to those
// of the block before. Streams of bits are written forwards and read backwards, from the last byte on,
// whose highest set bit marks the end.
//
// # Why another one
//
// The usual library decodes faster, in assembly, and encodes; all of it is in each program
// that decodes, and its tables, among them those of a checksum that Snappy needs, cost every start of
// the program a fifth of a millisecond, which is more than most questions to a file take. This one has
// nothing to initialize.
package zstd
