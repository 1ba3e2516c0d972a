//! `aether stats`

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use aether_protocol::AgentInfo;
use clap::Args;

use super::{Context, ps::parse};
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::fit,
        units,
    },
    terminal,
};

/// The supervisor samples every 2 s; asking more often shows nothing new.
const EVERY: Duration = Duration::from_secs(2);

/// Show what agents use; on a terminal until Ctrl-C, elsewhere once.
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
        let mut drawn = 0;
        loop {
            let text = table(&self.infos(context).await?);
            // Draws over the last picture line by line: no flicker, and the scrollback stays as it was.
            let rows = usize::from(terminal::size().map_or(24, |(_, rows)| rows)).saturating_sub(1).max(1);
            let lines: Vec<&str> = text.lines().take(rows).collect();
            let mut picture = if drawn > 0 { format!("\x1b[{drawn}A\r") } else { String::new() };
            for line in &lines {
                picture.push_str(line);
                picture.push_str("\x1b[K\r\n");
            }
            picture.push_str("\x1b[J");
            drawn = lines.len();
            out.write_all(picture.as_bytes())?;
            out.flush()?;
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = tokio::signal::ctrl_c() => return Ok(0),
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
