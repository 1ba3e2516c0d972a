#define OWN_MOUNTS
#include "probe.h"

static long any_hierarchy(void) { return open_only("/sys/fs/cgroup", O_RDONLY | O_DIRECTORY); }
static long mount_v2(void) {
    mkdir("/tmp/v2", 0755);
    if (mount("none", "/tmp/v2", "cgroup2", 0, "") < 0) return reached(-1, EBUSY);
    umount2("/tmp/v2", MNT_DETACH);
    return 0;
}
/* Even where the hierarchy could be mounted, its files belong to the host's root. */
static long write_mounted(void) {
    mkdir("/tmp/v2", 0755);
    if (mount("none", "/tmp/v2", "cgroup2", 0, "") < 0) return -1;
    long result = open_only("/tmp/v2/cgroup.procs", O_WRONLY);
    int error = errno;
    umount2("/tmp/v2", MNT_DETACH);
    errno = error;
    return result;
}
static long path_shown(void) {
    char line[512];
    FILE *file = fopen("/proc/self/cgroup", "r");
    if (!file) return -1;
    long through = -1;
    while (fgets(line, sizeof line, file)) {
        const char *path = strrchr(line, ':');
        if (path && strcmp(path, ":/\n") != 0) through = 0;
    }
    fclose(file);
    return through < 0 ? refuse(ENOENT) : 0;
}

ATTEMPTS({"any-hierarchy", any_hierarchy}, {"mount-cgroup2", mount_v2},
         {"write-mounted", write_mounted}, {"path-shown", path_shown})
