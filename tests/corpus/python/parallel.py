"""Processes, pools, shared memory, locks, asyncio with children and sockets."""
import asyncio, concurrent.futures as futures, ctypes, fcntl, mmap, multiprocessing as mp, os, pty, select, signal, socket
import sqlite3, ssl, subprocess, sys, tempfile, threading
from multiprocessing import shared_memory


def square(number):
    return number * number


def add(counter, lock, times):
    for _ in range(times):
        with lock:
            counter.value += 1


def producer(queue):
    for number in range(5):
        queue.put(number)
    queue.put(None)


def processes(method):
    context = mp.get_context(method)
    with context.Pool(4) as pool:
        print(method, "pool", sum(pool.map(square, range(100))))
    counter, lock = context.Value("i", 0, lock=False), context.Lock()
    children = [context.Process(target=add, args=(counter, lock, 500)) for _ in range(4)]
    [child.start() for child in children]
    [child.join() for child in children]
    print(method, "counter", counter.value, [child.exitcode for child in children])
    queue = context.Queue()
    child = context.Process(target=producer, args=(queue,))
    child.start()
    print(method, "queue", list(iter(queue.get, None)))
    child.join()


async def asynchronous():
    child = await asyncio.create_subprocess_shell("cat; exit 5", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said, _ = await child.communicate(b"to a child")
    print("asyncio child", said, child.returncode)

    async def serve(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()

    for server in (await asyncio.start_server(serve, "127.0.0.1", 0), await asyncio.start_unix_server(serve, "socket")):
        name = server.sockets[0].getsockname()
        opened = asyncio.open_unix_connection(name) if isinstance(name, str) else asyncio.open_connection(*name)
        reader, writer = await opened
        writer.write(b"over a socket\n")
        print("asyncio", await reader.read())
        writer.close()
        server.close()
    results = await asyncio.gather(*(asyncio.to_thread(square, n) for n in range(20)))
    print("asyncio threads", sum(results))
    child = await asyncio.create_subprocess_exec("sleep", "100")
    child.terminate()
    print("asyncio ended", await child.wait())


def system():
    block = shared_memory.SharedMemory(create=True, size=4096)
    block.buf[:4] = b"once"
    other = shared_memory.SharedMemory(block.name)
    print("shared memory", bytes(other.buf[:4]))
    other.close()
    block.close()
    block.unlink()
    with tempfile.TemporaryFile() as file:
        file.truncate(8192)
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with mmap.mmap(file.fileno(), 8192) as mapped:
            mapped[:5] = b"hello"
            mapped.flush()
        print("mmap", os.pread(file.fileno(), 5, 0))
    pid, terminal = pty.fork()
    if pid == 0:
        os.write(1, b"terminal" if os.isatty(0) else b"none")
        os._exit(0)
    print("pty", os.read(terminal, 100), os.waitpid(pid, 0)[1])
    poller = select.epoll()
    one, other = socket.socketpair()
    poller.register(one, select.EPOLLIN)
    other.send(b"x")
    print("epoll", len(poller.poll(5)))
    memory = os.memfd_create("corpus")
    os.write(memory, b"in memory")
    os.lseek(memory, 0, 0)
    with open("copied", "wb") as target:
        print("sendfile", os.sendfile(target.fileno(), memory, 0, 9))
    with open("copied", "rb") as source, open("copied2", "wb") as target:
        print("copy_file_range", os.copy_file_range(source.fileno(), target.fileno(), 9))
    libc = ctypes.CDLL(None, use_errno=True)
    watch = libc.inotify_init1(0)
    libc.inotify_add_watch(watch, b".", 0x100)
    open("created", "w").close()
    print("inotify", b"created" in os.read(watch, 4096))
    signal.signal(signal.SIGALRM, lambda *_: print("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    signal.pause()
    print("posix_spawn", os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", "exit 9"], os.environ), 0)[1] >> 8)
    print("affinity", len(os.sched_getaffinity(0)) > 0, os.cpu_count() > 0)
    print("nice", os.nice(3), os.getpriority(os.PRIO_PROCESS, 0))
    print("ssl", ssl.create_default_context().minimum_version.name, len(ssl.create_default_context().get_ca_certs()) > 10)
    print("ipv6", socket.create_server(("::1", 0), family=socket.AF_INET6).getsockname()[0])
    print("names", socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM, family=socket.AF_INET)[0][4], os.path.expanduser("~"))
    memory = sqlite3.connect("file.db", isolation_level=None)
    memory.execute("pragma journal_mode=wal")
    print("sqlite", memory.execute("select json_extract('{\"a\": 3}', '$.a')").fetchone())
    event = threading.Event()
    threading.Timer(0.01, event.set).start()
    print("timer", event.wait(5))
    with futures.ProcessPoolExecutor(2) as pool:
        print("executor", list(pool.map(square, range(4))))


if __name__ == "__main__":
    sys.stdout.reconfigure(line_buffering=True)
    for method in ("fork", "spawn", "forkserver"):
        processes(method)
    with mp.Manager() as manager:
        shared = manager.dict(a=1)
        shared["b"] = 2
        print("manager", dict(shared))
    asyncio.run(asynchronous())
    system()
