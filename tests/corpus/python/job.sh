set -e
/usr/bin/python3 --version
/usr/bin/python3 -m venv environment
/usr/bin/python3 make_wheel.py
. environment/bin/activate
pip install --no-index --find-links . --disable-pip-version-check corpus_wheel
corpus-wheel
python -c 'import sys; print(sys.prefix)'
python parallel.py
python -m compileall -q parallel.py
python -u -m http.server --bind 127.0.0.1 0 >server.log 2>&1 &
server=$!
while ! grep -qs 'Serving HTTP' server.log; do kill -0 $server; sleep 0.05; done
port="$(grep -oE 'port [0-9]+' server.log | cut -d ' ' -f 2)"
python -c "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:$port/make_wheel.py').status)"
kill $server
cp corpus_wheel-1.0-py3-none-any.whl copied copied2 "$OUT"
