#!/usr/bin/env bash
# A real Xen on any machine: stock Debian Xen, dom0 and guests inside QEMU's software emulation.
# dom0 keeps nothing: it boots from an initramfs, and `down` ends everything by ending QEMU.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
readonly here
build=${XEN_LAB_BUILD:-$(readlink -f "$here/../../build/dev")}
readonly images=$build/tests/xen/images
readonly run=${XEN_LAB_RUN:-$build/tests/xen/run}
readonly boot_s_max=${XEN_LAB_BOOT_S:-240}
# Handed in by `deploy`, as far as they are built.
readonly programs=(daemon/stillframed/stillframed daemon/gateway/stillframe-gateway
  client/cli/stillframe)

usage() {
  cat <<'TEXT'
Usage: ./dev xen-lab COMMAND
  up [--owned]       boot Xen and dom0; --owned: end them when the calling process ends
  deploy [FILE...]   hand stillframed, the gateway, the client and FILEs to dom0's /usr/bin
  run [-t SECONDS] COMMAND
                     run a shell command in dom0 (60 s at most unless told otherwise)
  guest NAME         start a guest: tiny or hvm (without a system), pvh or pv (Linux)
  port               the loopback port that leads to dom0's gateway (127.0.0.1:7443 there)
  log                what Xen and dom0 wrote to the console
  shell              dom0's console; Ctrl-] leaves it
  bench [--json] [--full]
                     what captures cost a guest, beside Xen's own ways to copy it
  down               end the emulated machine
Environment: XEN=FILE boots another hypervisor (an unpacked ELF), XEN_ARGS adds to its command line.
TEXT
}

die() { printf 'xen-lab: %s\n' "$*" >&2; exit 125; }

qemu_pid() { cat "$run/qemu.pid" 2>/dev/null; }
is_up() { [[ -e $run/qemu.pid ]] && kill -0 "$(qemu_pid)" 2>/dev/null; }
# 77 is what ctest takes for "skipped".
need_images() {
  if [[ ! -e $images/dom0.cpio ]]; then
    echo "xen-lab: no images in $images: build the target xen_lab_images" >&2
    exit 77
  fi
}
need_up() { is_up || die "not up: './dev xen-lab up' first"; }

# QEMU 7.2's qemu64 with these flags runs PV dom0 and PV and PVH guests; the EPYC models and later
# QEMU do not. Xen is told to leave out what costs time under emulation, and not to reboot, so
# that a crash stays readable. One CPU: with two, SVM guests now and then run on with Xen's own
# registers and die of a triple fault, and a halted CPU can sleep through its interrupts.
start_qemu() {
  local xen xen_args dom0_args loopback=tcp:127.0.0.1
  xen=$(readlink -f "${XEN:-$images/xen}")
  xen_args="console=com1 com1=115200,8n1 loglvl=info guest_loglvl=info noreboot bootscrub=0"
  xen_args+=" cpuidle=no spec-ctrl=no xpti=no dom0_mem=1536M,max:1536M dom0_max_vcpus=1"
  xen_args+=" ${XEN_ARGS:-}"
  dom0_args="console=hvc0 mitigations=off nokaslr net.ifnames=0 audit=0 panic=0"
  cd "$images"
  qemu-system-x86_64 -name xen-lab -nodefaults -no-user-config -display none -no-reboot \
    -machine q35 -accel tcg -cpu qemu64,-monitor,+svm,+npt -smp 1 -m 3072 \
    -kernel "$xen" -append "$xen_args" -initrd "vmlinux-dom0 $dom0_args,dom0.cpio" \
    -chardev "socket,id=serial,path=$sockets/serial,server=on,wait=off,logfile=$run/serial.log" \
    -serial chardev:serial -monitor "unix:$sockets/monitor,server=on,wait=off" \
    -netdev "user,id=net,restrict=on,hostfwd=$loopback:0-:7000,hostfwd=$loopback:0-127.0.0.1:7443" \
    -device virtio-net-pci,netdev=net,romfile= \
    -virtfs "local,path=$run/share,mount_tag=share,security_model=none,multidevs=remap" \
    -pidfile "$run/qemu.pid" -daemonize >"$run/qemu.log" 2>&1 ||
    die "QEMU did not start: $(tail -n 1 "$run/qemu.log")"
}

