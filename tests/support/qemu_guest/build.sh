#!/bin/sh
# Builds vmlinuz and initrd.img of the test guest: Debian's cloud kernel, fetched and unpacked but
# not installed, and an initramfs that holds nothing but our own init.
#   build.sh OUTPUT_DIRECTORY INIT_BINARY
# Without a package mirror it says so, makes nothing and succeeds: tests then skip with that reason.
set -eu
out=$1 init=$2
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if [ ! -e "$out/vmlinuz" ]; then
  package=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null |
    sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
  if [ -z "$package" ] ||
    ! (cd "$work" && apt-get -q -o APT::Sandbox::User=root download "$package" >/dev/null 2>&1); then
    echo "qemu_guest: cannot fetch linux-image-cloud-amd64: run apt-get update" >&2
    exit 0
  fi
  # Only the kernel is wanted: unpacking 70 MB of modules would take longer than all the rest.
  dpkg-deb --fsys-tarfile "$work/$package"_*.deb | tar -x -C "$work" --wildcards './boot/vmlinuz-*'
  mv "$work"/boot/vmlinuz-* "$out/vmlinuz.new"
  mv "$out/vmlinuz.new" "$out/vmlinuz"
fi

mkdir "$work/root"
cp "$init" "$work/root/init"
chmod 755 "$work/root/init"
(cd "$work/root" && echo init | cpio -o -H newc -R 0:0 --quiet | gzip -1) >"$out/initrd.img.new"
mv "$out/initrd.img.new" "$out/initrd.img"
