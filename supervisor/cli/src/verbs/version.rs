//! `aether version`

use std::io::Write as _;

use aether_protocol::HealthInfo;
use clap::Args;

use super::Context;
use crate::{failure::Failure, show::units};

/// Print the versions of the client and of the supervisor.
#[derive(Debug, Args)]
pub(crate) struct Version {}

impl Version {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let client = env!("CARGO_PKG_VERSION");
        // The client's version can be asked for without a supervisor.
        let server = context.client.health().await.map(|body| serde_json::from_slice::<HealthInfo>(&body));
        let mut out = std::io::stdout().lock();
        if context.json {
            let server = server.ok().and_then(Result::ok);
            writeln!(out, "{}", serde_json::json!({ "client": client, "server": server }))?;
            return Ok(0);
        }
        writeln!(out, "aether  {client}")?;
        match server {
            Ok(Ok(health)) => writeln!(out, "aetherd {} ({}, up {})", health.version, health.status, units::span(health.uptime))?,
            Ok(Err(error)) => return Err(Failure::garbled(&error.to_string())),
            Err(failure) => {
                if let Some((cause, _)) = failure.lines() {
                    let _ = writeln!(std::io::stderr(), "note: {cause}");
                }
            }
        }
        Ok(0)
    }
}
