//! `aether stats`

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use aether_protocol::AgentInfo;
use clap::Args;
use nix::sys::signal::Signal;

use super::{Context, ps::parse};
use crate::{
    client::agents::uri,
    failure::Failure,
    session::{
        input::Input,
        signals::{Caught, Signals},
    },
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::fit,
        units,
    },
    terminal::{self, Keys},
};

/// The supervisor samples every 2 s; asking more often shows nothing new.
const EVERY: Duration = Duration::from_secs(2);
/// Ctrl-D: the end of the input elsewhere, a key here.
const END_OF_INPUT: u8 = 4;

/// Show what agents use; on a terminal until q or Ctrl-C, elsewhere once.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Only these agents
    #[arg(value_name = "A")]
    agents: Vec<String>,
}

impl Stats {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let mut out = std::io::stdout();
        if context.json {
            for raw in self.raw(context).await? {
                writeln!(out, "{raw}")?;
            }
            return Ok(0);
        }
        if !out.is_terminal() {
            out.write_all(table(&self.infos(context).await?).as_bytes())?;
            return Ok(0);
        }
        self.watch(context, &mut out).await
    }

    /// Draws again and again until the person has seen enough.
    async fn watch(&self, context: &Context, out: &mut std::io::Stdout) -> Result<u8, Failure> {
        let mut person = Person::new()?;
        let with_keys = person.keys.is_some();
        let mut drawn = 0;
        loop {
            let asked = self.infos(context);
            tokio::pin!(asked);
            let infos = loop {
                tokio::select! {
                    infos = &mut asked => break infos?,
                    left = person.next() => if let Some(status) = left { return Ok(status) },
                }
            };
            let rows = terminal::size().map_or(24, |(_, rows)| usize::from(rows));
            let picture = Picture::new(&table(&infos), rows, with_keys);
            out.write_all(picture.over(drawn).as_bytes())?;
            out.flush()?;
            drawn = picture.0.len();
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                left = person.next() => if let Some(status) = left { return Ok(status) },
            }
        }
    }

    async fn raw(&self, context: &Context) -> Result<Vec<String>, Failure> {
        if self.agents.is_empty() {
            return Ok(context.client.agents(false).await?.iter().map(|agent| agent.get().to_owned()).collect());
        }
        let mut all = Vec::new();
        for agent in &self.agents {
            all.push(context.client.get(&uri(agent, "")).await?.raw()?.to_owned());
        }
        Ok(all)
    }

    async fn infos(&self, context: &Context) -> Result<Vec<AgentInfo>, Failure> {
        if self.agents.is_empty() {
            return parse(&context.client.agents(false).await?);
        }
        let mut all = Vec::new();
        for agent in &self.agents {
            all.push(context.client.agent(agent).await?);
        }
        Ok(all)
    }
}

/// Whoever looks: their keys and signals.
struct Person {
    signals: Signals,
    keys: Option<Keys>,
    input: Input,
}

impl Person {
    fn new() -> Result<Self, Failure> {
        let signals = Signals::new().map_err(|error| Failure::local(format!("cannot catch signals: {error}"), ""))?;
        let keys = Keys::enter();
        let input = if keys.is_some() { Input::start() } else { Input::none() };
        Ok(Self { signals, keys, input })
    }

    /// The exit status, once they have seen enough; nothing when the picture has to be drawn anew. Cancel safe.
    async fn next(&mut self) -> Option<u8> {
        loop {
            tokio::select! {
                typed = self.input.next() => {
                    if typed.is_some_and(|typed| typed.iter().any(|key| matches!(*key, b'q' | b'Q' | END_OF_INPUT))) {
                        return Some(0);
                    }
                }
                caught = self.signals.next() => return match caught {
                    Caught::Pass(Signal::SIGINT) => Some(0),
                    Caught::Pass(signal) => Some(128 + signal as u8),
                    Caught::Resized | Caught::Continued => {
                        if let Some(keys) = &self.keys {
                            keys.again();
                        }
                        None
                    }
                },
            }
        }
    }
}

/// The lines that a terminal of so many rows has room for.
struct Picture(Vec<String>);

impl Picture {
    fn new(text: &str, rows: usize, with_keys: bool) -> Self {
        // The cursor stands on the row below.
        let room = rows.saturating_sub(1 + usize::from(with_keys)).max(1);
        let mut lines: Vec<String> = text.lines().take(room).map(str::to_owned).collect();
        if with_keys {
            let more = match text.lines().count() - lines.len() {
                0 => String::new(),
                more => format!("{more} more do not fit: name the ones to see. "),
            };
            lines.push(Style::stdout().paint(Tone::Faint, &format!("{more}q ends")));
        }
        Self(lines)
    }

    /// Draws it over the last one, of so many lines: no flicker, and the scrollback stays as it was.
    fn over(&self, drawn: usize) -> String {
        let up = if drawn > 0 { format!("\x1b[{drawn}A\r") } else { String::new() };
        // A line that is wider than the terminal is cut, not continued on a row that nobody counted (DECAWM).
        let lines: String = self.0.iter().map(|line| format!("{line}\x1b[K\r\n")).collect();
        format!("{up}\x1b[?7l{lines}\x1b[J\x1b[?7h")
    }
}

fn table(infos: &[AgentInfo]) -> String {
    let mut table = Table::new(&["NAME", ">CPU", ">CPU TIME", ">MEM", ">LIMIT", ">MEM %", ">PEAK", ">PIDS", ">DISK"]);
    for info in infos {
        let name = Cell::new(Tone::Strong, fit(info.name.as_str(), 24));
        let Some(usage) = info.usage.as_ref().filter(|_| info.state.is_live()) else {
            table.row(std::iter::once(name).chain((0..8).map(|_| "-".into())).collect());
            continue;
        };
        let percent =
            usage.memory_limit_bytes.filter(|limit| *limit > 0).map(|limit| usage.memory_bytes as f64 * 100.0 / limit as f64);
        let tone = if percent.is_some_and(|percent| percent >= 90.0) { Tone::Bad } else { Tone::Plain };
        table.row(vec![
            name,
            units::cpu(usage.cpus).into(),
            units::span(usage.cpu_usec / 1_000_000).into(),
            units::size(usage.memory_bytes).into(),
            usage.memory_limit_bytes.map_or_else(|| "-".to_owned(), units::size).into(),
            Cell::new(tone, percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1}%"))),
            units::size(usage.memory_peak_bytes).into(),
            match usage.pids_limit {
                Some(limit) => format!("{}/{limit}", usage.pids),
                None => usage.pids.to_string(),
            }
            .into(),
            info.disk.and_then(|disk| disk.bytes).map_or_else(|| "-".to_owned(), units::size).into(),
        ]);
    }
    table.render(Style::stdout(), None)
}
