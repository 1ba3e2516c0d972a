//! `aether inspect`

use std::io::Write as _;

use aether_protocol::{AgentInfo, EnforcementMode, MountSource, SignedReport};
use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        events::{lower, what},
        style::{Style, Tone},
        text::one_line,
        units,
    },
};

/// Show everything about one agent.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Ask the kernel what holds it right now, and have the answer signed; exit status 1 when a layer is missing
    #[arg(long)]
    isolation: bool,
}

impl Inspect {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        if self.isolation {
            return isolation(&self.agent, context).await;
        }
        let answer = context.client.get(&uri(&self.agent, "")).await?;
        let mut out = std::io::stdout().lock();
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
            return Ok(0);
        }
        let info: AgentInfo = answer.data()?;
        let style = Style::stdout();
        for (label, value) in lines(&info) {
            writeln!(out, "{} {}", style.paint(Tone::Faint, &format!("{label:<12}")), one_line(&value))?;
        }
        if let Some(enforcement) = &info.enforcement {
            let (tone, word) = match enforcement.mode {
                EnforcementMode::Full => (Tone::Plain, "full"),
                EnforcementMode::Reduced => (Tone::Bad, "REDUCED"),
            };
            writeln!(out, "{} {}", style.paint(Tone::Faint, &format!("{:<12}", "isolation")), style.paint(tone, word))?;
            for (name, layer) in &enforcement.layers {
                let (tone, word) = if layer.active { (Tone::Plain, "on ") } else { (Tone::Bad, "OFF") };
                writeln!(out, "{:12} {}", "", style.paint(tone, &one_line(&format!("{word} {name}: {}", layer.detail))))?;
            }
        }
        Ok(0)
    }
}

async fn isolation(agent: &str, context: &Context) -> Result<u8, Failure> {
    let answer = context.client.get(&uri(agent, "/isolation")).await?;
    let signed: SignedReport = answer.data()?;
    let mut out = std::io::stdout().lock();
    if context.json {
        // Byte for byte as it was signed: this is what verify-report checks.
        writeln!(out, "{}", answer.raw()?)?;
        return Ok(u8::from(!signed.report.full));
    }
    let style = Style::stdout();
    let report = &signed.report;
    let profile = lower(&report.profile);
    writeln!(out, "{} (pid {}) at {}, profile {profile}", one_line(report.name.as_str()), report.pid, report.at.0)?;
    for layer in &report.layers {
        let (tone, word) = if layer.active { (Tone::Good, "on     ") } else { (Tone::Bad, "MISSING") };
        writeln!(out, "{} {:<14} {}", style.paint(tone, word), one_line(&layer.name), one_line(&layer.expected))?;
        if !layer.active {
            writeln!(out, "{:22} {}", "", style.paint(Tone::Bad, &one_line(&layer.problem)))?;
        }
        for point in &layer.reduced_by_profile {
            let point = format!("reduced by the profile {profile}: {}", one_line(point));
            writeln!(out, "{:22} {}", "", style.paint(Tone::Warning, &point))?;
        }
        for fact in &layer.evidence {
            writeln!(out, "{:22} {}", "", style.paint(Tone::Faint, &one_line(fact)))?;
        }
    }
    writeln!(out, "signed with the key {}", one_line(&signed.public_key))?;
    Ok(u8::from(!report.full))
}

fn lines(info: &AgentInfo) -> Vec<(&'static str, String)> {
    let mut lines = vec![
        ("name", info.name.to_string()),
        ("id", format!("{} (number {})", info.id, info.number)),
        ("owner", info.owner.clone()),
        ("state", format!("{}, {}", lower(&info.state), lower(&info.phase))),
        ("runs", what(info)),
    ];
    let mut add = |label, value: Option<String>| lines.extend(value.map(|value| (label, value)));
    add("role", info.role.clone());
    add("model", info.model.clone());
    add("steps", info.max_steps.map(|most| format!("{} of {most}", info.step)));
    add("queue", info.queue_position.map(|place| format!("place {place}")));
    add("created", Some(info.created_at.0.clone()));
    add("started", info.started_at.as_ref().map(|at| at.0.clone()));
    add("ended", info.ended_at.as_ref().map(|at| at.0.clone()));
    add(
        "exit",
        info.exit.as_ref().map(|exit| {
            let why = exit.reason.as_ref().or(exit.signal.as_ref()).map(|why| format!(" ({why})")).unwrap_or_default();
            format!("{}{why}", exit.code)
        }),
    );
    add("held by", info.held_by.clone());
    add("last action", info.last_action.clone());
    add("home", Some(info.home.clone()));
    add("pid", info.pid.map(|pid| pid.to_string()));
    add("cgroup", info.cgroup.clone());
    add("uids", info.uid_range.map(|range| format!("{} to {}", range.start, u64::from(range.start) + u64::from(range.size) - 1)));
    if let Some(usage) = &info.usage {
        let limit = usage.memory_limit_bytes.map(|limit| format!(" of {}", units::size(limit))).unwrap_or_default();
        add("memory", Some(format!("{}{limit}, peak {}", units::size(usage.memory_bytes), units::size(usage.memory_peak_bytes))));
        add("cpu", Some(format!("{}, {} s in all", units::cpu(usage.cpus), usage.cpu_usec / 1_000_000)));
        let limit = usage.pids_limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        add("processes", Some(format!("{}{limit}", usage.pids)));
    }
    if let Some(disk) = &info.disk {
        let of = |limit: Option<String>| limit.map(|limit| format!(" of {limit}")).unwrap_or_default();
        add("disk", disk.bytes.map(|bytes| format!("{}{}", units::size(bytes), of(disk.bytes_limit.map(units::size)))));
        add("files", disk.inodes.map(|files| format!("{files}{}", of(disk.inodes_limit.map(|limit| limit.to_string())))));
    }
    for mount in &info.spec.mounts {
        let source = match &mount.source {
            MountSource::Descriptor(source) => &source.shown,
            MountSource::Root(source) => &source.path,
        };
        add("mount", Some(format!("{source} at {}{}", mount.target, if mount.read_only { " (read-only)" } else { "" })));
    }
    add("profile", Some(lower(&info.spec.profile)));
    lines
}
