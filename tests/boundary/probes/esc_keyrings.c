#include "probe.h"
#include <linux/keyctl.h>

static long add(void) { return syscall(SYS_add_key, "user", "boundary-probe", "x", 1, KEY_SPEC_PROCESS_KEYRING); }
static long session(void) { return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0); }
/* The test put a key of this name in the session keyring that the spawner inherits. */
static long canary(void) { return syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "boundary-canary", 0); }
static long request(void) { return syscall(SYS_request_key, "user", "boundary-canary", NULL, 0); }
/* With a key of its own there is something to list, where keys can be made. */
static long listed(void) { add(); return read_some("/proc/keys"); }

ATTEMPTS({"add_key", add}, {"session-keyring", session}, {"search-canary", canary}, {"request-canary", request}, {"proc-keys", listed})
