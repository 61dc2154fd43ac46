#!/usr/bin/env python3
"""Unpacks the ELF kernel inside a bzImage: decompressing it under emulation would take a minute.

extract_vmlinux.py BZIMAGE OUTPUT"""
import struct
import subprocess
import sys

MAGICS = {
    b"\xfd7zXZ\0": ["xz", "-dc"],
    b"\x02\x21\x4c\x18": ["lz4", "-dcq"],
}

def payload(image):
    """The compressed kernel; offsets as in Documentation/x86/boot.rst, protocol 2.08."""
    setup_sectors = image[0x1F1]
    offset, length = struct.unpack_from("<II", image, 0x248)
    begin = (setup_sectors + 1) * 512 + offset
    return image[begin : begin + length]


def unpack(data):
    for magic, command in MAGICS.items():
        if data.startswith(magic):
            # The last four bytes hold the unpacked size and belong to no compressed format.
            done = subprocess.run(command, input=data[:-4], stdout=subprocess.PIPE, check=True)
            return done.stdout
    raise SystemExit(f"extract_vmlinux: unknown compression: {data[:6].hex()}")


with open(sys.argv[1], "rb") as source:
    kernel = unpack(payload(source.read()))
if not kernel.startswith(b"\x7fELF"):
    raise SystemExit("extract_vmlinux: what was packed is no ELF file")
with open(sys.argv[2], "wb") as target:
    target.write(kernel)
