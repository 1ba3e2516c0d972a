//! aether-tests
