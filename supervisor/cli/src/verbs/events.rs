//! `aether events`

use std::io::Write as _;

use clap::Args;

use super::Context;
use crate::{
    client::events::{Events as Stream, Numbered},
    failure::Failure,
    show::{events::service_line, style::Style},
    terminal,
};

/// Print what happens in the whole service, one numbered line per event.
#[derive(Debug, Args)]
pub(crate) struct Events {
    /// Go on with what happens from now
    #[arg(short = 'f', long)]
    follow: bool,
    /// Only events after this number (0 for all); without it all, or with -f only new ones
    #[arg(long, value_name = "SEQ")]
    since: Option<u64>,
}

impl Events {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        if self.follow {
            let mut stream = match self.since {
                Some(since) => Stream::after(&context.client, since).await?,
                None => Stream::live(&context.client).await?,
            };
            loop {
                print(context, &stream.next().await?)?;
            }
        }
        for numbered in Stream::kept(&context.client, self.since.unwrap_or(0)).await? {
            print(context, &numbered)?;
        }
        Ok(0)
    }
}

fn print(context: &Context, numbered: &Numbered) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    if context.json {
        writeln!(out, "{}", numbered.raw)?;
    } else {
        writeln!(out, "{}", service_line(&numbered.event, Style::stdout(), terminal::output_columns()))?;
    }
    Ok(())
}
