//! The attacks that are one probe each: a file per promise.

mod esc_abstract;
mod esc_cgroup;
mod esc_core_pattern;
mod esc_descriptors;
mod esc_devices;
mod esc_exe;
mod esc_handles;
mod esc_i386;
mod esc_init;
mod esc_interfaces;
mod esc_keyrings;
mod esc_knobs;
mod esc_landlock;
mod esc_log;
mod esc_masked;
mod esc_namespaces;
mod esc_page_cache;
mod esc_personality;
mod esc_release_agent;
mod esc_remount;
mod esc_root;
mod esc_setuid;
mod esc_sockets;
mod esc_syscalls;
mod esc_threads;
mod esc_x32;
mod fs_files;
mod tty_inject;
mod xa_identity;

use crate::attack::Attack;

/// In the order of the catalogue.
pub(crate) const ATTACKS: &[Attack] = &[
    esc_syscalls::ATTACK,
    esc_x32::ATTACK,
    esc_i386::ATTACK,
    esc_sockets::ATTACK,
    esc_namespaces::ATTACK,
    esc_core_pattern::ATTACK,
    esc_knobs::ATTACK,
    esc_masked::ATTACK,
    esc_exe::ATTACK,
    esc_descriptors::ATTACK,
    esc_release_agent::ATTACK,
    esc_cgroup::ATTACK,
    esc_remount::ATTACK,
    esc_root::ATTACK,
    esc_handles::ATTACK,
    esc_devices::ATTACK,
    esc_interfaces::ATTACK,
    esc_keyrings::ATTACK,
    esc_init::ATTACK,
    esc_setuid::ATTACK,
    esc_page_cache::ATTACK,
    esc_log::ATTACK,
    esc_landlock::ATTACK,
    esc_threads::ATTACK,
    esc_abstract::ATTACK,
    esc_personality::ATTACK,
    tty_inject::ATTACK,
    xa_identity::ATTACK,
    fs_files::ATTACK,
];
