//! The network of a sandbox: what it may reach and why not, decided without any I/O.
//!
//! Everything an agent sends arrives at the supervisor, which asks [`verdict`] and nothing else. The rest of this crate reads what
//! agents send: names, DNS questions, the first bytes of TLS and HTTP, and requests to the proxy.

#![forbid(unsafe_code)]

mod class;
pub mod dns;
mod name;
mod policy;
mod preset;
pub mod sniff;
pub mod socks;
mod synthetic;

use std::net::Ipv4Addr;

use aether_sandbox::plan::NetworkPlan;

pub use class::{Class, class_of};
pub use name::{Host, HostName, HostPattern, NameError};
pub use policy::{Otherwise, Policy, Question, Reason, Rule, Seen, Verdict, verdict};
pub use preset::preset;
pub use synthetic::Names;

/// Where a sandbox finds its resolver (port 53) and its proxy ([`PROXY_PORT`]).
pub const SERVICE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);
/// Where a sandbox finds the gateway to models.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 3);
/// The name of the gateway inside.
pub const GATEWAY_NAME: &str = "gateway.aether.internal";
/// Port of the proxy: HTTP, CONNECT and SOCKS5.
pub const PROXY_PORT: u16 = 3128;

/// What an agent's network may reach, as far as the sandbox has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing but itself.
    None,
    /// What the policy of the moment allows.
    Relayed,
}

/// The network part of a plan.
pub const fn compile(mode: Mode) -> NetworkPlan {
    match mode {
        Mode::None | Mode::Relayed => NetworkPlan::LoopbackOnly,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_loopback_only() {
        assert_eq!(compile(Mode::None), NetworkPlan::LoopbackOnly);
    }
}
