//! `mv`

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

pub(super) struct Mv;

#[async_trait]
impl Tool for Mv {
    type Args = Args;
    const NAME: &'static str = "mv";
    const DESCRIPTION: &'static str = "Moves or renames a file or directory.";
    const EFFECT: Effect = Effect::Changes;

    async fn run(args: Args, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        let (from, to) = (site.path(&args.source), site.path(&args.destination));
        site.hands.mv(&from, &to).await?;
        Ok(done(format!("moved {from} to {to}")))
    }
}
