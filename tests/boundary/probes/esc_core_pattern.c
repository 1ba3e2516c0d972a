#include "probe.h"

static long core_pattern(void) { return open_only("/proc/sys/kernel/core_pattern", O_WRONLY); }
static long raise_core_limit(void) {
    struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
    return setrlimit(RLIMIT_CORE, &unlimited);
}

ATTEMPTS({"open-for-writing", core_pattern}, {"raise-core-limit", raise_core_limit})
