//! aether-fs-overlay
