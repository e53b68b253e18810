package main

// small are a libc (symbol versions, ifuncs, USDT), C++ (long names, unique symbols), and an
// interpreter and a library with USDT probes.
var small = []string{"libc6", "libstdc++6", "python3.11-minimal", "libpython3.11", "libglib2.0-0"}

// more have USDT probes of their own, or tables of unusual size; libc6-dbg has .symtab in debug files.
var more = []string{
	"libc6-dbg", "postgresql-15", "libvirt0", "libvirt-daemon", "mariadb-server-core", "libruby3.1",
	"libqt5core5a", "libgcc-s1", "gdb", "libperl5.36", "libsystemd-shared", "php8.2-cli", "systemtap-runtime",
}

// big are packages of which one foreign architecture is enough.
var big = []string{"openjdk-17-jre-headless", "qemu-system-x86", "libnode108"}

func defaultPackages(arch string, onlySmall bool) []string {
	if onlySmall {
		return small
	}
	list := append(append([]string(nil), small...), more...)
	if arch == "arm64" {
		list = append(list, big...)
	}
	return list
}
