set -e
gcc --version | head -n 1
gcc -O2 -Wall -Wextra -Werror -pthread -o program main.c
./program
gcc -O0 -g -static -pthread -o static main.c && ./static | head -n 1
gcc -fPIC -shared -o libone.so -x c - <<'C'
int one(void) { return 1; }
C
gcc -o uses -x c - -L. -lone -Wl,-rpath,"$PWD" <<'C'
#include <dlfcn.h>
#include <stdio.h>
int one(void);
int main(void) { printf("%d %d\n", one(), dlopen("libone.so", RTLD_NOW) != 0); return 0; }
C
./uses
gcc -flto -O2 -pthread -o lto main.c && ./lto | tail -n 1
cp program static libone.so "$OUT"
