/* Threads made before and after others: what one may not do, none may. */
#include "probe.h"
#include <pthread.h>

static volatile int through;
static void *packet(void *next) {
    if (socket(AF_PACKET, SOCK_RAW, 0) >= 0) through = 1;
    if (next) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, packet, NULL) == 0) pthread_join(thread, NULL);
    }
    return NULL;
}
static void *transform(void *next) {
    (void)next;
    if (syscall(SYS_fsopen, "tmpfs", 0) >= 0) through = 1;
    return NULL;
}
static long each(void *(*work)(void *)) {
    pthread_t threads[25];
    through = 0;
    for (int i = 0; i < 25; i++)
        if (pthread_create(&threads[i], NULL, work, threads) != 0) exit(2);
    for (int i = 0; i < 25; i++) pthread_join(threads[i], NULL);
    return through ? 0 : refuse(EPERM);
}
static long sockets(void) { return each(packet); }
static long mounts(void) { return each(transform); }

ATTEMPTS({"AF_PACKET-in-50-threads", sockets}, {"fsopen-in-25-threads", mounts})
