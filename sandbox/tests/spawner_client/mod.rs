//! A spawner without the daemon.

use std::{
    fs, io,
    os::fd::{AsFd, OwnedFd},
};

use super::spawner_config;
use aether_sandbox::{
    plan::{CgroupLimits, IdRange, NetworkPlan, Profile, SandboxPlan},
    spawner::SpawnerChild,
    sys::packet::{recv_packet, send_packet},
    wire::spawner::{Launched, MAX_PACKET, SpawnerReply, SpawnerRequest},
};

/// A spawner and its control socket.
pub(crate) struct Client {
    pub(crate) child: SpawnerChild,
    pub(crate) dir: tempfile::TempDir,
}

impl Client {
    pub(crate) fn start() -> io::Result<Self> {
        let dir = tempfile::tempdir_in("/var/tmp")?;
        let state = dir.path().join("state");
        for sub in ["state/base/root/etc", "state/base/home/Documents", "sockets"] {
            fs::create_dir_all(dir.path().join(sub))?;
        }
        fs::write(state.join("base/root/etc/passwd"), "root:x:0:0::/root:/bin/sh\nagent:x:1000:1000::/home/agent:/bin/sh\n")?;
        for link in ["bin", "sbin", "lib", "lib64"] {
            std::os::unix::fs::symlink(format!("usr/{link}"), state.join("base/root").join(link))?;
        }
        std::os::unix::fs::chown(state.join("base/home/Documents"), Some(1000), Some(1000))?;
        let config = spawner_config::below(dir.path(), "aether-test");
        Ok(Self { child: aether_sandbox::spawner::start(&config)?, dir })
    }

    pub(crate) fn ask(&self, request: &SpawnerRequest, fds: &[&OwnedFd]) -> (SpawnerReply, Vec<OwnedFd>) {
        let packet = postcard::to_stdvec(request).expect("encode");
        let fds: Vec<_> = fds.iter().map(|fd| fd.as_fd()).collect();
        send_packet(self.child.control.as_fd(), &packet, &fds).expect("send");
        let mut buffer = vec![0; MAX_PACKET];
        let (length, fds) = recv_packet(self.child.control.as_fd(), &mut buffer).expect("receive");
        assert!(length > 0, "the spawner ended");
        (postcard::from_bytes(&buffer[..length]).expect("decode"), fds)
    }

    pub(crate) fn launch(&self, plan: &SandboxPlan) -> Launched {
        match self.ask(&SpawnerRequest::Launch(Box::new(plan.clone())), &[]).0 {
            SpawnerReply::Launched(launched) => launched,
            other => panic!("launch: {other:?}"),
        }
    }

    pub(crate) fn kill(&self, id: &str) {
        let reply = self.ask(&SpawnerRequest::Kill(id.parse().expect("id")), &[]).0;
        assert_eq!(reply, SpawnerReply::Done, "kill {id}");
    }
}

/// A plan with nothing special.
pub(crate) fn plan(id: &str, slot: u32) -> SandboxPlan {
    SandboxPlan {
        id: id.parse().expect("id"),
        hostname: "test".into(),
        ids: IdRange::new(slot).expect("slot"),
        home: id.parse().expect("id"),
        limits: CgroupLimits { memory_bytes: 256 << 20, pids: 64, cpu_quota_usec: 100_000 },
        profile: Profile::Standard,
        disk: None,
        mounts: Vec::new(),
        network: NetworkPlan::LoopbackOnly,
        tmp_bytes: 16 << 20,
        shm_bytes: 16 << 20,
        may_miss: Vec::new(),
    }
}

/// A field of a process.
pub(crate) fn status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = text.lines().find_map(|l| l.strip_prefix(field)).unwrap_or_default();
    line.trim_start_matches(':').split_whitespace().collect::<Vec<_>>().join(" ")
}
