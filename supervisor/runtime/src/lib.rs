//! aether-runtime
