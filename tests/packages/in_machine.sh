#!/bin/bash
# Runs in the machine that build_machine.sh made, as its administrator would: installs the packages,
# uses them, breaks them, upgrades them and purges them. One line per check on standard output.
# shellcheck disable=SC2317  # await calls functions by name
set -u
checks=0 failures=0

check() {  # check WHAT COMMAND...
  local what=$1
  shift
  checks=$((checks + 1))
  if output=$("$@" 2>&1); then
    echo "ok      $what"
  else
    failures=$((failures + 1))
    echo "NOT OK  $what"
    printf '%s\n' "$output" | tail -n 20 | sed 's/^/        /'
    journalctl --quiet -n 8 -o cat -u stillframed -u stillframe-gateway | sed 's/^/        | /'
  fi
}
await() {  # await COMMAND...: until it succeeds, for a minute
  local end=$((SECONDS + 60))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || { echo "in vain: $*"; "$@"; return 1; }
    read -rt 0.2 <> <(:) || true
  done
}
not() { ! "$@"; }
is() { [[ $1 == "$2" ]] || { echo "'$1' is not '$2'"; return 1; }; }

pid_of() { systemctl show -P MainPID "$1"; }
status_of() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$(pid_of "$1")/status"; }
version_of() { dpkg-query -W -f '${Version}' "$1"; }
cpu_ticks() { awk '{ print $14 + $15 }' "/proc/$(pid_of guest)/stat"; }
guest_runs() {
  local before
  before=$(cpu_ticks)
  more_ticks() { (($(cpu_ticks) > before + 2)); }
  await more_ticks
}
as() { local user=$1; shift; runuser -u "$user" -- "$@"; }
generation() { stillframe --json snapshots guest | sed -n 's/.*"generation": *"\{0,1\}\([0-9]*\).*/\1/p' | sort -n | tail -n 1; }
advances() {
  local before
  before=$(generation)
  newer() { (($(generation) > ${before:-0})); }
  await newer
}
install_version() { DEBIAN_FRONTEND=noninteractive apt-get -q install -y /test/packages/*_"$1"_*.deb; }
exposure_within() {
  local exposure
  exposure=$(systemd-analyze security "$1" | sed -n 's/.*exposure level for [^ ]*: \([0-9.]*\).*/\1/p')
  echo "        exposure of $1: $exposure" >/dev/ttyS0
  awk -v got="$exposure" -v max="$2" 'BEGIN { exit !(got != "" && got <= max) }'
}

# --- A clean machine becomes a host.
check "the packages install" install_version 0.1.0
check "nothing is enabled unasked" not systemctl is-enabled --quiet stillframed stillframe-gateway
check "the account is there" id stillframe
check "a configuration is there" test -s /etc/stillframe/stillframed.toml
mkdir /run/sim
systemd-run --quiet --unit=guest /test/stillframe-simguest --directory /run/sim --name guest \
  --workload torn --dirty-pages-per-second 2000
printf '\n[backends]\nsim_directory = "/run/sim"\n[defaults]\nperiod_ms = 200\ngenerations_max = 64\n' \
  >/etc/stillframe/stillframed.toml
check "the configuration is valid" stillframed --check-config
check "the services start" systemctl enable --now stillframed stillframe-gateway
check "they say so themselves" is "$(systemctl is-active stillframed stillframe-gateway | paste -sd ' ')" "active active"

# --- It serves.
useradd --groups stillframe monitor
useradd stranger
check "a member of the group sees the guest" await as monitor stillframe guest guest
check "snapshots are of one instant, over gRPC" as monitor stillframe verify guest --count 5
check "and by the daemon's own socket" \
  as monitor stillframe --target local:/run/stillframe/stillframed.sock verify guest
check "a stranger is refused" is "$(as stranger stillframe guests >/dev/null 2>&1; echo $?)" 5
sed -i 's/^#listen = ""$/listen = "127.0.0.1:9464"/' /etc/stillframe/gateway.toml
check "the gateway takes a new configuration" systemctl restart stillframe-gateway
captures_in_metrics() {
  exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3 &&
    timeout 10 cat <&3 | grep -q '^stillframe_captures_total{guest="guest",.*} [1-9]'
}
check "metrics are served" await captures_in_metrics
in_journal() { journalctl --quiet --unit stillframed GUEST=guest | grep -q 'guest guest: '; }
check "the journal knows of the guest" await in_journal
status_line() { systemctl show -P StatusText "$1" | grep -q "$2"; }
check "the daemon tells systemd of its guests" await status_line stillframed '1 captured; last pause .* of guest'
check "the gateway tells systemd of its readers" await status_line stillframe-gateway '1 captured, 0 failing; .* streams'
check "the host is healthy" stillframe status

# --- Over the network: certificates, a policy, a record of every call.
check "certificates are made" stillframe pki /root/pki --gateway 127.0.0.1 \
  --client spiffe://example.org/monitor/m1 --client spiffe://example.org/stranger
