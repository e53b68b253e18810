#!/usr/bin/env bash
# Times probels beside the tools that answer the same questions: whole
# processes, warm cache, medians, one run. Needs hyperfine and binutils;
# bpftrace, eu-readelf, eu-nm and tplist are timed where they are installed.
#
#   bench/peers.sh [-n RUNS] [LIBJVM [LIBLLVM]]
#
# The files are searched for where Debian's openjdk-17-jre-headless and libllvm14
# put them. Output: a table in Markdown.
set -eu
runs=30
[ "${1-}" = -n ] && { runs=$2; shift 2; }
here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
for tool in hyperfine readelf nm; do
  command -v "$tool" >/dev/null || { echo "peers.sh: $tool is missing (Debian: hyperfine, binutils)" >&2; exit 2; }
done
(cd "$here" && CGO_ENABLED=0 go build -trimpath -o "$work/probels" ./cmd/probels)
cat >"$work/nothing.go" <<'GO'
package main

func main() {}
GO
CGO_ENABLED=0 go build -o "$work/nothing" "$work/nothing.go"
p=$work/probels
jvm=${1-$(ls /usr/lib/jvm/*/lib/server/libjvm.so 2>/dev/null | head -1)}
llvm=${2-$(ls /usr/lib/*/libLLVM*.so* 2>/dev/null | head -1)}

# row NAME BASE COMMAND…: each command's median in ms, and as a multiple of the
# one numbered BASE.
row() {
  local name=$1 base=$2 cmds=() c; shift 2
  for c in "$@"; do
    command -v "${c%% *}" >/dev/null 2>&1 && cmds+=("$c")
  done
  hyperfine -N --warmup 3 --runs "$runs" --export-csv "$work/out.csv" "${cmds[@]}" >/dev/null 2>&1
  awk -F, -v base="$base" -v name="$name" '
    NR > 1 { n++; med[n] = $(NF-4) * 1000; cmd[n] = $1 }
    END {
      for (i = 1; i <= n; i++) {
        split(cmd[i], w, " "); t = w[1]; sub(".*/", "", t)
        for (k = 2; k in w && w[k] ~ /^-/; k++) t = t " " w[k]
        printf "| %s | `%s` | %.2f | %.2f |\n", (i == 1 ? name : ""), t, med[i], med[i] / med[base]
      }
    }' "$work/out.csv"
}

echo "$(uname -srm), $(go version | cut -d' ' -f3), $(readelf --version | head -1), $(bpftrace --version 2>/dev/null || echo no bpftrace), $(date +%F)"
echo
echo "| work | command | ms | × |"
echo "|---|---|--:|--:|"
row "a Go program that does nothing; an empty answer" 1 "$work/nothing" "$p version"
if [ -n "$jvm" ]; then
  row "USDT of libjvm.so" 1 "readelf -n $jvm" "$p -q -k usdt $jvm" "$p -q --json -k usdt $jvm" "eu-readelf -n $jvm" "bpftrace -l usdt:$jvm:*" "tplist-bpfcc -l $jvm"
  row "functions of libjvm.so, sorted" 1 "nm $jvm" "$p -q -k uprobe $jvm" "readelf -sW $jvm" "eu-nm $jvm" "bpftrace -l uprobe:$jvm:*"
else
  echo "peers.sh: no libjvm.so (Debian: openjdk-17-jre-headless)" >&2
fi
if [ -n "$llvm" ]; then
  row "one exported symbol of libLLVM.so" 1 "nm -D $llvm" "$p resolve $llvm LLVMBuildAdd" "bpftrace -l uprobe:$llvm:LLVMBuildAdd"
else
  echo "peers.sh: no libLLVM.so (Debian: libllvm14)" >&2
fi
