//! aether-store
