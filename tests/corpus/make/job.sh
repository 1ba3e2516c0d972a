set -e
make -j4 -s all
make -j4 -s all
sleep 0.01; touch part-7.c
make -j4 -s all
make -j4 sub
make -s missing 2>/dev/null || echo "no rule: $?"
cp program "$OUT"
