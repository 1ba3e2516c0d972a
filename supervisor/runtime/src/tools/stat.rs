//! `stat`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done};
use crate::{CallOutcome, HandsError};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// File or directory; ~ is the home directory.
    path: String,
}

pub(super) struct Stat;

#[async_trait]
impl Tool for Stat {
    type Args = Args;
    const NAME: &'static str = "stat";
    const DESCRIPTION: &'static str = "Tells kind, size, permissions, owner and time of a file.";
    const EFFECT: Effect = Effect::None;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let entry = site.hands.stat(&site.path(&args.path)).await?;
        let kind = serde_json::to_string(&entry.kind).unwrap_or_default();
        let mut text = format!(
            "{}: {}, {} bytes, mode {:o}, uid {}, gid {}, modified {}",
            entry.path,
            kind.trim_matches('"'),
            entry.size,
            entry.mode & 0o7777,
            entry.uid,
            entry.gid,
            entry.modified_at.0
        );
        if let Some(target) = entry.link_target {
            text.push_str(&format!(", link to {target}"));
        }
        Ok(done(text))
    }
}
