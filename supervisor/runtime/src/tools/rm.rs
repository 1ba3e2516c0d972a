//! `rm`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done};
use crate::{CallOutcome, HandsError};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// File or directory to remove; ~ is the home directory.
    path: String,
}

pub(super) struct Rm;

#[async_trait]
impl Tool for Rm {
    type Args = Args;
    const NAME: &'static str = "rm";
    const DESCRIPTION: &'static str = "Removes a file, or a directory with all it holds.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let path = site.path(&args.path);
        site.hands.rm(&path).await?;
        Ok(done(format!("removed {path}")))
    }
}
