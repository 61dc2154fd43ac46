#!/usr/bin/env bash
# Installs, upgrades and purges our packages under a real systemd, in a clean Debian that QEMU
# emulates. 77 (skipped) where such a machine cannot be made.
#   run_test.sh BUILD_DIRECTORY OUTPUT_DIRECTORY KERNEL SIMULATED_GUEST
set -euo pipefail
build=$1 out=$2 kernel=$3 simguest=$4
here=$(dirname "$(readlink -f "$0")")
[[ -e $kernel ]] || { echo "skipped: no kernel for the machine"; exit 77; }
mkdir -p "$out"

# Two versions of the same, so that there is something to upgrade to.
rm -rf "$out/packages"
for version in 0.1.0 0.1.1; do
  (cd "$build" && cpack -D CPACK_PACKAGE_VERSION="$version" -B "$out/packages") >"$out/cpack.log" 2>&1 ||
    { cat "$out/cpack.log"; exit 1; }
done
if command -v lintian >/dev/null; then
  lintian --allow-root --fail-on error \
    --suppress-tags-from-file "$here/../../systemd/debian/lintian-tags" "$out"/packages/*_0.1.0_*.deb
fi
shopt -s extglob
debs=("$out"/packages/!(*-dev)_*.deb)
"$here/build_machine.sh" "$out" "$simguest" "${debs[@]}"

console=$out/console.log
timeout --kill-after=5 700 qemu-system-x86_64 \
  -machine q35 -cpu max -accel tcg -smp 2 -m 2G \
  -nodefaults -no-user-config -display none -no-reboot -serial "file:$console" \
  -kernel "$kernel" -initrd "$out/machine.cpio" \
  -append "console=ttyS0 quiet rdinit=/init systemd.show_status=no panic=-1" &
machine=$!
trap 'kill "$machine" 2>/dev/null || true' EXIT
wait "$machine" || echo "the machine ended with status $?"

grep -a -e '^ok ' -e '^NOT OK' -e '^        ' -e '^package-test:' "$console" | tr -d '\r' || true
if ! grep -aq '^package-test: [1-9][0-9]* checks, 0 failed' "$console"; then
  echo "the end of the console:"
  tail -n 20 "$console"
  exit 1
fi
