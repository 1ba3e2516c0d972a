//! Memory that is wiped when it is given back: whatever was in it, a secret among it, is gone with it.

use std::alloc::{GlobalAlloc, Layout, System};

/// The system's allocator, which wipes what is given back (`explicit_bzero(3)`). What grows is moved and wiped where it was.
///
/// Requests, headers and keys pass through buffers of many libraries, of which few wipe any. Only what is still held can be found
/// in the memory of a program with this.
#[derive(Debug, Default, Clone, Copy)]
pub struct Wiping;

// SAFETY: every block is one of the system's allocator, asked for and given back with the same layout. Growing is left to
// `GlobalAlloc::realloc`, which asks for a new block, copies, and gives the old one back.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about the layout.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about the layout.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller gives a live block of that layout, and nobody else uses it any more. A plain memset before the end of
        // the block would be left out by the compiler.
        unsafe {
            libc::explicit_bzero(block.cast(), layout.size());
            System.dealloc(block, layout);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_is_wiped_and_what_grows_keeps_its_bytes() {
        let (layout, larger) = (Layout::from_size_align(64, 16).expect("layout"), 4096);
        // SAFETY: blocks are used within their layouts. Behind the first words, which are the allocator's own now, the first block is
        // still mapped: blocks of this size stay in the heap.
        unsafe {
            let first = Wiping.alloc(layout);
            first.write_bytes(0xa5, 64);
            let second = Wiping.realloc(first, layout, larger);
            assert!((0..64).all(|at| second.add(at).read() == 0xa5));
            assert!((16..64).all(|at| first.add(at).read_volatile() == 0));
            Wiping.dealloc(second, Layout::from_size_align(larger, 16).expect("layout"));
        }
    }
}
