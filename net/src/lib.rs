//! The network of a sandbox: what it may reach, as part of its plan.

#![forbid(unsafe_code)]

use aether_sandbox::plan::NetworkPlan;

/// What an agent's network may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing but itself.
    None,
}

/// The network part of a plan.
pub const fn compile(mode: Mode) -> NetworkPlan {
    match mode {
        Mode::None => NetworkPlan::LoopbackOnly,
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
