// Package manifest holds a program to its USDT probes.
//
// Probes are an interface: dashboards, tracing scripts and agents rely on their
// names and arguments, and nothing fails when a build loses one, because it was
// configured without --with-dtrace or because an argument was dropped. A
// manifest says what is there, is kept in version control, and Check tells
// how a build differs from it.
//
// # What is compared
//
// Provider, name, and of each argument its width, sign and whether it is
// floating point: what the source decides. Where the compiler keeps an
// argument, how many sites it makes of a probe and at which offsets changes
// with each build, and is never compared. A probe that stands in several places
// of the source may have several argument lists; each that a build has must
// be one that the manifest lists. Probes that a manifest does not list are only
// noted.
//
// # The file
//
// A text for people to review, one probe a line:
//
//	# What the dashboards of the storage team read.
//	target /usr/bin/python3.11
//	python:audit(u64, u64)
//	python:function__entry(u64, u64, i32)
//	python:gc__done(i64)
//	postgresql:lock__*>=2
//
// "#" begins a comment, at the start of a line or behind a blank. "target PATH"
// says what the lines up to the next target are about; without one they are about
// whatever file is checked. "for libbpf,gdb" demands of all lines that follow
// that these tools can read each argument (package usdt/consumer).
//
// Every other line is a probe, PROVIDER:NAME, or a pattern with "*", "?" and
// "[…]", which has to match at least one. Behind it may stand
//
//	(u64, i32)   the arguments: u, i or f and a number of bits; 24B for a structure of 24
//	             bytes; "_" for anything; behind the width may stand the type in the
//	             source's words, "u64 const char *", which is compared on request
//	(2)          how many arguments there are
//	=N  >=N      how many probes match: exactly or at least so many
//
// Names with blanks, parentheses, "#", "=" or quotes in them are quoted as in Go. A line
// without a colon is no USDT probe; it is kept for who knows other kinds.
package manifest
