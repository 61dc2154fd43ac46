#!/usr/bin/env bash
# Fetches the Debian packages that only the emulated machine needs and unpacks them; installs none.
#   fetch.sh DIRECTORY
# Makes DIRECTORY/root, one tree with the files of all packages; DIRECTORY/fetched names them.
# Succeeds at once when they are there.
# Without a package mirror it says so, makes nothing and succeeds: tests then skip with that reason.
set -euo pipefail
directory=$1
readonly series=4.17  # bookworm's Xen

complain() { printf 'xen-lab: %s\n' "$*" >&2; }

# The meta package names the kernel of the day.
kernel=$(apt-cache depends linux-image-amd64 2>/dev/null |
  sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
if [[ -z $kernel ]]; then
  complain "apt knows no linux-image-amd64: run apt-get update"
  exit 0
fi
packages=("xen-hypervisor-$series-amd64" "xen-utils-$series" xenstore-utils qemu-system-xen "$kernel")
if [[ $(cat "$directory/fetched" 2>/dev/null) == "${packages[*]}" ]]; then
  touch "$directory/fetched"
  exit 0
fi

new=$directory/root.new
rm -rf "$new"
mkdir -p "$directory/packages" "$new"
cd "$directory/packages"
for package in "${packages[@]}"; do
  if ! compgen -G "${package}_*.deb" >/dev/null &&
    ! apt-get -q -o APT::Sandbox::User=root download "$package" >fetch.log 2>&1; then
    complain "cannot download $package: $(tail -n 1 fetch.log); run apt-get update"
    exit 0
  fi
done

# Of the kernel's 400 MB only what may serve dom0 is unpacked.
dpkg-deb --fsys-tarfile "$kernel"_*.deb | tar -x -C "$new" --wildcards './boot/vmlinuz-*' \
  './lib/modules/*/modules.*' './lib/modules/*/kernel/drivers/xen' \
  './lib/modules/*/kernel/drivers/virtio' './lib/modules/*/kernel/drivers/net' \
  './lib/modules/*/kernel/drivers/char' './lib/modules/*/kernel/net' \
  './lib/modules/*/kernel/fs' './lib/modules/*/kernel/lib'
for package in "${packages[@]}"; do
  if [[ $package != "$kernel" ]]; then dpkg-deb -x "$package"_*.deb "$new"; fi
done

rm -rf "$directory/root"
mv "$new" "$directory/root"
echo "${packages[*]}" >"$directory/fetched"
