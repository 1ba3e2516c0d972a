//! The network of a sandbox: what it may reach and why not, decided without any I/O.
//!
//! Everything an agent sends arrives at the supervisor, which asks [`verdict`] and nothing else. The rest of this crate reads what
//! agents send: names, DNS questions, the first bytes of TLS and HTTP, and requests to the proxy.

#![forbid(unsafe_code)]

mod class;
pub mod dns;
mod lookups;
mod name;
mod policy;
mod preset;
pub mod sniff;
pub mod socks;
mod synthetic;

use std::net::Ipv4Addr;

use aether_sandbox::plan::NetworkPlan;

pub use class::{Class, class_of};
pub use lookups::{LookUp, Lookups};
pub use name::{Host, HostName, HostPattern, NameError};
pub use policy::{Otherwise, Policy, Question, Reason, Rule, Seen, Verdict, verdict};
pub use preset::preset;
pub use synthetic::Names;

pub use aether_sandbox::net::{DNS_PORT, PROXY_PORT, SERVICE, SERVICE_V6};

/// Where a sandbox finds the gateway to models.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 3);
/// The name of the gateway inside.
pub const GATEWAY_NAME: &str = "gateway.aether.internal";

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
        Mode::None => NetworkPlan::LoopbackOnly,
        Mode::Relayed => NetworkPlan::Relayed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_network_is_relayed() {
        assert_eq!(compile(Mode::None), NetworkPlan::LoopbackOnly);
        assert_eq!(compile(Mode::Relayed), NetworkPlan::Relayed);
    }
}
