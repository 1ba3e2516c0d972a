//! The network inside a sandbox that has one: two addresses, everything else is relayed.
//!
//! The namespace has loopback only. What is sent to any other address than loopback's and the sandbox's own arrives at sockets that
//! lie in the namespace and that the supervisor accepts from; nothing else of the world can be reached.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Address of the service inside: names are asked here, and the proxy listens here. From 198.18.0.0/15, which is nobody's on the
/// internet (RFC 2544).
pub const SERVICE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// [`SERVICE`] in version 6: a unique local address (RFC 4193).
pub const SERVICE_V6: Ipv6Addr = Ipv6Addr::new(0xfd61, 0x6574, 0x6865, 0, 0, 0, 0, 1);
/// The sandbox's own address, the source of what it sends. As loopback it is the agent's: its servers are reached here, from inside.
pub const OWN: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 2);
/// [`OWN`] in version 6.
pub const OWN_V6: Ipv6Addr = Ipv6Addr::new(0xfd61, 0x6574, 0x6865, 0, 0, 0, 0, 2);
/// Port of the questions for names, at any address; UDP. The only UDP that is relayed.
pub const DNS_PORT: u16 = 53;
/// Port of the proxy at [`SERVICE`]: the one way out for programs on kernels that cannot relay every address.
pub const PROXY_PORT: u16 = 3128;
