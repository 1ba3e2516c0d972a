set -e
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$PWD/installed" | grep -E 'HAVE|Looking|Threads|done$'
cmake --build build --parallel 4 | grep -c Built
(cd build && ctest -j 2 | sed -E 's/ +[0-9.]+ sec.*//; /Total Test time|Start/d; s|^ *[0-9]+/[0-9]+ ||' | sort)
cmake --install build >/dev/null
installed/bin/program 42
cp installed/bin/program "$OUT"
