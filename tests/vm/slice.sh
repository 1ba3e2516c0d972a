#!/bin/bash
# Runs in the virtual machine: a part of package.sh that ends within a minute, on the kernel that the distribution ships ready-made.
# /host: aether.deb, the kernel's modules, this folder. Debian 12's kernel (6.1) has no Landlock: there the service has to refuse agents that do not
# give it up.
# shellcheck disable=SC2016  # code of others
set -u
# shellcheck source=tests/vm/steps.sh
. "$(dirname "$0")/steps.sh"

# The image has no modprobe.
for module in fs/overlayfs/overlay drivers/block/loop fs/quota/quota_tree fs/quota/quota_v2; do
  python3 -c 'import ctypes, os, sys
sys.exit(ctypes.CDLL(None).syscall(313, os.open(sys.argv[1], os.O_RDONLY), b"", 0))' "/host/modules/kernel/$module.ko" || echo "not loaded: $module"
done

holds 'the package installs' installed
holds 'the service is up' prints active value aetherd.service ActiveState
if [ "$failed" -gt 0 ]; then
  journalctl -u aetherd --no-pager -n 20
  counted
  exit
fi
holds 'its socket, too' prints active value aetherd.socket ActiveState
holds 'the service has a user of its own' prints aether stat -c %U /var/lib/aether/aether.db
# landlock_create_ruleset(2), asked for its version.
if ! python3 -c 'import ctypes, sys; sys.exit(ctypes.CDLL(None).syscall(444, None, 0, 1) < 1)'; then
  holds 'doctor names the layer that this kernel lacks' lists 'this kernel has no Landlock' aether doctor
  holds 'and an agent is refused for it' fails 'cannot provide the layer landlock' "${run[@]}" --rm -- true
  run+=(--allow-reduced landlock)
fi
holds 'an agent runs' prints hello "${run[@]}" --rm -- echo hello

id="$("${run[@]}" -d --name limited --memory 64M --pids 20 --cpus 0.2 -- sleep 100000)"
holds 'memory is limited' limit limited memory.max 67108864
holds 'processes, too' limit limited pids.max 20
holds 'processors, too' limit limited cpu.max '20000 100000'
holds 'its home, too, by a volume that the service made' lists 'by project quota, ext4 volume' aether inspect limited
holds 'an agent that forks without end is refused processes' forks
before="$(pids limited)"
holds 'an agent out of memory ends with 137' ends 137 hog
holds 'its neighbour goes on' the_same_pids limited "$before"
holds 'and so does the service' prints active value aetherd.service ActiveState
holds 'systemd-cgls shows agents in one slice' lists "$id" systemd-cgls --no-pager --unit aether.slice

holds 'systemctl restart' systemctl restart aetherd
holds 'leaves agents alone' the_same_pids limited "$before"
holds 'which it knows' prints running state limited

printf -- '\n-- the disk may only be read\n'
# Of every disk at once, with files open for writing: what no remount by hand does, and a kernel does that found an error.
read_only() {
  echo u >/proc/sysrq-trigger
  soon sh -c 'grep -q "^/dev/[^ ]* / ext4 ro" /proc/mounts && ! grep -q "^/dev/loop[^ ]* [^ ]* ext4 rw" /proc/[0-9]*/mounts'
}
holds 'every disk is read-only' read_only
export TMPDIR=/run
holds 'agents go on' the_same_pids limited "$before"
holds 'a new one is refused, with the cause' fails 'it is mounted read-only' "${run[@]}" --rm -- true
holds 'any other change, too' fails 'it is mounted read-only' sh -c 'echo a-long-word | aether secret set WORD'
holds 'reads work' prints running state limited
holds 'the service is the same' prints active value aetherd.service ActiveState
holds 'the disk may be written again' mount -o remount,rw /
holds 'changes are taken again' soon sh -c 'echo a-long-word | aether secret set WORD'
holds 'the agent went on' the_same_pids limited "$before"
# The spawner makes the volume of the homes writable by itself. But older kernels took the disk away from below it first, so that its journal broke off;
# then it has to be mounted anew, when nobody uses it any more.
# More than are built ahead.
several() {
  seq 6 | while read -r _; do
    "${run[@]}" --rm -- true || return
  done
}
case "$(uname -r)" in
  5.* | 6.[0-5].*)
    if ! several >/dev/null 2>&1; then
      echo 'the volume is mounted anew'
      aether kill limited
      systemctl restart aetherd
    fi
    ;;
esac
holds 'and new agents run' soon several

holds 'purge' dpkg -P aether
holds 'ends every process' nothing_runs
holds 'leaves no cgroup' no_cgroup
holds 'leaves no mount' nothing_mounted
holds 'leaves no file' no_file
holds 'leaves no unit' prints '' systemctl list-units --no-legend --all 'aether*'
counted
