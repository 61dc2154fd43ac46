#!/usr/bin/env bash
# Shows Stillframe at work on one guest: boots it, captures it, reads its snapshots over gRPC.
# Called by `./dev demo`, which builds what it needs.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: ./dev demo [--backend qemu|sim] [--keep]
  --backend qemu   a Linux guest under QEMU (the default)
  --backend sim    a simulated guest: no QEMU needed, a few seconds
  --keep           leave everything running and say what to type
TEXT
}

backend=qemu keep='' build=''
while (($#)); do
  case $1 in
    --build-dir) build=$2; shift 2 ;;
    --backend) backend=${2:-}; shift 2 ;;
    --keep) keep=1; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
case $backend in qemu | sim) ;; *) usage >&2; exit 2 ;; esac

run=$(mktemp -d -t stillframe-demo-XXXXXX)
pids=()
finish() {
  local status=$? pid
  if [[ -n $keep && $status == 0 ]]; then return; fi
  if ((status)); then
    echo "The demonstration failed; the last lines of its logs:" >&2
    tail -n 5 "$run"/*.log >&2 2>/dev/null || true
  fi
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$run"
}
trap finish EXIT

start() {  # start NAME COMMAND...: in the background, its output in $run/NAME.log
  local name=$1
  shift
  "$@" >"$run/$name.log" 2>&1 &
  pids+=($!)
}

await() {  # await SECONDS WHAT COMMAND...: until the command succeeds
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || { echo "waited in vain for $what" >&2; return 1; }
    sleep 0.1
  done
}

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
shown() {  # prints a command as a user would type it, and runs it
  printf '\033[36m$ stillframe %s\033[0m\n' "$*"
  "$cli" "$@"
}

cli=$build/client/cli/stillframe
export STILLFRAME_TARGET=unix:$run/gateway.sock
mkdir "$run/guests"

title "1. A guest that changes its memory all the time"
if [[ $backend == sim ]]; then
  guest=demo-sim
  start guest "$build/tests/support/simguest/stillframe-simguest" --directory "$run/guests" \
    --name "$guest" --ram-mib 256 --vcpus 2 --workload torn --window-pages 16384
  await 10 "the simulated guest" test -S "$run/guests/$guest.sim"
  live=(--sim-directory "$run/guests")
else
  guest=demo-linux
  linux=$build/tests/qemu_guest
  [[ -e $linux/vmlinuz ]] || { echo "no guest kernel: its package could not be fetched" >&2; exit 1; }
  start guest qemu-system-x86_64 -name "$guest" -nodefaults -no-user-config -display none \
    -accel "${STILLFRAME_TEST_QEMU_ACCEL:-tcg}" -cpu max,-la57 -smp 1 -m 256M \
    -object memory-backend-memfd,id=ram,size=256M,share=on -machine q35,memory-backend=ram \
    -serial "file:$run/serial" \
    -qmp "unix:$run/guests/$guest.qmp,server=on,wait=off" \
    -qmp "unix:$run/second.sock,server=on,wait=off" \
    -kernel "$linux/vmlinuz" -initrd "$linux/initrd.img" \
    -append "console=ttyS0 panic=-1 quiet stillframe.torn_mib=32"
  echo "booting Linux under QEMU ..."
  await 180 "the guest to boot" grep -q READY "$run/serial"
  sed -n 's/^TRUTH version //p' "$run/serial"
  live=(--qmp "$run/second.sock")
fi
echo "It stamps a growing number into its pages, one after the other, for ever."

title "2. The two daemons"
cat >"$run/stillframed.toml" <<TOML
[daemon]
socket = "$run/stillframed.sock"
socket_group = ""
ledger = "$run/pauses"
discovery_period_ms = 200
[backends]
sim_directory = "$run/guests"
qemu_qmp_globs = ["$run/guests/*.qmp"]
[defaults]
period_ms = 250
generations_max = 32
TOML
start stillframed "$build/daemon/stillframed/stillframed" --config "$run/stillframed.toml"
start gateway "$build/daemon/gateway/stillframe-gateway" \
  --daemon-socket "$run/stillframed.sock" --listen "unix:$run/gateway.sock" --allow-privileges
await 20 "the gateway" "$cli" guests
await 20 "a first snapshot" "$cli" show "$guest"
echo "stillframed captures the guest every 250 ms; stillframe-gateway serves gRPC."

title "3. The guests of this host"
shown guests

title "4. Twenty generations as they come, each checked: is it of one instant?"
shown verify "$guest" --count 20

title "5. The same memory, copied while the guest runs"
"$build/tests/demo/stillframe-live-copy" "${live[@]}" --copies 20

title "6. Generations: how long the guest stood still, how much changed"
shown snapshots "$guest"

title "7. Memory of one instant, over gRPC"
latest=$("$cli" snapshots "$guest" | awk 'END { print $1 }')
address=$("$cli" diff "$guest" $((latest - 1)) "$latest" |
  awk '/^0x/ && $3 > most { most = $3; first = $1 } END { print first }')
shown read "$guest@$latest" "${address:-0x1000}" 64 --hex

title "8. What changed between two generations"
shown diff "$guest" $((latest - 1)) "$latest" >"$run/diff"
head -n 10 "$run/diff"
if (($(wc -l <"$run/diff") > 11)); then echo "..."; tail -n 1 "$run/diff"; fi

if [[ -z $keep ]]; then
  title "That was it. With --keep everything stays, and you can try for yourself."
  exit 0
fi
title "It runs on. Try:"
cat <<TEXT
  export STILLFRAME_TARGET=$STILLFRAME_TARGET
  PATH=$build/client/cli:\$PATH
  stillframe watch $guest
  stillframe show $guest
  stillframe dump $guest -o guest.core --format elf
To end it:
  kill ${pids[*]}; rm -rf $run
TEXT
