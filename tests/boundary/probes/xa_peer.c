/* `plant` makes things another agent could look for and waits; without it, looks for them.
 * Arguments: a mark that is in their names; the host's path of the other one's home. */
#include "probe.h"
#include <dirent.h>
#include <mqueue.h>
#include <stddef.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/un.h>

#define SHM_KEY 0x0aee7e42

static const char *mark(void) { return arguments[0]; }
static char *named(const char *form) {
    static char name[512];
    snprintf(name, sizeof name, form, mark());
    return name;
}
static long process(void) {
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    char path[64], text[1024];
    while (dir && (entry = readdir(dir))) {
        if (atoi(entry->d_name) <= 0 || atoi(entry->d_name) == getpid() || atoi(entry->d_name) == getppid()) continue;
        snprintf(path, sizeof path, "/proc/%.20s/cmdline", entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t count = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        if (fd >= 0) close(fd);
        for (ssize_t i = 0; i < count; i++) if (text[i] == 0) text[i] = ' ';
        text[count > 0 ? count : 0] = 0;
        if (strstr(text, "plant") && strstr(text, mark())) return 0;
    }
    return refuse(ESRCH);
}
static long shared_memory(void) { return shm_open(named("/%s"), O_RDONLY, 0); }
static long system_v(void) { return shmget(SHM_KEY, 0, 0); }
static long queue(void) { return mq_open(named("/%s"), O_RDONLY); }
static long queue_file(void) { return open_only(named("/dev/mqueue/%s"), O_RDONLY); }
static long file(void) { return open_only(named("/home/agent/%s"), O_RDONLY); }
static long tmp_file(void) { return open_only(named("/tmp/%s"), O_RDONLY); }
static long abstract(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, mark(), strlen(mark()));
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(mark()));
    return connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, length);
}
static long tcp(void) {
    struct { uint16_t family, port; uint32_t address; char zero[8]; } to = {AF_INET, htobe16(40123), htobe32(0x7f000001), {0}};
    return connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&to, sizeof to);
}
static long host_path(void) { return open_only(arguments[1], O_RDONLY); }
static long host_path_by_root(void) {
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    char path[600];
    while (dir && (entry = readdir(dir))) {
        if (atoi(entry->d_name) <= 0) continue;
        snprintf(path, sizeof path, "/proc/%.20s/root%.500s", entry->d_name, arguments[1]);
        if (open_only(path, O_RDONLY) >= 0) return 0;
    }
    return refuse(ENOENT);
}

static int plant(void) {
    dup2(1, 2);
    close(shm_open(named("/%s"), O_CREAT | O_RDWR, 0666));
    if (mq_open(named("/%s"), O_CREAT | O_RDWR, 0666, 0) < 0) {
        perror("plant a message queue");
        return 1;
    }
    close(open(named("/home/agent/%s"), O_CREAT | O_WRONLY, 0666));
    close(open(named("/tmp/%s"), O_CREAT | O_WRONLY, 0666));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, mark(), strlen(mark()));
    int local = socket(AF_UNIX, SOCK_STREAM, 0), inet = socket(AF_INET, SOCK_STREAM, 0);
    struct { uint16_t family, port; uint32_t address; char zero[8]; } at = {AF_INET, htobe16(40123), htobe32(0x7f000001), {0}};
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(mark()));
    if (shmget(SHM_KEY, 4096, IPC_CREAT | 0666) < 0 ||
        bind(local, (struct sockaddr *)&address, length) < 0 || listen(local, 8) < 0 ||
        bind(inet, (struct sockaddr *)&at, sizeof at) < 0 || listen(inet, 8) < 0) {
        perror("plant");
        return 1;
    }
    puts("planted");
    fflush(stdout);
    for (;;) pause();
}

static const struct attempt attempts[] = {
    {"process", process}, {"shm_open", shared_memory}, {"System-V-memory", system_v},
    {"message-queue", queue}, {"message-queue-by-path", queue_file}, {"home", file},
    {"tmp", tmp_file}, {"abstract-socket", abstract}, {"loopback", tcp}, {"host-path", host_path}, {"proc-root", host_path_by_root},
};
int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "plant") == 0) {
        arguments = argv + 2;
        return plant();
    }
    return run(attempts, sizeof attempts / sizeof attempts[0], argv + 1);
}
