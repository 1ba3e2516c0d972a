//! `aether ps`

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
};

use aether_protocol::{AgentId, AgentInfo, AgentPhase, AgentState, Approval, EnforcementMode, Profile, Timestamp};
use clap::Args;

use super::Context;
use crate::{
    failure::Failure,
    show::{
        events::{lower, what},
        style::{Style, Tone},
        table::{Cell, Table},
        units,
    },
    terminal,
};

/// List agents.
#[derive(Debug, Args)]
pub(crate) struct Ps {
    /// Also those that have ended
    #[arg(short = 'a', long)]
    all: bool,
    /// Agents below the one that started them
    #[arg(long)]
    tree: bool,
    /// Only the ids
    #[arg(short = 'q', long)]
    quiet: bool,
}

impl Ps {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let agents = context.client.agents(self.all).await?;
        let mut out = std::io::stdout().lock();
        if context.json && !self.quiet {
            let objects: Vec<&str> = agents.iter().map(|agent| agent.get()).collect();
            writeln!(out, "[{}]", objects.join(",\n "))?;
            return Ok(0);
        }
        let mut infos = parse(&agents)?;
        let depths = if self.tree { family(&mut infos) } else { vec![0; infos.len()] };
        if self.quiet {
            for info in &infos {
                writeln!(out, "{}", info.id)?;
            }
            return Ok(0);
        }
        let asking = asking(context, &infos).await;
        let mut table = Table::new(&["NAME", "?ID", "STATE", "PHASE", "?>UPTIME", "?>CPU", "?>MEM", "ISOLATION", "WHAT"]);
        let now = Timestamp::now();
        for (info, depth) in infos.iter().zip(depths) {
            table.row(row(info, depth, asking.contains(&info.id), &now));
        }
        out.write_all(table.render(Style::stdout(), terminal::output_columns()).as_bytes())?;
        Ok(0)
    }
}

/// The agents of a list.
pub(super) fn parse(agents: &[Box<serde_json::value::RawValue>]) -> Result<Vec<AgentInfo>, Failure> {
    agents.iter().map(|agent| serde_json::from_str(agent.get()).map_err(|error| Failure::garbled(&error.to_string()))).collect()
}

/// Puts each agent behind the one that started it, in the order of the list otherwise; how deep each one is.
fn family(infos: &mut Vec<AgentInfo>) -> Vec<usize> {
    let listed: BTreeSet<_> = infos.iter().map(|info| info.id.clone()).collect();
    let mut below: BTreeMap<_, Vec<AgentInfo>> = BTreeMap::new();
    let mut open = Vec::new();
    for info in std::mem::take(infos) {
        match info.parent.clone().filter(|parent| listed.contains(parent)) {
            Some(parent) => below.entry(parent).or_default().push(info),
            None => open.push((0, info)),
        }
    }
    open.reverse();
    let mut depths = Vec::new();
    while let Some((depth, info)) = open.pop() {
        // The list has the newest first; what was started in a row reads better in its order, and the last pushed is the next.
        open.extend(below.remove(&info.id).into_iter().flatten().map(|child| (depth + 1, child)));
        depths.push(depth);
        infos.push(info);
    }
    depths
}

/// Those who wait for a person's word about a call or a connection. Who may not see what waits sees the list all the same.
async fn asking(context: &Context, infos: &[AgentInfo]) -> BTreeSet<AgentId> {
    if !infos.iter().any(|info| info.state.is_live()) {
        return BTreeSet::new();
    }
    let waiting: Result<Vec<Approval>, Failure> = context.client.get("/api/v1/approvals").await.and_then(|answer| answer.data());
    waiting.unwrap_or_default().into_iter().map(|approval| approval.agent_id).collect()
}

fn row(info: &AgentInfo, depth: usize, asks: bool, now: &Timestamp) -> Vec<Cell> {
    let uptime = info.started_at.as_ref().and_then(|at| units::between(at, info.ended_at.as_ref().unwrap_or(now)));
    let live = info.usage.as_ref().filter(|_| info.state.is_live());
    let state = match (&info.exit, info.queue_position) {
        (Some(exit), _) if info.state.is_dead() => format!("dead ({})", exit.code),
        (_, Some(place)) if info.state == AgentState::Queued => format!("queued ({place})"),
        _ => lower(&info.state),
    };
    vec![
        Cell::new(Tone::Strong, format!("{}{}", "  ".repeat(depth), info.name)),
        Cell::new(Tone::Faint, info.id.as_str()),
        Cell::new(state_tone(info), state),
        match &info.held_by {
            Some(by) => Cell::new(Tone::Warning, format!("held by {by}")),
            None if asks => Cell::new(Tone::Warning, "asks you"),
            None => Cell::new(phase_tone(info.phase), lower(&info.phase)),
        },
        uptime.map_or_else(|| "-".to_owned(), units::span).into(),
        live.map_or_else(|| "-".to_owned(), |usage| units::cpu(usage.cpus)).into(),
        live.map_or_else(|| "-".to_owned(), |usage| units::size(usage.memory_bytes)).into(),
        isolation(info),
        what(info).into(),
    ]
}

/// Unmistakable where a layer is missing; a profile that promises less than the standard one by its name.
fn isolation(info: &AgentInfo) -> Cell {
    match info.enforcement.as_ref().map(|enforcement| enforcement.mode) {
        None => Cell::new(Tone::Plain, "-"),
        Some(EnforcementMode::Full) if info.spec.profile != Profile::Standard => {
            Cell::new(Tone::Warning, lower(&info.spec.profile))
        }
        Some(EnforcementMode::Full) => Cell::new(Tone::Plain, "full"),
        Some(EnforcementMode::Reduced) => Cell::new(Tone::Bad, "REDUCED"),
    }
}

fn state_tone(info: &AgentInfo) -> Tone {
    match info.state {
        AgentState::Running => Tone::Good,
        AgentState::Paused | AgentState::Stopped | AgentState::Queued => Tone::Warning,
        AgentState::Dead if info.exit.as_ref().is_some_and(|exit| exit.code != 0) => Tone::Bad,
        AgentState::Dead => Tone::Faint,
        AgentState::Created | AgentState::Sleeping | AgentState::Zombie => Tone::Plain,
    }
}

fn phase_tone(phase: AgentPhase) -> Tone {
    match phase {
        AgentPhase::Failed => Tone::Bad,
        AgentPhase::Completed => Tone::Good,
        AgentPhase::Waiting => Tone::Warning,
        _ => Tone::Plain,
    }
}
