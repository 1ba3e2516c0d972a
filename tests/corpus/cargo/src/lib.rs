#![forbid(unsafe_code)]

include!(concat!(env!("OUT_DIR"), "/made.rs"));

/// Adds on many threads.
///
/// ```
/// assert_eq!(corpus::sum(4), 40);
/// ```
pub fn sum(threads: u32) -> u32 {
    let handles: Vec<_> = (0..threads).map(|_| std::thread::spawn(|| (0..10).map(|_| 1).sum::<u32>())).collect();
    handles.into_iter().map(|handle| handle.join().expect("a thread")).sum()
}
