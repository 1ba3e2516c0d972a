/* CVE-2019-5736: opens the program behind every process for writing, for as many seconds as the argument says. What runs from the
 * agent's own home is its own. */
#include "probe.h"
#include <dirent.h>
#include <time.h>

int main(int argc, char **argv) {
    time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 5);
    unsigned seen = 0, opened = 0, last = 0;
    char path[64], own[64];
    snprintf(own, sizeof own, "/proc/%d/exe", getpid());
    puts("racing");
    fflush(stdout);
    while (time(NULL) < end) {
        DIR *dir = opendir("/proc");
        struct dirent *entry;
        while (dir && (entry = readdir(dir))) {
            if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
            snprintf(path, sizeof path, "/proc/%.20s/exe", entry->d_name);
            if (strcmp(path, own) == 0) continue;
            unsigned pid = (unsigned)atoi(entry->d_name);
            if (pid > last) { seen++; last = pid; }
            int fd = open(path, O_WRONLY | O_CLOEXEC);
            if (fd >= 0) { opened++; close(fd); }
        }
        if (dir) closedir(dir);
    }
    int fd = open("/tmp/boundary-own", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
    printf("seen %u\n%s\ncontrol %s\n", seen, opened ? "opened" : "refused", fd >= 0 ? "through" : "refused");
    return 0;
}
