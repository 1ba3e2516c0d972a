//! An agent's kept output on standard output, gone on with where it broke off.

use std::io::Write as _;

use http_body_util::BodyExt as _;

use super::filter::LogFilter;
use crate::{
    client::{Client, agents::uri},
    failure::Failure,
};

/// How far it has come.
pub(crate) struct Relay {
    /// Bytes of the output that need not be printed (again).
    seen: u64,
    filter: LogFilter,
}

impl Relay {
    /// Everything it prints.
    pub(crate) const fn from_start() -> Self {
        Self { seen: 0, filter: LogFilter::new() }
    }

    /// Only what it prints from now on: what it printed before was printed by whoever was here before.
    pub(crate) async fn from_now(client: &Client, agent: &str) -> Result<Self, Failure> {
        let mut body = client.stream(&uri(agent, "/logs?stream=all")).await?.into_body();
        let mut seen = 0;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| client.lost(&error.to_string()))?;
            seen += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok(Self { seen, filter: LogFilter::new() })
    }

    /// Prints what comes until the stream ends: with the agent, or with the supervisor.
    pub(crate) async fn run(&mut self, client: &Client, agent: &str) -> Result<(), Failure> {
        let mut body = client.stream(&uri(agent, "/logs?stream=all&follow=true")).await?.into_body();
        let (mut at, mut shown) = (0, Vec::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| client.lost(&error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            let old = usize::try_from(self.seen.saturating_sub(at)).map_or(data.len(), |old| old.min(data.len()));
            at += data.len() as u64;
            self.seen = self.seen.max(at);
            shown.clear();
            self.filter.push(data.get(old..).unwrap_or_default(), &mut shown);
            let mut out = std::io::stdout().lock();
            out.write_all(&shown)?;
            out.flush()?;
        }
        Ok(())
    }
}
