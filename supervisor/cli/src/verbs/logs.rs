//! `aether logs`

use std::io::Write as _;

use aether_protocol::Program;
use clap::{Args, builder::NonEmptyStringValueParser};
use http_body_util::BodyExt as _;

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    session::{
        filter::LogFilter,
        goal::{Form, follow, print, timeline},
    },
};

/// Print what an agent did: the output of its program, or the events of a goal
///
/// Control sequences other than colours are taken out of a program's output.
/// With --since or --json the numbered events are printed, for programs too.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Logs {
    /// Go on until the agent ends
    #[arg(short = 'f', long)]
    follow: bool,
    /// Only events after this number
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
    /// The agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
}

impl Logs {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let info = context.client.agent(&self.agent).await?;
        let id = info.id.as_str();
        if matches!(info.spec.program, Program::Command(_)) && self.since.is_none() && !context.json {
            return self.output(context, id).await;
        }
        let form = if context.json { Form::Json } else { Form::Lines };
        let since = self.since.unwrap_or(0);
        if self.follow {
            follow(&context.client, id, since, form).await?;
            return Ok(0);
        }
        for numbered in timeline(&context.client, id, since).await? {
            print(&numbered, form)?;
        }
        Ok(0)
    }

    async fn output(&self, context: &Context, id: &str) -> Result<u8, Failure> {
        let address = uri(id, &format!("/logs?stream=all&follow={}", self.follow));
        let mut body = context.client.stream(&address).await?.into_body();
        let (mut filter, mut shown) = (LogFilter::new(), Vec::new());
        let mut out = std::io::stdout().lock();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| Failure::Unreachable {
                cause: format!("the supervisor broke the connection: {error}"),
                hint: "try again".to_owned(),
            })?;
            if let Ok(data) = frame.into_data() {
                shown.clear();
                filter.push(&data, &mut shown);
                out.write_all(&shown)?;
                if self.follow {
                    out.flush()?;
                }
            }
        }
        if self.follow {
            // The stream also ends when the supervisor goes; that must not look like the end of the agent.
            context.client.agent(id).await?;
        }
        Ok(0)
    }
}