# Ends QEMU when process $1 ends; ends with QEMU too.
watch_owner() {
  local owner=$1 pid
  pid=$(qemu_pid)
  (
    trap '' HUP INT TERM
    while kill -0 "$owner" && kill -0 "$pid"; do sleep 1; done
    kill "$pid"
  ) >/dev/null 2>&1 </dev/null &
}

up() {
  local owner='' start=$SECONDS problem=''
  case ${1:-} in
    '') ;;
    --owned) owner=$PPID ;;
    *) die "up takes --owned or nothing, not '$1'" ;;
  esac
  is_up && die "already up, as process $(qemu_pid)"
  need_images
  rm -rf "$run"
  mkdir -p "$run/share"
  # Their paths must stay below 108 bytes, wherever the build directory lies.
  sockets=$(mktemp -d -t xen-lab-XXXXXX)
  ln -s "$sockets" "$run/sockets"
  (start_qemu) || { down; exit 125; }
  if [[ -n $owner ]]; then watch_owner "$owner"; fi
  "$here/dom0.py" ports "$sockets/monitor" >"$run/ports"

  # A connection made before dom0 has its network would be held back for 10 s.
  until grep -qa 'dom0: READY' "$run/serial.log"; do
    if ! is_up; then problem="QEMU ended"; fi
    if grep -qaE 'Panic on CPU|Kernel panic' "$run/serial.log"; then problem="it crashed"; fi
    if ((SECONDS - start > boot_s_max)); then problem="not ready after $boot_s_max s"; fi
    if [[ -n $problem ]]; then
      tail -n 20 "$run/serial.log" >&2
      down
      die "booting failed: $problem; all of its console: $run/serial.log"
    fi
    sleep 0.1
  done
  printf 'dom0 is ready after %d s (process %d, gateway at 127.0.0.1:%d)\n' \
    $((SECONDS - start)) "$(qemu_pid)" "$(port)"
}

down() {
  local pid tries
  if is_up; then
    pid=$(qemu_pid)
    kill "$pid"
    for ((tries = 0; tries < 100; tries++)); do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -9 "$pid" 2>/dev/null || true
  fi
  if [[ -L $run/sockets ]]; then rm -rf "$(readlink "$run/sockets")"; fi
  rm -f "$run/qemu.pid" "$run/sockets"
}

# run_in_dom0 SECONDS COMMAND
run_in_dom0() {
  need_up
  local command_port
  read -r command_port _ <"$run/ports"
  "$here/dom0.py" run "$command_port" "$1" "$2"
}

run_() {
  local seconds=60
  if [[ ${1:-} == -t ]]; then
    seconds=${2:?-t needs a number of seconds}
    shift 2
  fi
  (($#)) || die "run needs a command"
  run_in_dom0 "$seconds" "$*"
}

port() {
  need_up
  local gateway_port
  read -r _ gateway_port <"$run/ports"
  echo "$gateway_port"
}

deploy() {
  need_images
  need_up
  local program file project=$run/share/project
  rm -rf "$project"
  mkdir -p "$project"/{bin,lib}
  for program in "${programs[@]}"; do
    [[ ! -e $build/$program ]] || set -- "$@" "$build/$program"
  done
  (($#)) || die "nothing to hand in: nothing is built in $build"
  # Debug information is most of a program's size, and the emulated machine is slow.
  for file; do strip -g -o "$project/bin/${file##*/}" "$file"; done
  ldd "$@" | awk '$3 ~ /^\// { print $3 }' | sort -u | xargs -r cp -Lt "$project/lib"
  run_in_dom0 120 /lab/install
}

# Uses the machine that is up, or one of its own.
bench() {
  if ! is_up; then
    up --owned >&2
    trap down EXIT
  fi
  deploy "$build/tests/xen/xen_bench"
  run_in_dom0 900 "xen_bench $*"
}

command=${1:-}
(($# == 0)) || shift
case $command in
  up | down | deploy | port | bench) "$command" "$@" ;;
  run) run_ "$@" ;;
  guest) run_in_dom0 330 "create_guest ${1:?guest needs a name}" ;;
  log) cat "$run/serial.log" ;;
  shell) need_up; exec "$here/dom0.py" console "$run/sockets/serial" ;;
  -h | --help | help) usage ;;
  *) usage >&2; die "no command '$command'" ;;
esac
