//! What kind of address an address is: the special-purpose registries of IANA, and what clouds put at public ones.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Kind of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Anybody's: reachable from everywhere.
    Public,
    /// Special, and why; never reached.
    Special(&'static str),
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Special(what) => what,
        })
    }
}

/// IPv4: <https://www.iana.org/assignments/iana-ipv4-special-registry> (as of 2025), first match wins.
const V4: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "an address of this host"),
    ([10, 0, 0, 0], 8, "a private address"),
    ([100, 64, 0, 0], 10, "a provider's shared address"),
    ([127, 0, 0, 0], 8, "a loopback address"),
    ([169, 254, 0, 0], 16, "a link-local address, where clouds keep their metadata"),
    ([172, 16, 0, 0], 12, "a private address"),
    ([192, 0, 0, 0], 24, "an address of protocols"),
    ([192, 0, 2, 0], 24, "an address for documentation"),
    ([192, 88, 99, 0], 24, "an address of 6to4 relays"),
    ([192, 168, 0, 0], 16, "a private address"),
    ([198, 18, 0, 0], 15, "an address of benchmarks"),
    ([198, 51, 100, 0], 24, "an address for documentation"),
    ([203, 0, 113, 0], 24, "an address for documentation"),
    ([224, 0, 0, 0], 4, "a multicast address"),
    ([240, 0, 0, 0], 4, "a reserved address"),
    // Public by its number, but answered by the machine below (Azure's WireServer).
    ([168, 63, 129, 16], 32, "an address of a cloud's own services"),
];

/// IPv6: <https://www.iana.org/assignments/iana-ipv6-special-registry>; what is outside 2000::/3 is caught by the end of [`v6`].
const V6: &[([u16; 8], u32, &str)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, "an address of this host"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "a loopback address"),
    ([0, 0, 0, 0, 0, 0, 0, 0], 96, "an IPv4 address in an old form"),
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "an IPv4 address in a form of translators"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "an address of local translators"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "an address that discards"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "a Teredo address"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "an address of protocols"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "an address for documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "a 6to4 address"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "an address for documentation"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "a private address"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "a link-local address"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "a private address"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "a multicast address"),
];

/// NAT64 (RFC 6052): the IPv4 address is in the last 32 bits, and it is the one that is reached.
const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];

/// IPv4 where IPv6 only wraps it (`::ffff:0:0/96`).
pub(crate) const fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// Kind of an address, whatever form it has.
pub fn class_of(address: IpAddr) -> Class {
    match canonical(address) {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

fn v4(address: Ipv4Addr) -> Class {
    let found = V4.iter().find(|(net, bits, _)| {
        let mask = u32::MAX << (32 - bits);
        address.to_bits() & mask == Ipv4Addr::from(*net).to_bits()
    });
    found.map_or(Class::Public, |(_, _, what)| Class::Special(what))
}

fn v6(address: Ipv6Addr) -> Class {
    let [a, b, c, d, e, f, high, low] = address.segments();
    if [a, b, c, d, e, f] == NAT64 {
        return v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    }
    let found = V6.iter().find(|(net, bits, _)| {
        let mask = u128::MAX << (128 - bits);
        address.to_bits() & mask == Ipv6Addr::from(*net).to_bits()
    });
    match found {
        Some((_, _, what)) => Class::Special(what),
        None if a & 0xe000 == 0x2000 => Class::Public,
        None => Class::Special("a reserved address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Class {
        class_of(text.parse().expect(text))
    }

    #[test]
    fn public_addresses_are_public() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "93.184.216.34",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "169.253.255.255",
            "192.0.1.0",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00::1",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(class(text), Class::Public, "{text}");
        }
    }

    #[test]
    fn nothing_special_is_public() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "168.63.129.16",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:10.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:1::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "4000::1",
            "8000::",
            "1::1",
        ] {
            assert_ne!(class(text), Class::Public, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_wrapped_address_is_what_it_wraps(bits: u32) {
            let inner = Ipv4Addr::from_bits(bits);
            let plain = class_of(inner.into());
            let nat64 = Ipv6Addr::from((0x0064_ff9b_u128 << 96) | u128::from(bits));
            proptest::prop_assert_eq!(class_of(inner.to_ipv6_mapped().into()), plain);
            proptest::prop_assert_eq!(class_of(nat64.into()), plain);
        }
    }
}
