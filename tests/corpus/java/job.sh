set -e
java -version
javac -d classes Main.java
for collector in UseG1GC UseParallelGC UseSerialGC; do
  echo "$collector"
  java -XX:+$collector -Xmx256m -cp classes Main
done
jar --create --file main.jar --main-class Main --date=2026-01-01T00:00:00Z -C classes .
java -XX:+UseZGC -Xmx256m -jar main.jar | head -n 1
java -Xmx16m -XX:-CreateCoredumpOnCrash -cp classes Main >/dev/null 2>&1 && echo small
cp classes/Main.class main.jar "$OUT"
