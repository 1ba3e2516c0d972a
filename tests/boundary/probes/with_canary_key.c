/* Runs a program with a key in its session keyring that no sandbox may find. */
#include "probe.h"
#include <linux/keyctl.h>

int main(int argc, char **argv) {
    (void)argc;
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
        syscall(SYS_add_key, "user", "boundary-canary", "secret", 6, KEY_SPEC_SESSION_KEYRING) < 0) {
        /* A kernel without keyrings has none to find. */
        int cause = errno;
        perror("boundary-canary");
        if (cause != ENOSYS) return 1;
    }
    execv(argv[1], argv + 1);
    return 1;
}
