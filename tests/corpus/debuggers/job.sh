# No process looks into another; a debugger says so instead of hanging.
echo 'int main(void) { return 3; }' | gcc -g -x c - -o program || exit 1
strace -e trace=exit_group ./program 2>&1 | grep -oE 'exit_group\(3\)|PTRACE_[A-Z]+.*|Operation not permitted'
echo "strace: $?"
gdb -q -batch -ex run ./program 2>&1 | grep -oE 'exited with code 03|Operation not permitted' | sort -u
echo "gdb: $?"
sleep 100 & target=$!
timeout 1 strace -p $target -o trace 2>&1 | grep -oE 'attach: .*|attached$' | sed 's/[0-9][0-9]*/PID/'
gdb -q -batch -p $target 2>&1 | grep -oE 'Operation not permitted' | sort -u
kill $target; wait $target 2>/dev/null
setarch -R true; echo "no randomization: $?"
cat /proc/$$/maps | grep -c stack
