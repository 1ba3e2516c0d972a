#include <stdio.h>
#include <stdlib.h>
#include "config.h"
int answer(void);
int main(int argc, char **argv) {
#if defined HAVE_MEMFD && defined HAVE_EPOLL
  puts("configured");
#endif
  return argc > 1 && atoi(argv[1]) == answer() ? 0 : 1;
}
