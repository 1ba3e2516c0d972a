//! Subvolumes of btrfs and their quota groups (`linux/btrfs.h`, `linux/btrfs_tree.h`).

use std::{
    ffi::CStr,
    io,
    mem::size_of,
    os::fd::{AsRawFd, BorrowedFd},
};

use super::process::check;

/// `struct btrfs_ioctl_vol_args`.
#[repr(C)]
struct VolArgs {
    fd: i64,
    name: [u8; 4088],
}

/// `struct btrfs_ioctl_qgroup_limit_args`.
#[repr(C)]
#[derive(Default)]
struct QgroupLimitArgs {
    qgroup: u64,
    flags: u64,
    max_referenced: u64,
    max_exclusive: u64,
    reserved: [u64; 2],
}

/// `struct btrfs_ioctl_quota_ctl_args`.
#[repr(C)]
struct QuotaCtlArgs {
    command: u64,
    status: u64,
}

/// `struct btrfs_ioctl_search_args`.
#[repr(C)]
struct SearchArgs {
    tree: u64,
    min_object: u64,
    max_object: u64,
    min_offset: u64,
    max_offset: u64,
    min_transaction: u64,
    max_transaction: u64,
    min_type: u32,
    max_type: u32,
    items: u32,
    unused: u32,
    unused_too: [u64; 4],
    found: [u8; 3992],
}

const SUBVOL_CREATE: libc::c_ulong = 0x5000_940e;
const SNAP_DESTROY: libc::c_ulong = 0x5000_940f;
const TREE_SEARCH: libc::c_ulong = 0xd000_9411;
const QUOTA_CTL: libc::c_ulong = 0xc010_9428;
const QGROUP_LIMIT: libc::c_ulong = 0x8030_942b;
const QUOTA_TREE: u64 = 8;
const QGROUP_INFO: u32 = 242;
const QGROUP_LIMIT_ITEM: u32 = 244;
const LIMIT_MAX_REFERENCED: u64 = 1;
/// Size of `struct btrfs_ioctl_search_header`, which comes before each found item.
const HEADER: usize = 32;

fn vol_args(name: &CStr) -> io::Result<VolArgs> {
    let mut args = VolArgs { fd: 0, name: [0; 4088] };
    let bytes = name.to_bytes_with_nul();
    args.name.get_mut(..bytes.len()).ok_or_else(|| io::Error::from_raw_os_error(libc::ENAMETOOLONG))?.copy_from_slice(bytes);
    Ok(args)
}

/// Makes an empty subvolume in a directory.
pub fn create_subvolume(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let args = vol_args(name)?;
    // SAFETY: a valid btrfs_ioctl_vol_args that lives across the call; as below.
    check(unsafe { libc::ioctl(dir.as_raw_fd(), SUBVOL_CREATE, &raw const args) }).map(drop)
}

/// Removes a subvolume with all it holds; the kernel frees its space afterwards. Another kind of directory is `EINVAL`.
pub fn destroy_subvolume(dir: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let args = vol_args(name)?;
    // SAFETY: as above.
    check(unsafe { libc::ioctl(dir.as_raw_fd(), SNAP_DESTROY, &raw const args) }).map(drop)
}

/// How quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounting {
    /// Who references an extent; each commit works it out.
    Full = 1,
    /// Who wrote an extent; Linux 6.7.
    Simple = 4,
}

/// Turns quota on for the file system; `EEXIST` or no error where it is on.
pub fn enable_quota(fs: BorrowedFd<'_>, accounting: Accounting) -> io::Result<()> {
    let mut args = QuotaCtlArgs { command: accounting as u64, status: 0 };
    // SAFETY: a valid btrfs_ioctl_quota_ctl_args that lives across the call.
    check(unsafe { libc::ioctl(fs.as_raw_fd(), QUOTA_CTL, &raw mut args) }).map(drop)
}

/// Limits the space of the subvolume that `dir` is the top of, metadata included.
pub fn limit_space(dir: BorrowedFd<'_>, bytes: u64) -> io::Result<()> {
    // Group 0 is that of the descriptor's own subvolume.
    let args = QgroupLimitArgs { flags: LIMIT_MAX_REFERENCED, max_referenced: bytes, ..QgroupLimitArgs::default() };
    // SAFETY: a valid btrfs_ioctl_qgroup_limit_args that lives across the call.
    check(unsafe { libc::ioctl(dir.as_raw_fd(), QGROUP_LIMIT, &raw const args) }).map(drop)
}

/// Space of the subvolume with the number `id`, bytes, as of the last commit (every 30 s unless mounted otherwise). `None`
/// without a group of that number.
pub fn used_space(fs: BorrowedFd<'_>, id: u64) -> io::Result<Option<u64>> {
    // After the generation.
    quota_item(fs, QGROUP_INFO, id, 8)
}

/// Limit of the space of the subvolume with the number `id`, bytes, as of the last commit.
pub fn space_limit(fs: BorrowedFd<'_>, id: u64) -> io::Result<Option<u64>> {
    // After the flags.
    Ok(quota_item(fs, QGROUP_LIMIT_ITEM, id, 8)?.filter(|limit| *limit > 0))
}

/// The number at an offset in an item of the quota tree.
fn quota_item(fs: BorrowedFd<'_>, kind: u32, id: u64, at: usize) -> io::Result<Option<u64>> {
    const { assert!(size_of::<SearchArgs>() == 4096, "as the kernel has it") };
    let mut args = SearchArgs {
        tree: QUOTA_TREE,
        min_object: 0,
        max_object: 0,
        min_offset: id,
        max_offset: id,
        min_transaction: 0,
        max_transaction: u64::MAX,
        min_type: kind,
        max_type: kind,
        items: 1,
        unused: 0,
        unused_too: [0; 4],
        found: [0; 3992],
    };
    // SAFETY: a valid btrfs_ioctl_search_args that the call fills.
    check(unsafe { libc::ioctl(fs.as_raw_fd(), TREE_SEARCH, &raw mut args) })?;
    let number = args.found.get(HEADER + at..HEADER + at + 8).and_then(|bytes| bytes.try_into().ok());
    Ok((args.items > 0).then_some(number).flatten().map(u64::from_le_bytes))
}

/// Number of the subvolume that `dir` lies in (`BTRFS_IOC_INO_LOOKUP` with no tree and no object).
pub fn subvolume(dir: BorrowedFd<'_>) -> io::Result<u64> {
    /// `struct btrfs_ioctl_ino_lookup_args`.
    #[repr(C)]
    struct Lookup {
        tree: u64,
        object: u64,
        name: [u8; 4080],
    }
    const INO_LOOKUP: libc::c_ulong = 0xd000_9412;
    /// `BTRFS_FIRST_FREE_OBJECTID`: the top directory of a subvolume.
    const TOP: u64 = 256;
    let mut args = Lookup { tree: 0, object: TOP, name: [0; 4080] };
    // SAFETY: a valid btrfs_ioctl_ino_lookup_args that the call fills.
    check(unsafe { libc::ioctl(dir.as_raw_fd(), INO_LOOKUP, &raw mut args) })?;
    Ok(args.tree)
}
