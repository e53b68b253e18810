// Package confirm compares what elfsym, usdt and offset read with what other tools read: binutils'
// readelf and nm, elfutils' eu-readelf, GDB. It goes through the committed test binaries, through
// programs and libraries of the system it runs on, and through the directories that PROBELS_CORPUS
// names (colon-separated), such as those that internal/cmd/fetchcorpus makes; PROBELS_CONFIRM_ALL=1
// takes all of the system's files instead of some hundreds.
//
// Where tools disagree with each other or with us on purpose, the comparison says whom we follow.
package confirm
