#!/usr/bin/env bash
# Lets systemd judge the units in a build directory; 77 (skipped) where systemd-analyze is missing.
set -euo pipefail
built=$1
command -v systemd-analyze >/dev/null || { echo "skipped: no systemd-analyze"; exit 77; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for unit in "$built"/*.service; do
  # The programs and manual pages are not installed yet, so they are not looked for; the gateway's
  # user is likewise made by sysusers.d.
  sed -e 's|^\(Exec[A-Za-z]*=\)/[^ ]*|\1/bin/true|' "$unit" >"$work/${unit##*/}"
done
output=$(systemd-analyze verify --recursive-errors=no --man=no "$work"/*.service 2>&1) || status=$?
# Complaints about other units of this host are not ours.
ours=$(grep -F -e "$work" -e stillframe <<<"$output" || true)
if [[ -n $ours ]]; then
  printf '%s\n' "$ours"
  exit 1
fi
if (( ${status:-0} != 0 )); then
  printf '%s\n' "$output"
  exit 1
fi
echo "units verified: $(cd "$work" && echo ./*.service)"
