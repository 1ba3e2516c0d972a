/* An attempt gets through when it returns 0 or more. Each runs in a child of its own; prints `name through`, `name ERRNO`
 * or `name signal N`. Nothing here does the damaging half: what can be opened for writing is closed again. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct attempt { const char *name; long (*attempt)(void); };

/* Where the arguments of the program begin; attempts that need one read it here. */
static char **arguments;

/* The kernel went past its permission check when it complains about what we gave it. */
static inline long reached(long result, int complaint) { return result < 0 && errno == complaint ? 0 : result; }

/* A kernel without the call answers ENOSYS itself; the filter never does for these. */
static inline long absent(long result) { return reached(result, ENOSYS); }

static inline long open_only(const char *path, int flags) {
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd >= 0) close(fd);
    return fd;
}

static inline long refuse(int error) { errno = error; return -1; }

/* A file that can be read and says something. */
static inline long read_some(const char *path) {
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return fd;
    ssize_t count = read(fd, text, sizeof text);
    close(fd);
    return count == 0 ? refuse(ENODATA) : count;
}

static inline int in_child(long (*attempt)(void)) {
    pid_t pid = fork();
    if (pid == 0) {
        alarm(60); /* opening all it may takes long where calls are slow */
#ifdef OWN_MOUNTS
        /* Where mounting works, its effects shall not reach the attempts that follow; where it does not, this fails too. */
        unshare(CLONE_NEWNS);
#endif
        _exit(attempt() >= 0 ? 0 : errno ? errno : EIO);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) exit(2);
    return status;
}

static int run(const struct attempt *attempts, size_t count, char **argv) {
    arguments = argv;
    for (size_t i = 0; i < count; i++) {
        int status = in_child(attempts[i].attempt);
        if (WIFSIGNALED(status)) printf("%s signal %d\n", attempts[i].name, WTERMSIG(status));
        else if (WEXITSTATUS(status) == 0) printf("%s through\n", attempts[i].name);
        else printf("%s %s\n", attempts[i].name, strerrorname_np(WEXITSTATUS(status)));
        fflush(stdout);
    }
    return 0;
}

#define ATTEMPTS(...) \
    static const struct attempt attempts[] = {__VA_ARGS__}; \
    int main(int argc, char **argv) { (void)argc; return run(attempts, sizeof attempts / sizeof attempts[0], argv + 1); }
