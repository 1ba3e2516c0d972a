#include "probe.h"
#include <dirent.h>

static long beyond_stdio(void) {
    DIR *dir = opendir("/proc/self/fd");
    if (!dir) return -1;
    long through = -1;
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd > 2 && fd != dirfd(dir)) through = 0;
    }
    closedir(dir);
    return through < 0 ? refuse(EBADF) : 0;
}
/* A directory of the host as a descriptor leads out of any root. */
static long leads_out(void) {
    for (int fd = 3; fd < 1024; fd++)
        if (faccessat(fd, "homes", F_OK, 0) == 0) return 0;
    return refuse(EBADF);
}
/* Written by the test's init when it finds a directory of the host among the descriptors it was started with. */
static long reached_init(void) { return access("/tmp/descriptor-reached-init", F_OK); }
static long unreachable_cwd(void) {
    char path[4096];
    if (syscall(SYS_getcwd, path, sizeof path) < 0) return -1;
    return strncmp(path, "(unreachable)", 13) == 0 ? 0 : refuse(ENOENT);
}

ATTEMPTS({"reached-init", reached_init}, {"beyond-stdio", beyond_stdio}, {"leads-out", leads_out}, {"unreachable-cwd", unreachable_cwd})
