#!/usr/bin/env bash
# Fetches and compiles what the table of docs/match.md is measured on, on Debian 12 with its main and
# security archives and their sources enabled (deb-src), and writes DIR/rows:
#
#	internal/cmd/matchtable/rebuild.sh DIR
#
# A version that the mirrors no longer have is left out, and told.
set -uo pipefail
[ $# = 1 ] || { sed -n '2,8p' "$0"; exit 2; }
mkdir -p "$1"/{debs,pk,src,built}
dir=$(cd "$1" && pwd)
: >"$dir/rows"
row() { local IFS=$'\t'; echo "$*" >>"$dir/rows"; }

# unpack NAME=VERSION: unpacks a package below pk
unpack() {
	local to=$dir/pk/${1//[=:~+]/_}
	[ -d "$to" ] && return
	(cd "$dir/debs" && rm -f ./*.deb && apt-get -qq download "$1" 2>/dev/null && dpkg -x ./*.deb "$to") || echo "not to be had: $1" >&2
}
# both TITLE PACKAGE OLD NEW FILE [DEBUGPACKAGE]: a row of one file in two versions
both() {
	unpack "$2=$3"; unpack "$2=$4"
	local a=$dir/pk/${2}_${3//[=:~+]/_} b=$dir/pk/${2}_${4//[=:~+]/_} debug=()
	if [ $# = 6 ]; then
		unpack "$6=$3"; unpack "$6=$4"
		debug=("$dir/pk/${6}_${3//[=:~+]/_}/usr/lib/debug" "$dir/pk/${6}_${4//[=:~+]/_}/usr/lib/debug")
	fi
	a=$(find "$a" -type f -name "$5" 2>/dev/null | head -n1) b=$(find "$b" -type f -name "$5" 2>/dev/null | head -n1)
	[ -n "$a" ] && [ -n "$b" ] && row "$1" "$a" "$b" "${debug[@]}"
}
# versions PACKAGE: those that apt knows, the oldest first
versions() { apt-cache madison "$1" | awk '{print $3}' | sort -uV; }
for p in "bash bash -" "libssl3 libcrypto.so.3 -" "libssl3 libssl.so.3 -" "libc6 libc.so.6 libc6-dbg" "python3.11-minimal python3.11 python3.11-dbg" "openjdk-17-jre-headless libjvm.so -" "libsqlite3-0 libsqlite3.so.0.8.6 -" "zlib1g libz.so.1.* -" \
	"libxml2 libxml2.so.2.* -" "libcurl4 libcurl.so.4.* -" "libexpat1 libexpat.so.1.* -" "libkrb5-3 libkrb5.so.3.* -" "libglib2.0-0 libglib-2.0.so.0.* -" \
	"libsystemd0 libsystemd.so.0.* -" "libpq5 libpq.so.5.* -" "libnghttp2-14 libnghttp2.so.14.* -"; do
	read -r package file debug <<<"$p"
	[ "$debug" = - ] && debug=
	mapfile -t v < <(versions "$package")
	for ((i = 1; i < ${#v[@]}; i++)); do
		both "$file ${v[0]} → ${v[i]}" "$package" "${v[0]}" "${v[i]}" "$file" ${debug:+"$debug"}
	done
done

cd "$dir/src" || exit 1
for p in zlib bash; do ls -d $p-*/ >/dev/null 2>&1 || apt-get -qq source "$p" >/dev/null 2>&1 || echo "no source of $p" >&2; done
zlib=$(ls -d zlib-*/ | head -n1) bash=$(ls -d bash-*/ | head -n1)
[ -d "$bash/parse.y" ] || [ -e "$bash/parse.y" ] || (cd "$bash" && tar xf bash*.tar.* --strip-components=1 2>/dev/null)
for cc in gcc clang; do
	for o in O0 O1 O2 O3 Os "O2 -flto"; do
		out=$dir/built/zlib-$cc-${o// /}
		[ -e "$out" ] || "$cc" -w -fPIC -shared -"${o%% *}" ${o#O[0-9s]} $([ "$cc $o" = "clang O2 -flto" ] && echo -fuse-ld=lld) -D_LARGEFILE64_SOURCE -DHAVE_UNISTD_H -o "$out" "$zlib"/*.c || echo "not built: $out" >&2
		out=$dir/built/bash-$cc-${o// /}
		[ -e "$out" ] && continue
		rm -rf obj && mkdir obj
		(cd obj && "../$bash/configure" -q CC="$cc" CFLAGS="-w -$o" >/dev/null 2>&1 && make -s >/dev/null 2>&1 && cp bash "$out") || echo "not built: $out" >&2
	done
done
# OpenSSL linked statically into a program, of each version that apt knows, by the shared library of the oldest.
mapfile -t v < <(versions libssl-dev)
mapfile -t shared < <(versions libssl3)
cat >tls.c <<'END'
#include <openssl/ssl.h>
#include <openssl/err.h>
int main(int argc, char **argv)
{
	char b[100];
	SSL *s = SSL_new(SSL_CTX_new(TLS_method()));
	if (argc > 1) { SSL_set_fd(s, 1); SSL_connect(s); }
	int n = SSL_read(s, b, sizeof b) + SSL_write(s, b, 10);
	ERR_print_errors_fp(stderr);
	return n;
}
END
for version in "${v[@]}"; do
	unpack "libssl-dev=$version"
	dev=$dir/pk/libssl-dev_${version//[=:~+]/_}/usr out=$dir/built/tls-${version//[=:~+]/_}
	lib=$(echo "$dev"/lib/*-linux-gnu)
	[ -e "$out" ] || gcc -O2 -w -static -I"$dev/include" -I"$dev/include/$(basename "$lib")" -o "$out" tls.c "$lib/libssl.a" "$lib/libcrypto.a" 2>/dev/null || echo "not built: $out" >&2
	for so in libssl.so.3 libcrypto.so.3; do
		old=$(find "$dir/pk/libssl3_${shared[0]//[=:~+]/_}" -type f -name $so 2>/dev/null | head -n1)
		[ -e "$out" ] && [ -n "$old" ] && row "$so ${shared[0]} → static program, $version" "$old" "$out"
	done
done
# Static archives of development packages: programs with the library of the newest version in them, by the
# archive of the oldest. arm64 where dpkg knows that architecture and its compiler is there.
cat >z.c <<'END'
#include <stdio.h>
#include <string.h>
#include <zlib.h>
int main(int argc, char **argv)
{
	unsigned char in[4096], out[8192];
	char b[100];
	uLongf n = sizeof out, m = sizeof in;
	memset(in, argc, sizeof in);
	if (compress2(out, &n, in, sizeof in, 9) != Z_OK) return 1;
	gzFile f = gzopen(argc > 1 ? argv[1] : "/dev/null", "r");
	gzread(f, b, sizeof b);
	gzclose(f);
	z_stream s = {0};
	inflateInit(&s); inflate(&s, Z_FINISH); inflateEnd(&s);
	printf("%lu\n", crc32(0, in, sizeof in) ^ adler32(1, in, sizeof in));
	return uncompress(in, &m, out, n);
}
END
# archives SUFFIX COMPILER PACKAGE SOURCE ARCHIVE…
archives() {
	local suffix=$1 cc=$2 package=$3 source=$4 v a old dev lib out how
	shift 4
	command -v "$cc" >/dev/null || return
	mapfile -t v < <(versions "$package$suffix")
	[ ${#v[@]} -gt 0 ] || return
	unpack "$package$suffix=${v[0]}"; unpack "$package$suffix=${v[-1]}"
	old="$package$suffix=${v[0]}" dev="$package$suffix=${v[-1]}"
	old=$dir/pk/${old//[=:~+]/_}/usr/lib dev=$dir/pk/${dev//[=:~+]/_}/usr
	lib=$(echo "$dev"/lib/*-linux-gnu*)
	for how in dynamic static; do
		out=$dir/built/${source%.c}-$how${suffix/:/-}
		[ -e "$out" ] || "$cc" -O2 -w $([ $how = static ] && echo -static) -I"$dev/include" -I"$dev/include/$(basename "$lib")" -o "$out" "$source" "${@/#/$lib/}" 2>/dev/null || { echo "not built: $out" >&2; continue; }
		for a in "$@"; do row "$a${suffix/:/ } ${v[0]} → $how program, ${v[-1]}" "$(echo "$old"/*/"$a")" "$out"; done
	done
}
for arch in "gcc" "aarch64-linux-gnu-gcc :arm64"; do
	read -r cc suffix <<<"$arch"
	archives "$suffix" "$cc" libssl-dev tls.c libssl.a libcrypto.a
	archives "$suffix" "$cc" zlib1g-dev z.c libz.a
done
row "bash gcc-O2 → Debian's" "$dir/built/bash-gcc-O2" "$(readlink -f /bin/bash)"
for what in bash zlib; do
	for t in gcc-O0 gcc-O1 gcc-O3 gcc-Os gcc-O2-flto clang-O0 clang-O1 clang-O2 clang-O3 clang-Os clang-O2-flto; do
		[ -e "$dir/built/$what-$t" ] && row "$what gcc-O2 → $t" "$dir/built/$what-gcc-O2" "$dir/built/$what-$t"
	done
done
echo "$dir/rows: $(wc -l <"$dir/rows") rows"
