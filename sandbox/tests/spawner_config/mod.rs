//! What a spawner of a test is started with.

use std::path::Path;

use aether_sandbox::spawner::{SpawnerConfig, VolumeSize};

/// Everything below `dir`; `name` tells the cgroups of one kind of test from others.
pub(crate) fn below(dir: &Path, name: &str) -> SpawnerConfig {
    let state = dir.join("state");
    SpawnerConfig {
        base_root: state.join("base/root"),
        base_home: state.join("base/home"),
        sockets: dir.join("sockets"),
        state,
        init: env!("CARGO_BIN_EXE_aether-init").into(),
        service_uid: 0,
        service_gid: 0,
        networks: 8,
        volume: VolumeSize::None,
        cgroup_name: format!("{name}-{}", std::process::id()),
        cgroup_root: None,
    }
}
