/* Argument: the name of an abstract socket that the host listens on. */
#include "probe.h"
#include <stddef.h>
#include <sys/un.h>

static long connect_to(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(arguments[0]);
    memcpy(address.sun_path + 1, arguments[0], length);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return connect(fd, (struct sockaddr *)&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length));
}
static long listed(void) {
    char line[512];
    FILE *file = fopen("/proc/net/unix", "r");
    if (!file) return -1;
    long through = -1;
    while (fgets(line, sizeof line, file)) if (strstr(line, arguments[0])) through = 0;
    fclose(file);
    return through < 0 ? refuse(ENOENT) : 0;
}

ATTEMPTS({"connect", connect_to}, {"list", listed})
