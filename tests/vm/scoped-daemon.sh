#!/bin/sh
# Stands for aetherd where the tests look for it: they start it from a cgroup that they are in themselves, and with version 2 a
# cgroup that has processes cannot limit its children. `--scope` becomes the program, so the pid stays.
exec systemd-run --quiet --scope -p Delegate=yes -- /opt/aether/real/aetherd "$@"
