/* EAFNOSUPPORT and EPROTONOSUPPORT come from the kernel, which looked for a module first: that counts as through. */
#include "probe.h"
#include <linux/netlink.h>

static long asked(long fd) {
    if (fd < 0 && (errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT || errno == ESOCKTNOSUPPORT)) return 0;
    return fd;
}
static long packet(void) { return asked(socket(AF_PACKET, SOCK_RAW, 0)); }
static long raw_ip(void) { return asked(socket(AF_INET, SOCK_RAW, 1)); }
static long raw_ip6(void) { return asked(socket(AF_INET6, SOCK_RAW, 58)); }
static long alg(void) { return asked(socket(38, SOCK_SEQPACKET, 0)); }
static long rxrpc(void) { return asked(socket(33, SOCK_DGRAM, AF_INET)); }
static long key(void) { return asked(socket(15, SOCK_RAW, 2)); }
static long vsock(void) { return asked(socket(40, SOCK_STREAM, 0)); }
static long xdp(void) { return asked(socket(44, SOCK_RAW, 0)); }
static long xfrm(void) { return asked(socket(AF_NETLINK, SOCK_RAW, NETLINK_XFRM)); }
static long netfilter(void) { return asked(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)); }
static long uevent(void) { return asked(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT)); }
static long audit(void) { return asked(socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)); }
static long any_other(void) {
    static const int types[] = {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET};
    for (int family = 0; family < 50; family++) {
        if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
        for (size_t i = 0; i < 4; i++)
            if (asked(socket(family, types[i], 0)) >= 0) return 0;
    }
    return refuse(EPERM);
}
static long pair(void) {
    int fds[2];
    return reached(socketpair(AF_INET, SOCK_STREAM, 0, fds), EOPNOTSUPP);
}

ATTEMPTS({"AF_PACKET", packet}, {"raw-IPv4", raw_ip}, {"raw-IPv6", raw_ip6}, {"AF_ALG", alg}, {"AF_RXRPC", rxrpc}, {"AF_KEY", key},
         {"AF_VSOCK", vsock}, {"AF_XDP", xdp}, {"NETLINK_XFRM", xfrm}, {"NETLINK_NETFILTER", netfilter},
         {"NETLINK_KOBJECT_UEVENT", uevent}, {"NETLINK_AUDIT", audit}, {"any-other-family", any_other}, {"socketpair", pair})
