//! All `unsafe` of Aether: one system call per function, errors as [`std::io::Error`].

#![allow(unsafe_code)]

pub mod bpf;
pub mod btrfs;
pub mod clock;
pub mod epoll;
pub mod fdpass;
pub mod heap;
pub mod loopdev;
pub mod mount;
pub mod netns;
pub mod packet;
pub mod process;
pub mod pty;
pub mod quota;
pub mod task;
pub mod wipe;
