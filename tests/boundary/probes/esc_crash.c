/* Crashes as an argument says: `as-it-is` with the limit of core files it was started with, `lowered` with what it could make of it. */
#include "probe.h"

static long crash(void) {
    static const struct rlimit none = {0, 0};
    if (arguments[0] && strcmp(arguments[0], "lowered") == 0) {
        setrlimit(RLIMIT_CORE, &none);
        syscall(SYS_prlimit64, 0, RLIMIT_CORE, &none, NULL);
    }
    pid_t pid = fork();
    if (pid == 0) abort();
    int status;
    if (waitpid(pid, &status, 0) < 0 || !WIFSIGNALED(status)) return refuse(EINVAL);
    return WCOREDUMP(status) ? 0 : refuse(EPERM);
}

ATTEMPTS({"crash", crash})
