#!/usr/bin/env bash
# Runs a test program as process 1 of an emulated machine with two NUMA nodes of two processors
# each. 77 (skipped) where there is no such machine to be had.
#   run_test.sh PROGRAM KERNEL
set -euo pipefail
program=$1 kernel=$2
[[ -e $kernel ]] || { echo "skipped: no kernel for the machine"; exit 77; }
command -v qemu-system-x86_64 >/dev/null || { echo "skipped: no qemu-system-x86_64"; exit 77; }

work=$(mktemp -d)
machine=
trap '[[ -z $machine ]] || kill "$machine" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/root"
strip -o "$work/root/init" "$program"
{ ldd "$program"; } | awk '$3 ~ /^\// { print $3 } $1 ~ /^\/lib.*ld-linux/ { print $1 }' |
  while read -r library; do
    mkdir -p "$work/root${library%/*}"
    cp -L "$library" "$work/root$library"
  done
(cd "$work/root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initrd"

node() {
  echo "-object memory-backend-ram,id=ram$1,size=384M -numa node,nodeid=$1,cpus=$2,memdev=ram$1"
}
# shellcheck disable=SC2046 # several arguments each
timeout --kill-after=5 100 qemu-system-x86_64 \
  -machine q35 -cpu max -accel tcg -smp 4 -m 768M $(node 0 0-1) $(node 1 2-3) \
  -nodefaults -no-user-config -display none -no-reboot -serial "file:$work/console" \
  -kernel "$kernel" -initrd "$work/initrd" \
  -append "console=ttyS0 quiet rdinit=/init panic=-1" &
machine=$!
wait "$machine" || echo "the machine ended with status $?"
machine=
tr -d '\r' <"$work/console"
grep -aq '^numa_test: passed' "$work/console"
