/* What does not want to die: a daemon that left its session, ignores what can be ignored, adopts orphans and starts itself again. */
#include "probe.h"
#include <sys/prctl.h>

int main(void) {
    for (int i = 1; i < 65; i++) signal(i, SIG_IGN);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            for (;;) {
                pid_t pid = fork();
                if (pid == 0) for (;;) pause();
                if (pid > 0) waitpid(pid, NULL, WNOHANG);
                usleep(2000);
            }
        }
        kill(getpid(), SIGSTOP);
    }
    puts("settled");
    fflush(stdout);
    for (;;) pause();
}
