//! `cp`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done};
use crate::{CallOutcome, HandsError};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// From here; ~ is the home directory.
    source: String,
    /// To here.
    destination: String,
}

pub(super) struct Cp;

#[async_trait]
impl Tool for Cp {
    type Args = Args;
    const NAME: &'static str = "cp";
    const DESCRIPTION: &'static str = "Copies a file, or a directory with all it holds.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let (from, to) = (site.path(&args.source), site.path(&args.destination));
        site.hands.cp(&from, &to).await?;
        Ok(done(format!("copied {from} to {to}")))
    }
}
