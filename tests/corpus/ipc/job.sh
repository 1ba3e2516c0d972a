set -e
gcc -Wall -Werror -pthread -o ipc ipc.c
./ipc
ipcmk -M 4096 -p 0600 | cut -d : -f 1
ipcs -m | grep -c agent
ipcrm --all=shm
ipcs -m | grep -c agent || true
