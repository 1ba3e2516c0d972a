set -e
export GOFLAGS=-mod=mod GOPROXY=off
go version
gofmt -l .
go build -o program .
./program
go test -v -run Sum -bench Sum -benchtime 10x ./... | sed -E 's/\([0-9.]+s\)//; s/[0-9.]+ ns.op//; s/[0-9.]+s$//; /^cpu:/d; s/[[:space:]]+/ /g'
go get example.com/not/there 2>&1 | grep -o 'module lookup disabled'
cp program "$OUT"
