//! `read_file`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done, failed};
use crate::{CallOutcome, HandsError, text};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// File to read; ~ is the home directory.
    path: String,
    /// First byte to read (default 0).
    #[serde(default)]
    offset: u64,
}

pub(super) struct ReadFile;

#[async_trait]
impl Tool for ReadFile {
    type Args = Args;
    const NAME: &'static str = "read_file";
    const DESCRIPTION: &'static str = "Reads a text file. Long files come in parts of about 3900 characters: go on with offset.";
    const EFFECT: Effect = Effect::None;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        // Four bytes are the longest character: enough bytes for a full part, plus one to know whether there is more.
        let limit = text::OBSERVATION * 4;
        let bytes = site.hands.read_file(&site.path(&args.path), args.offset, limit + 1).await?;
        if bytes.contains(&0) {
            return Ok(failed(format!("{} is not a text file (it has NUL bytes)", args.path)));
        }
        let content = String::from_utf8_lossy(&bytes);
        let part: String = content.chars().take(text::OBSERVATION - 100).collect();
        if part.len() == content.len() {
            return Ok(done(part));
        }
        let next = args.offset + part.len() as u64;
        Ok(done(format!("{part}\n[... there is more: read_file with offset {next} ...]")))
    }
}