for file in gateway.pem gateway-key.pem ca.pem crl.pem; do
  install -D -m 640 -g stillframe -t /etc/ssl/stillframe "/root/pki/$file"
done
cat >/etc/stillframe/gateway.toml <<'TOML'
[gateway]
listen = ["unix:/run/stillframe/gateway.sock", "127.0.0.1:50051"]
policy = "/etc/stillframe/policy.toml"
[tls]
certificate = "/etc/ssl/stillframe/gateway.pem"
key = "/etc/ssl/stillframe/gateway-key.pem"
client_ca = "/etc/ssl/stillframe/ca.pem"
crl = "/etc/ssl/stillframe/crl.pem"
[audit]
journal = true
TOML
cat >/etc/stillframe/policy.toml <<'TOML'
[[grant]]
principals = ["group:stillframe", "user:root", "spiffe://example.org/monitor/*"]
guests = ["*"]
rights = ["read", "capture", "pin"]
TOML
chgrp stillframe /etc/stillframe/*.toml
over_network() {
  local name=$1
  shift
  stillframe --target 127.0.0.1:50051 --cacert /root/pki/ca.pem --cert "/root/pki/$name.pem" \
    --key "/root/pki/$name-key.pem" "$@"
}
recorded() { journalctl --quiet SYSLOG_IDENTIFIER=stillframe-audit "$@" | grep -q .; }
check "the policy is valid" stillframe-gateway --check-policy /etc/stillframe/policy.toml
check "the gateway takes them" systemctl restart stillframe-gateway
check "snapshots are of one instant, over mutual TLS" await over_network m1 verify guest --count 2
check "a certificate that nothing is granted is refused" \
  is "$(over_network stranger guests >/dev/null 2>&1; echo $?)" 5
check "the user behind the socket is known" \
  is "$(as monitor stillframe --json whoami | sed -n 's/.*"principal": "\([^"]*\)".*/\1/p')" user:monitor
check "reads are in the journal" await recorded \
  STILLFRAME_PRINCIPAL=spiffe://example.org/monitor/m1 STILLFRAME_GUEST=guest
check "the certificate is revoked" stillframe pki /root/pki --revoke m1
install -m 640 -g stillframe -t /etc/ssl/stillframe /root/pki/crl.pem
check "others go on" await as monitor stillframe guest guest

check "the manual is there" test -s /usr/share/man/man8/stillframed.8.gz

# --- Confined, as the kernel says.
check "the gateway has no capability" is "$(status_of stillframe-gateway CapPrm)" 0000000000000000
check "the gateway is not root" not is "$(status_of stillframe-gateway Uid | cut -f1)" 0
for unit in stillframed stillframe-gateway; do
  check "$unit is filtered" is "$(status_of $unit Seccomp)" 2
  check "$unit gains no privilege" is "$(status_of $unit NoNewPrivs)" 1
done
check "the daemon sees no network" not is "$(readlink "/proc/$(pid_of stillframed)/ns/net")" "$(readlink /proc/1/ns/net)"
check "stillframed's exposure" exposure_within stillframed 2.0
check "stillframe-gateway's exposure" exposure_within stillframe-gateway 2.0

# --- Deaths.
before=$(pid_of stillframed)
started_anew() { [[ $(pid_of stillframed) != 0 && $(pid_of stillframed) != "$before" ]]; }
check "the daemon is killed" kill -KILL "$before"
check "it is started again" await started_anew
check "the guest runs" guest_runs
check "snapshots go on" advances
before=$(pid_of stillframed)
check "daemon and guardian are killed" systemctl kill --signal=KILL stillframed
check "both are started again" await started_anew
check "the guest runs after that" guest_runs
check "snapshots go on after that" advances

# --- Upgrade, while captures go on.
before=$(pid_of stillframed)
check "a newer version installs" install_version 0.1.1
check "it is the newer one" is "$(version_of stillframed)" 0.1.1
check "the daemon is the new one" await started_anew
check "the services are active" await systemctl is-active --quiet stillframed stillframe-gateway
check "the edited configuration stays" grep -q /run/sim /etc/stillframe/stillframed.toml
check "the guest runs after the upgrade" guest_runs
check "snapshots go on after the upgrade" advances
check "they are of one instant" stillframe verify guest --count 3

# --- And a clean machine again.
check "removal" apt-get -q remove -y stillframed stillframe-gateway stillframe-cli
check "the services are gone" not systemctl is-active --quiet stillframed stillframe-gateway
check "the configuration stays" test -s /etc/stillframe/stillframed.toml
check "purge" apt-get -q purge -y stillframed stillframe-gateway stillframe-cli libstillframe0
check "nothing is left" not compgen -G '/etc/stillframe /run/stillframe /usr/sbin/stillframe* /usr/lib/systemd/system/stillframe*'
check "the guest runs to the end" guest_runs

echo "package-test: $checks checks, $failures failed"
