set -e
PATH="$(ls -d /usr/lib/postgresql/*/bin | tail -n 1):$PATH"
initdb -D data --locale=C.UTF-8 --auth=trust -N >initdb.log || { cat initdb.log; exit 1; }
grep -E 'selecting dynamic shared memory|default max_connections|default shared_buffers' initdb.log
export PGHOST=/tmp PGPORT=54329 PGDATABASE=postgres
pg_ctl -D data -w -s -l server.log -o "-c listen_addresses= -k /tmp -p $PGPORT -c fsync=on -c huge_pages=try" start || { cat server.log; exit 1; }
psql -Atc 'select current_user, pg_is_in_recovery()'
pgbench -q -i -s 1 2>&1 | grep -c done
pgbench -n -c 4 -j 2 -t 50 | grep -E 'actually processed|failed'
psql -At <<'SQL'
create table t as select g as a, md5(g::text) as b from generate_series(1, 20000) g;
create index on t using hash (b);
set max_parallel_workers_per_gather = 2; set parallel_setup_cost = 0; set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0;
select count(*), min(b) from t where b like '%a%';
explain (costs off) select count(*) from t;
create temp table u (like t); copy u from program 'printf "1\tx\n"'; table u;
vacuum analyze t;
SQL
pg_dump -t t | grep -v restrict | md5sum
psql -Atc 'select pg_terminate_backend(pg_backend_pid())' 2>&1 | grep -o 'terminating connection' | head -n 1
pg_ctl -D data -w -s -m fast stop
grep -cE 'PANIC|ERROR' server.log || true
