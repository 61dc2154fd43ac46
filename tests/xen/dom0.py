#!/usr/bin/env python3
"""The host's end of the lines into the emulated machine.

  dom0.py ports MONITOR_SOCKET        prints the host ports that QEMU forwards: command, gateway
  dom0.py run PORT SECONDS COMMAND    runs a shell command in dom0; exits with its status
  dom0.py console SERIAL_SOCKET       dom0's console on this terminal; Ctrl-] leaves it
"""
import base64
import os
import re
import select
import socket
import sys
import termios
import tty

LAB_FAILED = 125
STATUS = re.compile(rb"\n@status (\d+)\n\Z")
STATUS_BYTES_MAX = 32
# dom0 ends a late command itself; past this many seconds more, dom0 is taken to hang.
GRACE_S = 20


def fail(message):
    print(f"xen-lab: {message}", file=sys.stderr)
    sys.exit(LAB_FAILED)


def ports(path):
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(10)
        monitor.connect(path)
        monitor.sendall(b"info usernet\n")
        told = b""
        while told.count(b"HOST_FORWARD") < 2 or not told.endswith(b"(qemu) "):
            chunk = monitor.recv(65536)
            if not chunk:
                fail("QEMU's monitor closed the connection")
            told += chunk
    forwards = re.findall(rb"HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)\s+\S+\s+(\d+)", told)
    to_host = {guest: host.decode() for host, guest in forwards}
    print(to_host[b"7000"], to_host[b"7443"])


def run(port, seconds, command):
    pending = b""
    try:
        with socket.create_connection(("127.0.0.1", int(port)), timeout=10) as dom0:
            dom0.settimeout(int(seconds) + GRACE_S)
            dom0.sendall(seconds.encode() + b" " + base64.b64encode(command.encode()) + b"\n")
            while not STATUS.search(pending):
                chunk = dom0.recv(65536)
                if not chunk:
                    break
                pending += chunk
                # All but what may be the beginning of the status.
                sys.stdout.buffer.write(pending[:-STATUS_BYTES_MAX])
                sys.stdout.buffer.flush()
                pending = pending[-STATUS_BYTES_MAX:]
    except OSError as error:
        fail(f"dom0 did not answer on port {port}: {error}")
    status = STATUS.search(pending)
    sys.stdout.buffer.write(pending[: status.start()] if status else pending)
    sys.stdout.buffer.flush()
    if not status:
        fail("dom0 closed the connection before the command ended")
    sys.exit(int(status.group(1)))


def console(path):
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    with socket.socket(socket.AF_UNIX) as serial:
        serial.connect(path)
        tty.setraw(keyboard)
        try:
            serial.sendall(b"\r")
            while True:
                ready, _, _ = select.select([keyboard, serial], [], [])
                if serial in ready:
                    shown = serial.recv(4096)
                    if not shown:
                        return
                    os.write(sys.stdout.fileno(), shown)
                if keyboard in ready:
                    typed = os.read(keyboard, 1024)
                    if not typed or b"\x1d" in typed:
                        return
                    serial.sendall(typed)
        finally:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
            print()


COMMANDS = {"ports": ports, "run": run, "console": console}
COMMANDS[sys.argv[1]](*sys.argv[2:])
