//! `think`

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Effect, Site, Tool, done};
use crate::{CallOutcome, HandsError};

/// Arguments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Args {
    /// The thought.
    #[serde(rename = "thought")]
    _thought: String,
}

pub(super) struct Think;

#[async_trait]
impl Tool for Think {
    type Args = Args;
    const NAME: &'static str = "think";
    const DESCRIPTION: &'static str = "Notes a thought; does nothing else.";
    const EFFECT: Effect = Effect::None;

    async fn run(_: Args, _: &Site<'_>) -> Result<CallOutcome, HandsError> {
        Ok(done("noted"))
    }
}
