//! aether-supervisor
