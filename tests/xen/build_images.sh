#!/usr/bin/env bash
# Builds what the emulated machine boots from, in DIRECTORY/images: xen, vmlinux-dom0, dom0.cpio.
#   build_images.sh DIRECTORY TINY_GUEST LINUX_KERNEL LINUX_INITRD
# DIRECTORY holds what fetch.sh made; if that is nothing, so is this. LINUX_KERNEL may be missing: then only the tiny guest is there.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly here directory=$1 tiny_guest=$2 linux_kernel=$3 linux_initrd=$4
readonly packages=$directory/root images=$directory/images dom0=$directory/dom0
readonly tools=usr/lib/xen-4.17/bin
PATH=$PATH:/usr/sbin:/sbin

if [[ ! -e $directory/fetched ]]; then exit 0; fi

mkdir -p "$images"
kernel=("$packages"/boot/vmlinuz-*)
version=${kernel[0]##*/vmlinuz-}

gunzip -c "$packages"/boot/xen-*-amd64.gz >"$images/xen"
"$here/extract_vmlinux.py" "${kernel[0]}" "$images/vmlinux-dom0"

rm -rf "$dom0"
mkdir -p "$dom0"/{bin,dev,proc,sys,share,tmp,run/{xen,lock},etc/xen,lib/modules,usr/{bin,sbin}} \
  "$dom0"/{"$tools",lab/guests,usr/libexec,var/{lib/{xen,xenstored},log/xen}}
ln -s ../run "$dom0/var/run"
ln -s ../run/lock "$dom0/var/lock"
cp /bin/busybox "$dom0/bin/"
ln -s busybox "$dom0/bin/sh"
install -m 755 "$here/dom0/init" "$dom0/init"
install -m 755 "$here"/dom0/{command,install,create_guest} "$dom0/lab/"
cp "$here"/guests/*.cfg "$dom0/lab/guests/"
ln -s /lab/create_guest "$dom0/usr/bin/create_guest"
echo 'root:x:0:0:root:/:/bin/sh' >"$dom0/etc/passwd"
echo 'root:x:0:' >"$dom0/etc/group"
echo 'autoballoon="off"' >"$dom0/etc/xen/xl.conf"

for tool in xl xenstored xenconsoled xenconsole xen-init-dom0 xenctx libxl-save-helper; do
  cp "$packages/$tools/$tool" "$dom0/$tools/"
  ln -s "/$tools/$tool" "$dom0/usr/sbin/$tool"
done
# HVM guests' device model does not start without a keymap, though nobody types.
cp "$packages/usr/libexec/xen-qemu-system-i386" "$dom0/usr/libexec/"
install -D -m 644 /usr/share/qemu/keymaps/en-us "$dom0/usr/share/qemu/keymaps/en-us"
cp -P "$packages"/usr/bin/xenstore{,-exists,-list,-ls,-read,-rm,-watch,-write} "$dom0/usr/bin/"

# Their libraries come from this machine, as for everything that is built here. glibc loads
# libgcc_s by itself when a thread is cancelled.
libraries=$(ldd "$dom0/$tools"/* "$dom0"/usr/bin/xenstore* "$dom0"/usr/libexec/* \
  /bin/true)
if missing=$(grep 'not found' <<<"$libraries"); then
  printf 'xen-lab: Xen tools lack libraries (libxen-dev brings them):\n%s\n' "$missing" >&2
  exit 1
fi
{
  awk '$3 ~ /^\// { print $3 } $1 ~ /^\/lib.*ld-linux/ { print $1 }' <<<"$libraries" | sort -u
  echo /lib/x86_64-linux-gnu/libgcc_s.so.1
} | while read -r library; do
  mkdir -p "$dom0${library%/*}"
  cp -L "$library" "$dom0$library"
done

depmod -b "$packages" "$version"
for module in xen-privcmd xen-evtchn xen-gntdev xen-gntalloc xenfs virtio_pci virtio_net \
  9pnet_virtio 9p; do
  modprobe -d "$packages" -S "$version" --show-depends "$module"
done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r module; do
  cp "$module" "$dom0/lib/modules/"
  echo "${module##*/}" >>"$dom0/lib/modules/order"
done

cp "$tiny_guest" "$dom0/lab/guests/tiny_guest"
# disk.h's blocks: each says which it is.
awk 'BEGIN { for (i = 0; i < 256; i++) printf "%-4096s", "BLOCK " i " " }' >"$dom0/lab/guests/disk"
if [[ -e $linux_kernel ]]; then
  "$here/extract_vmlinux.py" "$linux_kernel" "$dom0/lab/guests/vmlinux"
  cp "$linux_initrd" "$dom0/lab/guests/initrd.img"
else
  echo "xen-lab: no Linux guests: $linux_kernel is missing" >&2
fi

(cd "$dom0" && find . | cpio -o -H newc -R 0:0 --quiet) >"$images/dom0.cpio.new"
mv "$images/dom0.cpio.new" "$images/dom0.cpio"
