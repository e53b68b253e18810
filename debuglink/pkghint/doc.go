// Package pkghint says which package of a distribution holds the debug file of
// an executable, and the commands that install it.
//
// It reads what the file and the system tell and runs nothing: os-release(5),
// dpkg's and apk's lists of installed files, apt's sources, zypper's
// repositories, /etc/debuginfod, the build-id, and the note that says which
// package a file was built for (".note.package": the owner "FDO", type
// 0xcafe1a7e, a JSON object; systemd's "Package Metadata for ELF Files").
// All of that is read inside a root, so the answer for a container is the
// container's.
//
// What distributions do:
//
//   - Debian builds PACKAGE-dbgsym with every package and keeps it in another
//     archive than the packages, one directory beside theirs and in a suite
//     CODENAME-debug, which no system has enabled from the start. The source
//     for it is made of the system's own: same mirror, same options, ".../debian"
//     replaced by ".../debian-debug". Some older packages have a debug package
//     PACKAGE-dbg or SOURCE-dbg in the main archive instead (libc6-dbg,
//     python3.11-dbg) and then no -dbgsym; apt's lists tell.
//   - Ubuntu keeps PACKAGE-dbgsym on a host of its own, "ddebs." in the
//     distribution's domain, which os-release has.
//   - Fedora and its kin have PACKAGE-debuginfo in repositories that
//     "dnf debuginfo-install" enables for the time; every one of these packages
//     provides "debuginfo(build-id) = HEX" too.
//   - SUSE has the same provides, and repositories that are there and disabled.
//   - Arch serves debug files by debuginfod.
//   - Alpine has ORIGIN-dbg for a part of its packages.
//
// The commands are made to be pasted, and some of what they hold comes from
// files of others: a container's lists, a binary's note. A name, version or URL
// that has any character besides those that such things have is not used.
package pkghint
