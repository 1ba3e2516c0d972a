//! aether-gpu
