#include "probe.h"
#include <ftw.h>

static char found[256];
static int try_file(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status; (void)at;
    if (type != FTW_F || open_only(path, O_WRONLY) < 0) return 0;
    snprintf(found, sizeof found, "%s", path);
    return 1;
}
static long walk(const char *top) {
    found[0] = 0;
    nftw(top, try_file, 16, FTW_PHYS);
    if (!found[0]) return refuse(EACCES);
    fprintf(stderr, "%s\n", found);
    return 0;
}
static long any_sysctl(void) { return walk("/proc/sys"); }
static long any_sysfs(void) { return walk("/sys/kernel"); }
static long any_irq(void) { return walk("/proc/irq"); }
/* Everybody may open it (its write asks for a capability): only the read-only mount refuses. */
static long last_pid(void) { return open_only("/proc/sys/kernel/ns_last_pid", O_WRONLY); }
static long panic(void) { return open_only("/proc/sys/kernel/panic", O_WRONLY); }
static long suid_dumpable(void) { return open_only("/proc/sys/fs/suid_dumpable", O_WRONLY); }
/* Kernels differ in which of these they have. */
static long any_known(void) {
    static const char *const paths[] = {
        "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sys/kernel/poweroff_cmd", "/proc/sys/kernel/sysrq",
        "/proc/sys/kernel/ngroups_max", "/proc/sysrq-trigger", "/proc/sys/fs/binfmt_misc/register", "/proc/sys/kernel/threads-max",
        "/sys/kernel/uevent_helper", "/sys/fs/cgroup/release_agent", "/proc/sys/vm/overcommit_memory",
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) if (open_only(paths[i], O_WRONLY) >= 0) return 0;
    return refuse(EACCES);
}
static long drop_caches(void) { return open_only("/proc/sys/vm/drop_caches", O_WRONLY); }
static long uevent_helper(void) { return open_only("/sys/kernel/mm/ksm/run", O_WRONLY); }
static long usr(void) { return open_only("/usr/lib/os-release", O_WRONLY); }

ATTEMPTS({"any-sysctl", any_sysctl}, {"any-sysfs", any_sysfs}, {"any-irq", any_irq}, {"ns_last_pid", last_pid},
         {"panic", panic}, {"suid_dumpable", suid_dumpable}, {"any-known", any_known}, {"drop_caches", drop_caches},
         {"sys-kernel-mm", uevent_helper}, {"usr", usr})
