#!/bin/bash
# Runs in the virtual machine: the suites whose results depend on systemd, pure cgroup v2 or the age of Landlock.
#   /host: the finished binaries and tests, this folder; /out: what the run leaves for people. Ends with `N passed, N failed`.
set -u

# What this machine is for: a result from any other would prove nothing.
sorts="$(findmnt -n -o FSTYPE --types cgroup,cgroup2 | sort -u)"
if [ "$sorts" != cgroup2 ] || [ "$(cat /proc/1/comm)" != systemd ]; then
  echo "error: not systemd on pure cgroup v2: $(cat /proc/1/comm), $sorts"
  exit 1
fi
printf 'Linux %s, systemd %s, cgroup v2: %s\n' "$(uname -r)" "$(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')" \
  "$(cat /sys/fs/cgroup/cgroup.controllers)"

mkdir -p /opt/aether/real
cp /host/bin/* /opt/aether/real/
cp /host/bin/* /opt/aether/
cp /host/vm/scoped-daemon.sh /opt/aether/aetherd

# Tests look for their fixtures where they were compiled.
mkdir -p "${AETHER_PROJECT:?}/tests"
cp -r /host/fixtures "$AETHER_PROJECT/tests/"

# As Debian's kernels are built; another kernel may be more open, and the log's readers are judged by it.
sysctl -q -w kernel.dmesg_restrict=1

failed=0
# unit COMMAND...: in a transient service with its controllers delegated.
unit() {
  systemd-run --quiet --wait --pipe --collect -p Delegate=yes -E AETHER_BIN_DIR=/opt/aether -E PATH="$PATH" \
    -E AETHER_CHURN_ROUNDS=40 "$@" || {
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$*"
  }
}

for test in /host/tests/*; do
  case "${test##*/}" in
    unified) arguments=(--include-ignored) ;;
    *) arguments=() ;;
  esac
  printf '\n-- %s\n' "${test##*/}"
  unit "$test" --test-threads=1 "${arguments[@]}"
done

printf '\n-- doctor, and the service as a unit\n'
bash /host/vm/service.sh || failed=$((failed + 1))

printf '\n-- boundary\n'
# Started with the canary in its keyring, it need not start itself again and is alone in its cgroup.
unit -E AETHER_BOUNDARY_CANARY_KEY=1 -E AETHER_BOUNDARY_PROBES=/host/probes \
  -E AETHER_BOUNDARY_TABLE=/out/ISOLATION-v2.md ${AETHER_UPDATE:+-E AETHER_UPDATE=1} \
  /host/probes/with_canary_key /host/boundary
exit $((failed > 0))
