//! `aether backup`

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use aether_store::backup::{Contents, examine};
use clap::Args;
use http_body_util::BodyExt as _;

use super::Context;
use crate::{failure::Failure, show::units};

/// Copy everything the supervisor remembers into a file, while it works
///
/// The file holds agents, events, the steps of goals, settings and the audit. It does not hold the homes of agents,
/// their output, the token or the key of reports: those are files of the state directory.
/// For root only. Put it back with: aether restore FILE
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Backup {
    /// The new file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        if fs::symlink_metadata(&self.file).is_ok() {
            let cause = format!("{} exists", self.file.display());
            return Err(Failure::local(cause, "name a new file; a backup is never written over"));
        }
        let part = part_of(&self.file);
        let outcome = self.fetch(context, &part).await;
        if outcome.is_err() {
            let _ = fs::remove_file(&part);
        }
        let (contents, bytes) = outcome?;
        say(context, &self.file, &contents, bytes)?;
        Ok(0)
    }

    async fn fetch(&self, context: &Context, part: &Path) -> Result<(Contents, u64), Failure> {
        let mut body = context.client.stream("/api/v1/system/backup").await?.into_body();
        let failed = |what: &'static str| move |error: std::io::Error| Failure::file(what, part, &error);
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part).map_err(failed("write"))?;
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| context.client.lost(&error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                file.write_all(&data).map_err(failed("write"))?;
                bytes += data.len() as u64;
            }
        }
        file.sync_all().map_err(failed("write"))?;
        drop(file);
        // A copy that nobody could restore must not look like one.
        let contents = examine(part).map_err(|error| Failure::local(error.to_string(), "take the backup again"))?;
        fs::rename(part, &self.file).map_err(failed("rename"))?;
        let directory = self.file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed("write"))?;
        Ok((contents, bytes))
    }
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

fn say(context: &Context, file: &Path, contents: &Contents, bytes: u64) -> Result<(), Failure> {
    let Contents { schema, agents, audit } = contents;
    let mut out = std::io::stdout().lock();
    if context.json {
        let file = file.display().to_string();
        let object =
            serde_json::json!({ "file": file, "bytes": bytes, "schema": schema, "agents": agents, "auditRecords": audit });
        writeln!(out, "{object}")?;
    } else {
        let size = units::size(bytes);
        writeln!(out, "{}: {size}, {agents} agents, {audit} audit records, schema {schema}", file.display())?;
    }
    Ok(())
}
