/* CVE-2019-5736: the program behind a process of the product, opened for writing through /proc. */
#include "probe.h"
#include <dirent.h>

static long any_exe(void) {
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    while (dir && (entry = readdir(dir))) {
        char path[64];
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
        snprintf(path, sizeof path, "/proc/%.20s/exe", entry->d_name);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0) return 0;
    }
    return refuse(EACCES);
}
static long usr_program(void) { return open_only("/usr/bin/env", O_WRONLY); }

ATTEMPTS({"any-exe-for-writing", any_exe}, {"usr-bin-for-writing", usr_program})
