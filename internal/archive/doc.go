// Package archive reads the programs in packages and container images in place:
// nothing is unpacked to disk.
//
//   - tar, plain or compressed by gzip, xz, zstd or bzip2;
//   - deb: an ar archive with "debian-binary", "control.tar.*" and "data.tar.*"
//     (deb(5)), whose data.tar is what counts;
//   - an OCI image layout, a directory or a tar of one: "index.json" leads by
//     digests to manifests, and those to layers, which are tars (OCI Image Format
//     Specification, "Image Layout" and "Image Layer Filesystem Changeset");
//   - what "docker save" writes: "manifest.json" names the layers by file;
//   - a tar of either that is compressed as a whole.
//
// Layers lie on one another. In a layer, ".wh.NAME" hides NAME of those below it,
// and ".wh..wh..opq" all that they have in its directory. What an archive
// contains is told after all of it was seen, for any later entry can replace an
// earlier one: [Open] reads every header once, and [Archive.Each] reads again, only
// as far as there is something to read that [OpenKeeping] did not hold. A file that
// changes meanwhile gives ErrChanged.
//
// Blobs are held against their digests. Archives are somebody else's: bytes that
// come out, their ratio to those that go in, entries, names and what one member
// takes in memory are limited.
package archive
