set -e
export SOURCE_DATE_EPOCH=0
seq 1 200000 >numbers
for tool in gzip bzip2 xz; do $tool -k numbers; done
ls numbers.* ; gzip -dc numbers.gz | cmp - numbers; xz -T2 -dc numbers.xz | cmp - numbers
mkdir tree; (cd tree; touch a; ln -s a b; ln a c; mkfifo pipe; mkdir -m 700 d; echo x >d/e; truncate -s 10M sparse)
tar --sort=name --mtime=@0 --owner=0 --group=0 -S -czf tree.tgz tree
mkdir untarred; tar -xzf tree.tgz -C untarred; (cd untarred; find . -printf '%y %m %l %p\n' | sort; find . ! -type d -links +1 | sort)
tar -xzf tree.tgz --same-owner -C untarred 2>&1 | sed 's/uid [0-9]*/uid N/' | sort | head -n 3 || true
sort --parallel=4 -S 4M -r numbers | head -n 1
shuf --random-source=numbers numbers | sort -n -c - 2>/dev/null || echo unsorted
split -n 4 numbers part-; cat part-* | md5sum
cp -a --reflink=auto --sparse=always tree copy; cp --preserve=all numbers kept; stat -c %s copy/sparse
rm -rf copy; install -D -m 640 numbers deep/er/installed; stat -c %a deep/er/installed
dd if=/dev/urandom of=random bs=64k count=16 status=none; dd if=random of=direct bs=4096 oflag=direct,sync count=4 status=none || echo no direct; stat -c %s random
flock lock sh -c 'flock -n lock true || echo "locked $?"'
nice -n 5 nice; ionice -c 3 true && echo ionice; chrt -b 0 true && echo chrt; taskset 1 true && echo taskset; renice -n 7 -p $$ | cut -d ' ' -f 2-
prlimit --nofile=100 sh -c 'ulimit -n'
mktemp -p . -u corpus.XXXX | wc -c; head -c 0 /dev/full; echo x 2>/dev/null >/dev/full || echo full
ps -o comm= -p $$; ps -e >/dev/null; free >/dev/null; uptime >/dev/null; df -h . >/dev/null; id -un; groups; getent passwd agent | cut -d : -f 1; nproc >/dev/null; hostname >/dev/null; uname -sm
sed -i 's/^1$/one/' numbers; head -n 1 numbers; diff -q numbers kept || true; printf 'a\n' >p; printf 'b\n' >q; diff -u --label p --label q p q | patch -s p; cat p
sync; sync -f .; fallocate -l 1M room; fallocate -p -o 0 -l 65536 room; stat -c %s room; truncate -s 0 room
printf 'GET' | timeout 1 bash -c 'cat >/dev/tcp/127.0.0.1/9' 2>&1 | grep -o 'Connection refused'
mkfifo pipe; (echo through >pipe) & cat pipe; wait
od -An -N4 -tx1 /dev/zero; test -r /dev/random && test -w /dev/null && echo devices
cp tree.tgz "$OUT"
