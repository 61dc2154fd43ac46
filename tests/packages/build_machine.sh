#!/usr/bin/env bash
# Builds the machine of the package test: a clean Debian with systemd, as an initramfs, with what
# our packages depend on and no more; and on top of it the packages and the script to run there.
#   build_machine.sh OUTPUT_DIRECTORY SIMULATED_GUEST PACKAGE...
# Without a package mirror it says so and exits with 77: the test is skipped.
set -euo pipefail
out=$1 simguest=$2
shift 2
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

# Names of what the packages depend on, other than each other; of alternatives the first.
depends=$(for deb in "$@"; do dpkg-deb -f "$deb" Depends; done |
  tr ',' '\n' | sed -e 's/[|(].*//' -e 's/ //g' | grep -v -e '^stillframe' -e '^libstillframe' | sort -u |
  paste -sd,)
packages="systemd-sysv,dbus,iproute2,$depends"

if [[ ! -e $out/base.cpio || $(cat "$out/base.packages" 2>/dev/null) != "$packages" ]]; then
  # The machine has an own /init; documentation and translations would only slow its boot.
  # shellcheck disable=SC2016  # mmdebstrap's shell expands $1
  if ! mmdebstrap --quiet --variant=minbase --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='ln -sf /lib/systemd/systemd "$1/init"' \
    bookworm "$work/base" >"$out/base.log" 2>&1; then
    echo "skipped: mmdebstrap cannot make a Debian: $(tail -n 1 "$out/base.log")"
    exit 77
  fi
  (cd "$work/base" && find . -xdev | cpio -o -H newc --quiet) >"$out/base.cpio.new"
  mv "$out/base.cpio.new" "$out/base.cpio"
  printf '%s\n' "$packages" >"$out/base.packages"
fi

# The kernel unpacks one archive after the other.
mkdir -p "$work/top/test/packages" "$work/top/etc/systemd/system/multi-user.target.wants"
cp "$@" "$work/top/test/packages"
cp "$simguest" "$work/top/test/stillframe-simguest"
cp "$here/in_machine.sh" "$work/top/test"
cp "$here/package-test.service" "$work/top/etc/systemd/system"
ln -s ../package-test.service "$work/top/etc/systemd/system/multi-user.target.wants"
(cd "$work/top" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/top.cpio"
cat "$out/base.cpio" "$work/top.cpio" >"$out/machine.cpio.new"
mv "$out/machine.cpio.new" "$out/machine.cpio"
