//! Watches the built-in agent at work, one line per event.

use std::{io::Write as _, time::Duration};

use aether_protocol::{AgentEvent, Event};
use serde_json::value::RawValue;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    client::{
        Client,
        agents::uri,
        events::{Events, Numbered},
    },
    failure::Failure,
    show::{events::agent_line, style::Style},
    terminal,
};

/// How long a second Ctrl-C is waited for.
const SECOND_THOUGHT: Duration = Duration::from_secs(2);
/// Exit status after Ctrl-C.
const INTERRUPTED: u8 = 130;

/// How a goal is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Lines,
    Json,
}

/// The events of one agent so far, after `since`.
pub(crate) async fn timeline(client: &Client, agent: &str, since: u64) -> Result<Vec<Numbered>, Failure> {
    let mut all: Vec<Numbered> = Vec::new();
    loop {
        let after = all.last().map_or(since, |last| last.event.seq);
        let answer = client.get(&uri(agent, &format!("/timeline?since={after}&limit=1000"))).await?;
        let page: Vec<Box<RawValue>> = answer.data()?;
        let before = all.len();
        for raw in page {
            let raw = raw.get().to_owned();
            if let Ok(event) = serde_json::from_str::<Event>(&raw)
                && event.seq > after
            {
                all.push(Numbered { event, raw });
            }
        }
        if all.len() == before {
            return Ok(all);
        }
    }
}

/// Prints one event.
pub(crate) fn print(numbered: &Numbered, form: Form) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match form {
        Form::Json => writeln!(out, "{}", numbered.raw)?,
        Form::Lines => {
            if let Some(line) = agent_line(&numbered.event, Style::stdout(), terminal::output_columns()) {
                writeln!(out, "{line}")?;
            }
        }
    }
    Ok(())
}

/// Prints every event of an agent from `since` on until its end, and returns its exit status.
pub(crate) async fn follow(client: &Client, agent: &str, since: u64, form: Form) -> Result<u8, Failure> {
    let mut last = since;
    for numbered in timeline(client, agent, since).await? {
        print(&numbered, form)?;
        last = numbered.event.seq;
        if let Some(status) = ended(&numbered.event) {
            return Ok(status);
        }
    }
    to_the_end(Events::after(client, last).await?, agent, form).await
}

async fn to_the_end(mut events: Events<'_>, agent: &str, form: Form) -> Result<u8, Failure> {
    loop {
        let numbered = events.next_about(agent).await?;
        print(&numbered, form)?;
        if let Some(status) = ended(&numbered.event) {
            return Ok(status);
        }
    }
}

/// Follows an agent that `run` started, with events opened before it was: Ctrl-C leaves it at work, a second one ends it.
pub(crate) async fn accompany(client: &Client, events: Events<'_>, agent: &str, form: Form) -> Result<u8, Failure> {
    let mut interrupts =
        signal(SignalKind::interrupt()).map_err(|error| Failure::local(format!("cannot catch signals: {error}"), ""))?;
    let watching = to_the_end(events, agent, form);
    tokio::pin!(watching);
    let status = tokio::select! {
        status = &mut watching => status?,
        _ = interrupts.recv() => {
            let mut err = std::io::stderr();
            let _ = writeln!(err, "\nThe agent goes on. Watch it with: aether logs -f {agent}\nCtrl-C again kills it.");
            return match tokio::time::timeout(SECOND_THOUGHT, interrupts.recv()).await {
                Ok(_) => {
                    client.kill(agent).await?;
                    let _ = writeln!(err, "Killed.");
                    Ok(INTERRUPTED)
                }
                Err(_) => Ok(INTERRUPTED),
            };
        }
    };
    Ok(u8::from(status != 0))
}

fn ended(event: &Event) -> Option<u8> {
    match &event.body {
        AgentEvent::Exit(exit) => Some(exit.exit.code),
        AgentEvent::Reaped(_) => Some(1),
        _ => None,
    }
}
