//! `aether signin`

use std::io::Write as _;

use clap::Args;
use serde::Deserialize;

use super::Context;
use crate::failure::Failure;

/// Print a link that signs a browser in to Mission Control, once, within 15 minutes
#[derive(Debug, Args)]
pub(crate) struct SignIn {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Link {
    url: String,
}

impl SignIn {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let answer = context.client.post("/api/v1/signin-links", &serde_json::json!({})).await?;
        let mut out = std::io::stdout().lock();
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
        } else {
            writeln!(out, "{}", answer.data::<Link>()?.url)?;
        }
        Ok(0)
    }
}
