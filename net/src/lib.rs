//! aether-net
