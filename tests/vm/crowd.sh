#!/bin/bash
# Runs in the virtual machine, where root may raise its limit of descriptors: ten thousand connections of one agent, and another one beside it.
# /host: the finished binaries, the test `crowd`, this folder. Ends with the test's own result.
set -u
mkdir -p /opt/aether/real
cp /host/bin/* /opt/aether/real/
cp /host/bin/* /opt/aether/
cp /host/vm/scoped-daemon.sh /opt/aether/aetherd
systemd-run --quiet --wait --pipe --collect -p Delegate=yes -p LimitNOFILE=65536 -E AETHER_BIN_DIR=/opt/aether -E PATH="$PATH" \
  /host/crowd --ignored --nocapture --test-threads=1
