set -e
sqlite3 one.db 'pragma journal_mode=wal; create table t(a integer primary key, b text); pragma mmap_size=1048576;'
pids=
for writer in 1 2 3 4; do
  (i=0; while [ $i -lt 25 ]; do i=$((i + 1)); sqlite3 -cmd '.timeout 20000' one.db "insert into t(b) values ('$writer')" >/dev/null; done) &
  pids="$pids $!"
done
for pid in $pids; do wait "$pid"; done
sqlite3 one.db 'select b, count(*) from t group by b; pragma integrity_check; pragma wal_checkpoint(truncate);'
sqlite3 one.db 'vacuum into "copy.db"; create virtual table words using fts5(body); insert into words values ("inside the box"); select * from words("box");'
(printf 'begin immediate;\n.shell touch locked\n.shell sleep 1\ncommit;\n' | sqlite3 one.db) &
until [ -e locked ]; do sleep 0.02; done
sqlite3 one.db 'insert into t(b) values (5)' 2>&1 | grep -o 'database is locked'
wait
sqlite3 copy.db .schema
sqlite3 copy.db 'select b, count(*) from t group by b order by b' >"$OUT/counts"
