set -e
locale
printf 'b\nä\na\nÄ\nz\n' | sort
printf 'straße ÀÉ\n' | tr a-z A-Z
printf 'ÄÖÜ' | wc -m
printf 'grün' | iconv -f UTF-8 -t ISO-8859-1 | od -An -tx1
mkdir -p 'ordner ü/日本語'
echo inhalt >'ordner ü/日本語/Datei 🙂'
find 'ordner ü' | sort
/usr/bin/python3 -c 'import locale, sys; print(locale.getpreferredencoding(), sys.getfilesystemencoding(), "ß".upper())'
LC_ALL=de_DE.UTF-8 bash -c 'printf "%s\n" ok' 2>/dev/null
TZ=Europe/Berlin date -d @0 '+%F %T %Z'
TZ=Asia/Tokyo date -d '2026-07-01 12:00 UTC' '+%c %Z'
grep -P '\p{Lu}' <<WORDS
klein
Ärger
WORDS
awk 'BEGIN { print toupper("äb"), length("日本") }'
sed 's/./X/g' <<'WORDS'
日本
WORDS
cp -r 'ordner ü' "$OUT"
