set -e
gcc -w -o interfaces interfaces.c
./interfaces
cp two "$OUT"
