//! `write_file`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done};
use crate::{CallOutcome, HandsError};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// File to write; ~ is the home directory.
    path: String,
    /// Its whole new content.
    content: String,
}

pub(super) struct WriteFile;

#[async_trait]
impl Tool for WriteFile {
    type Args = Args;
    const NAME: &'static str = "write_file";
    const DESCRIPTION: &'static str = "Writes a whole text file, making its directories.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let path = site.path(&args.path);
        site.hands.write_file(&path, args.content.as_bytes()).await?;
        Ok(done(format!("wrote {} bytes to {path}", args.content.len())))
    }
}
