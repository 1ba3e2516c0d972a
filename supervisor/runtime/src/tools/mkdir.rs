//! `mkdir`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done};
use crate::{CallOutcome, HandsError};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// Directory to make; ~ is the home directory.
    path: String,
}

pub(super) struct Mkdir;

#[async_trait]
impl Tool for Mkdir {
    type Args = Args;
    const NAME: &'static str = "mkdir";
    const DESCRIPTION: &'static str = "Makes a directory with its parents.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let path = site.path(&args.path);
        site.hands.mkdir(&path).await?;
        Ok(done(format!("made {path}")))
    }
}
