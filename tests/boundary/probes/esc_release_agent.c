#define OWN_MOUNTS
#include "probe.h"

static long mount_v1(const char *controller) {
    mkdir("/tmp/v1", 0755);
    if (mount("none", "/tmp/v1", "cgroup", 0, controller) < 0) return reached(-1, EBUSY);
    umount2("/tmp/v1", MNT_DETACH);
    return 0;
}
static long pids(void) { return mount_v1("pids"); }
static long release_agent(void) { return open_only("/sys/fs/cgroup/release_agent", O_WRONLY); }

ATTEMPTS({"mount-pids", pids}, {"release_agent", release_agent})
