set -e
g++ -std=c++20 -O0 -Wall -Werror -pthread -o program main.cpp
./program
cp program "$OUT"
