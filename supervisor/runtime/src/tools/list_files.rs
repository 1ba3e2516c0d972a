//! `list_files`

use aether_protocol::FileKind;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done};
use crate::{CallOutcome, HandsError, text};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Directory to list (default: the working directory).
    #[serde(default)]
    path: Option<String>,
}

pub(super) struct ListFiles;

#[async_trait]
impl Tool for ListFiles {
    type Args = Args;
    const NAME: &'static str = "list_files";
    const DESCRIPTION: &'static str = "Lists a directory: directories end with /, files have their size in bytes.";
    const EFFECT: Effect = Effect::None;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let (mut entries, total) = site.hands.list_files(&site.path(args.path.as_deref().unwrap_or_default())).await?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let mut lines: Vec<String> = entries
            .iter()
            .map(|entry| match (entry.kind, &entry.link_target) {
                (FileKind::Directory, _) => format!("{}/", entry.name),
                (FileKind::Symlink, Some(target)) => format!("{} -> {target}", entry.name),
                _ => format!("{} {}", entry.name, entry.size),
            })
            .collect();
        if total > lines.len() as u64 {
            lines.push(format!("({total} entries in all; the rest is not shown)"));
        }
        let listing = if lines.is_empty() { "(empty)".to_owned() } else { lines.join("\n") };
        Ok(done(text::ends(&listing, text::OBSERVATION, ": list a part of it with run_command")))
    }
}
