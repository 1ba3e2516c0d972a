/* Says `0` when the set-user-id bit made it root of the sandbox, else `1`. */
#include <unistd.h>

int main(void) { return write(1, geteuid() == 0 ? "0" : "1", 1) == 1 ? 0 : 1; }
