//! `aether restore`

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    path::PathBuf,
};

use aether_store::backup;
use clap::Args;
use nix::fcntl::{Flock, FlockArg};

use super::Context;
use crate::failure::Failure;

/// Put a backup in the place of what the supervisor remembers; the supervisor must not run
///
/// What was remembered before is kept beside it. Agents that the backup does not know are ended at the next start;
/// agents that it knows and that do not live any more are recorded as ended.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Restore {
    /// State directory of the supervisor
    #[arg(long, value_name = "DIR", default_value = "/var/lib/aether")]
    state: PathBuf,
    /// A file that aether backup wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Restore {
    pub(crate) fn run(self, context: &Context) -> Result<u8, Failure> {
        let state = &self.state;
        if !nix::unistd::geteuid().is_root() {
            return Err(Failure::local("only root may restore a backup", "sudo aether restore FILE"));
        }
        fs::create_dir_all(state).map_err(|error| Failure::file("make", state, &error))?;
        let path = state.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| Failure::file("open", &path, &error))?;
        let _lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|_| {
            let cause = format!("a supervisor uses {}", state.display());
            Failure::local(cause, "stop it first (sudo systemctl stop aetherd); agents go on meanwhile")
        })?;
        let database = state.join("aether.db");
        let restored = backup::restore(&self.file, &database).map_err(|error| {
            Failure::local(
                error.to_string(),
                "nothing was changed; name a file that aether backup of this or an older version wrote",
            )
        })?;
        let backup::Contents { schema, agents, audit } = restored.contents;
        let before = restored.before.map(|path| path.display().to_string());
        let mut out = std::io::stdout().lock();
        if context.json {
            let object = serde_json::json!({ "schema": schema, "agents": agents, "auditRecords": audit, "before": before });
            writeln!(out, "{object}")?;
            return Ok(0);
        }
        writeln!(out, "restored: {agents} agents, {audit} audit records, schema {schema}")?;
        if let Some(before) = before {
            writeln!(out, "before:   {before}")?;
        }
        Ok(0)
    }
}
