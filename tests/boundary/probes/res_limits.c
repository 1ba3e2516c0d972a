/* Argument: which. Each stops by itself at a bound that is harmless without the limit. */
#include "probe.h"
#include <sys/mman.h>
#include <sched.h>

static long processes(void) {
    pid_t pids[400];
    int count = 0;
    long result = 0;
    while (count < 400) {
        pid_t pid = fork();
        if (pid == 0) for (;;) pause();
        if (pid < 0) { result = -1; break; }
        pids[count++] = pid;
    }
    int error = errno;
    for (int i = 0; i < count; i++) kill(pids[i], SIGKILL);
    for (int i = 0; i < count; i++) waitpid(pids[i], NULL, 0);
    errno = error;
    return result;
}
static long memory(void) {
    size_t size = 192u << 20;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) return -1;
    for (size_t i = 0; i < size; i += 4096) bytes[i] = 1;
    return 0;
}
static long shared(void) {
    int fd = (int)syscall(SYS_memfd_create, "boundary", 0);
    static char block[1 << 20];
    for (int i = 0; i < 192; i++) if (write(fd, block, sizeof block) < 0) return -1;
    return 0;
}
static long descriptors(void) {
    for (int i = 0; i < 70000; i++) if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 0) return -1;
    return 0;
}
static long raise_descriptors(void) {
    struct rlimit more = {1 << 20, 1 << 20};
    return setrlimit(RLIMIT_NOFILE, &more);
}
static long terminals(void) {
    for (int i = 0; i < 400; i++) if (open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC) < 0) return -1;
    return 0;
}
static long fifo_priority(void) {
    struct sched_param parameters = {.sched_priority = 1};
    return sched_setscheduler(0, SCHED_FIFO, &parameters);
}
static long nice_down(void) { return setpriority(PRIO_PROCESS, 0, -20); }
static long locked(void) {
    size_t size = 64u << 20;
    char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return bytes == MAP_FAILED ? -1 : mlock(bytes, size);
}
static long inodes(void) {
    char path[64];
    mkdir("/run/user/1000/many", 0700);
    long result = 0;
    int made = 0;
    for (; made < 8192 && result >= 0; made++) {
        snprintf(path, sizeof path, "/run/user/1000/many/%d", made);
        result = mknod(path, S_IFREG | 0600, 0);
    }
    int error = errno;
    for (int i = 0; i < made; i++) {
        snprintf(path, sizeof path, "/run/user/1000/many/%d", i);
        unlink(path);
    }
    errno = error;
    return result;
}

static const struct attempt attempts[] = {
    {"processes", processes}, {"descriptors", descriptors}, {"raise-descriptors", raise_descriptors}, {"terminals", terminals},
         {"SCHED_FIFO", fifo_priority}, {"nice", nice_down}, {"inodes-of-run", inodes}, {"mlock", locked}, {"memory", memory}, {"memfd", shared},
};
int main(int argc, char **argv) {
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        if (argc > 1 && strcmp(argv[1], attempts[i].name) == 0) return run(attempts + i, 1, argv + 2);
    return 1;
}
