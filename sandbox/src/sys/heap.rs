//! Memory that was used once.

/// Gives memory that the allocator holds and nobody uses back to the system; malloc_trim(3). Takes a moment for each MiB held, in which
/// other threads wait for their next block.
pub fn give_back() {
    // SAFETY: a plain integer; the allocator locks what it looks through.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
