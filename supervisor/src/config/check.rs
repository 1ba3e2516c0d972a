//! Values that have the right form and still make no sense.

use std::{borrow::Cow, fs, path::Path};

use aether_sandbox::spawner::{MOST_NETWORKS, VolumeSize};

use super::Config;

/// A key, what is wrong with its value, and what to do.
pub(super) struct Problem {
    pub(super) key: Cow<'static, str>,
    pub(super) cause: String,
    pub(super) fix: String,
}

fn problem(key: impl Into<Cow<'static, str>>, cause: impl Into<String>, fix: impl Into<String>) -> Result<(), Problem> {
    Err(Problem { key: key.into(), cause: cause.into(), fix: fix.into() })
}

fn range(key: &'static str, cause: &str) -> Result<(), Problem> {
    problem(key, cause, "set a value in that range, or remove the line for the default")
}

impl Config {
    /// What needs no host to be wrong.
    pub(super) fn check(&self) -> Result<(), Problem> {
        if self.agents.max_concurrent == 0 {
            return range("agents.max_concurrent", "must be at least 1");
        }
        if !(1..=10_000).contains(&self.agents.max_steps) {
            return range("agents.max_steps", "must be 1 to 10000");
        }
        if self.pool.size > 32 {
            return range("pool.size", "must be 0 to 32");
        }
        if !(1..=MOST_NETWORKS).contains(&self.pool.networks) {
            return range("pool.networks", &format!("must be 1 to {MOST_NETWORKS}"));
        }
        if self.limits.memory.0 < 8 << 20 {
            return range("limits.memory", "must be at least 8M");
        }
        if !(0.01..=4096.0).contains(&self.limits.cpus) {
            return range("limits.cpus", "must be 0.01 to 4096");
        }
        if !(4..=4_194_304).contains(&self.limits.pids) {
            return range("limits.pids", "must be 4 to 4194304");
        }
        if self.limits.disk.0 < 16 << 20 {
            return range("limits.disk", "must be at least 16M");
        }
        if !(1024..=u64::from(u32::MAX)).contains(&self.limits.inodes) {
            return range("limits.inodes", "must be 1024 to 4294967295");
        }
        if matches!(self.storage.volume.0, VolumeSize::Bytes(bytes) if bytes < 256 << 20) {
            return range("storage.volume", "must be at least 256M");
        }
        if let Some((key, cause)) = super::governed::problem(&self.approvals, &self.budgets) {
            return problem(key, cause, "correct the line, or remove it for the default");
        }
        if let Some((key, cause)) = self.models.problem() {
            return problem(key, cause, "correct the line, or remove it for the default");
        }
        if let Some((key, cause, fix)) = self.llm.problem() {
            return problem(key, cause, fix);
        }
        if let Some((key, wish)) = self.models.wishes().find(|(_, wish)| !self.llm.names(wish)) {
            let fix = "give PROVIDER/MODEL, or PROVIDER for its default model; [llm] has the providers";
            return problem(key, format!("{wish:?} names no provider of models"), fix);
        }
        self.check_identity()?;
        self.check_paths()
    }

    fn check_identity(&self) -> Result<(), Problem> {
        if self.service.user.is_some() && self.service.uid.is_some() {
            return problem("service.uid", "give user or uid, not both", "remove one of the two lines");
        }
        if self.service.uid == Some(0) || self.service.user.as_deref() == Some("root") {
            let key = if self.service.uid.is_some() { "service.uid" } else { "service.user" };
            let cause = "must not be root: the part that answers requests holds no privilege";
            return problem(key, cause, "name an unprivileged user, or remove the line for the user aether");
        }
        if self.service.group.is_empty() {
            return problem("service.group", "must not be empty", "name the group whose members may use the Unix socket");
        }
        Ok(())
    }

    fn check_paths(&self) -> Result<(), Problem> {
        let absolute = "give the path from the root, such as /srv/shared";
        if let Some(root) = self.mounts.roots.iter().find(|root| !root.is_absolute()) {
            return problem("mounts.roots", format!("{} is not absolute", root.display()), absolute);
        }
        let paths = [("state", &self.state), ("socket", &self.socket), ("init", &self.init)];
        for (key, path) in paths {
            if let Some(path) = path.as_ref().filter(|path| !path.is_absolute()) {
                return problem(key, format!("{:?} is not an absolute path", path.display().to_string()), absolute);
            }
        }
        if let Some(root) = &self.cgroup.root {
            let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
            if !root.strip_prefix('/').is_some_and(|path| path.split('/').all(plain)) {
                let cause = format!("{root:?} is not a path below the cgroup2 mount point");
                return problem("cgroup.root", cause, "give a path such as /aether.slice/aether-agents.service");
            }
        }
        Ok(())
    }

    /// What this host has to have: to be asked while nothing was made yet.
    pub(super) fn check_host(&self) -> Result<(), Problem> {
        if let Some(root) = self.mounts.roots.iter().find(|root| !root.is_dir()) {
            let cause = format!("{} is no directory of this host", root.display());
            return problem("mounts.roots", cause, "make it, or take it out of the list");
        }
        if let Some(init) = self.init.as_ref().filter(|init| !init.is_file()) {
            let cause = format!("{} is no file of this host", init.display());
            return problem("init", cause, "name the aether-init of this version, or remove the line");
        }
        if let Some(name) = &self.service.user
            && !matches!(nix::unistd::User::from_name(name), Ok(Some(_)))
        {
            let fix = format!("make it (useradd --system {name}), or remove the line for the user aether");
            return problem("service.user", format!("this host has no user {name:?}"), fix);
        }
        if let Some(root) = &self.cgroup.root {
            check_cgroup(root).or_else(|(cause, fix)| problem("cgroup.root", cause, fix))?;
        }
        Ok(())
    }
}

/// Does the cgroup exist in the hierarchy of version 2?
///
/// # Errors
/// The cause and the fix.
pub(super) fn check_cgroup(root: &str) -> Result<(), (String, String)> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let unified = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    let Some(unified) = unified else {
        return Err(("no cgroup2 is mounted".to_owned(), "mount it: mount -t cgroup2 none /sys/fs/cgroup".to_owned()));
    };
    let path = Path::new(unified).join(root.trim_start_matches('/'));
    if path.join("cgroup.procs").exists() {
        return Ok(());
    }
    let fix = "start the unit that holds it (systemctl start aether-agents), or remove the setting";
    Err((format!("there is no cgroup {}", path.display()), fix.to_owned()))
}
