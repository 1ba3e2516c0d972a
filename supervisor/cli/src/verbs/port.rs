//! `aether port`

use std::io::Write as _;

use aether_protocol::{AgentPort, PreviewLink};
use clap::{Args, builder::NonEmptyStringValueParser, value_parser};
use serde_json::{Value, value::RawValue};

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
    },
    terminal,
};

/// List the ports that an agent listens on, or make a link that opens one in a browser
///
/// Examples:
///   aether port web
///   aether port web 8080
///
/// A link works once, within five minutes, in a browser on this machine. The page has an origin of its own; what was opened
/// ends after twelve hours, or with the agent. For anything that is not HTTP: aether forward.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Port {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Make a link to this port
    #[arg(value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    port: Option<u16>,
}

impl Port {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        match self.port {
            Some(port) => link(context, &self.agent, port).await,
            None => list(context, &self.agent).await,
        }
    }
}

async fn link(context: &Context, agent: &str, port: u16) -> Result<u8, Failure> {
    let answer = context.client.post(&uri(agent, &format!("/ports/{port}/links")), &Value::Null).await?;
    let link: PreviewLink = answer.data()?;
    let mut out = std::io::stdout().lock();
    if context.json {
        writeln!(out, "{}", answer.raw()?)?;
    } else {
        writeln!(out, "{}", link.url)?;
    }
    Ok(0)
}

async fn list(context: &Context, agent: &str) -> Result<u8, Failure> {
    let answer = context.client.get(&uri(agent, "/ports")).await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        for raw in answer.data::<Vec<Box<RawValue>>>()? {
            writeln!(out, "{}", raw.get())?;
        }
        return Ok(0);
    }
    let mut table = Table::new(&[">PORT", "LISTENS ON", "BROWSER"]);
    for port in answer.data::<Vec<AgentPort>>()? {
        let browser = match (&port.origin, port.reachable) {
            (Some(origin), _) => Cell::from(origin.clone()),
            (None, true) => Cell::new(Tone::Faint, "-"),
            (None, false) => Cell::new(Tone::Warning, "not reachable: let it listen on 127.0.0.1"),
        };
        table.row(vec![Cell::new(Tone::Strong, port.port.to_string()), port.addresses.join(", ").into(), browser]);
    }
    write!(out, "{}", table.render(Style::stdout(), terminal::output_columns()))?;
    Ok(0)
}
