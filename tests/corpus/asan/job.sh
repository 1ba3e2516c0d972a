# Sanitizers: each finds its fault and ends the program with its own status. Addresses and pids differ from run to run.
said() { grep -oE 'heap-buffer-overflow|heap-use-after-free|stack-buffer-overflow|signed integer overflow|detected memory leaks|SUMMARY: [A-Za-z]+Sanitizer|LeakSanitizer has encountered a fatal error|does not work under ptrace' report | sort -u; }
cat > faults.c <<'C'
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv) {
  volatile char *heap = malloc(16);
  char stack[16];
  volatile int large = 2147483647;
  switch (argc > 1 ? argv[1][0] : ' ') {
  case 'o': heap[16] = 1; break;
  case 'f': free((char *)heap); return heap[3];
  case 's': memset(stack, 1, 16 + argc); break;
  case 'i': large += argc; break;
  case 'l': heap = NULL; return 0;
  }
  free((char *)heap);
  return 0;
}
C
gcc -g -O0 -fsanitize=address,undefined -fno-sanitize-recover=undefined -o faults faults.c || exit 1
for fault in o f s i; do
  ASAN_OPTIONS=detect_leaks=0 ./faults "$fault" >report 2>&1
  echo "$fault: $?"
  said
done
echo "with the search for leaks:"
./faults n >report 2>&1
echo "none: $?"
said
./faults l >report 2>&1
echo "leak: $?"
said
exit 0
