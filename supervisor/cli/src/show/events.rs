//! One line per event.

use aether_protocol::{
    AgentEvent, AgentPhase, CallUsage, Event,
    event::{AgentCompacted, AgentObservation, AgentReleased, AgentSteered, ChildSpawned, PlanCreated, PlanUpdated},
    network::{ApprovalWish, NetworkVerdict},
};

use super::{
    style::{Style, Tone},
    text::{fit, one_line, width},
};

/// A line for the person who watches one agent; nothing for events that only machines need.
pub(crate) fn agent_line(event: &Event, style: Style, columns: Option<usize>) -> Option<String> {
    let (tone, label, step, text) = match &event.body {
        AgentEvent::Thought(e) => (Tone::Faint, "think", Some(e.step), e.thought.clone()),
        AgentEvent::Action(e) => (Tone::Accent, "act", Some(e.step), format!("{} {}", e.tool, arguments(&e.args))),
        AgentEvent::Observation(e) => return Some(observed(e, style, columns)),
        AgentEvent::Completed(e) => (Tone::Good, "done", None, e.summary.clone()),
        AgentEvent::UserMessage(e) => (Tone::Strong, "message", None, e.content.clone()),
        AgentEvent::Log(e) => (if e.level == "info" { Tone::Faint } else { Tone::Warning }, "note", None, e.message.clone()),
        AgentEvent::Compacted(e) => (Tone::Faint, "note", Some(e.step), compacted(e)),
        AgentEvent::Steered(e) => (Tone::Strong, "steered", None, steered(e)),
        AgentEvent::ChildSpawned(e) => (Tone::Strong, "started", None, started(e)),
        AgentEvent::Held(e) => (Tone::Warning, "held", None, held(&e.by)),
        AgentEvent::Released(e) => (Tone::Good, "back", None, released(e)),
        // Only the limit of its steps has it wait so.
        AgentEvent::StateChange(e) if e.agent_phase == AgentPhase::Waiting && !e.state.is_dead() => {
            let agent = event.agent_id.as_ref().map_or("AGENT", |id| id.as_str());
            (Tone::Warning, "waits", None, format!("to go on: aether steer {agent} --more-steps"))
        }
        AgentEvent::Paused(_) => (Tone::Warning, "paused", None, String::new()),
        AgentEvent::Resumed(_) => (Tone::Good, "resumed", None, String::new()),
        AgentEvent::Queued(e) => (Tone::Faint, "queued", None, format!("place {} (priority {})", e.position, e.priority)),
        AgentEvent::NetworkDecided(e) if e.verdict == NetworkVerdict::Denied => {
            (Tone::Warning, "denied", None, format!("{}:{} ({})", e.host, e.port, e.reason))
        }
        AgentEvent::ApprovalRequested(e) => {
            let text = format!("{}; decide with: aether approvals allow {}", wish(&e.approval.wish), e.approval.id);
            (Tone::Warning, "asks", None, text)
        }
        AgentEvent::GuardSuspicion(e) => {
            (Tone::Warning, "beware", Some(e.step), format!("in the {} of {}: {}", e.place, e.tool, suspicions(&e.suspicions)))
        }
        AgentEvent::BudgetWarning(e) => (Tone::Warning, "budget", None, format!("nearly used up: {}", e.line.words())),
        AgentEvent::ResourceExceeded(e) => (Tone::Bad, "frozen", None, format!("used up: {}", e.line.words())),
        AgentEvent::Runaway(e) => (Tone::Bad, "frozen", None, e.why.clone()),
        AgentEvent::Exit(e) if e.exit.code != 0 => {
            let reason =
                e.exit.reason.clone().or_else(|| e.exit.signal.clone()).unwrap_or_else(|| format!("status {}", e.exit.code));
            (Tone::Bad, "ended", None, reason)
        }
        _ => return None,
    };
    Some(line(tone, label, step.map(|step| step.to_string()).unwrap_or_default().as_str(), &text, style, columns))
}

/// A line for the person who watches the service.
pub(crate) fn service_line(event: &Event, style: Style, columns: Option<usize>) -> String {
    let about = match &event.body {
        AgentEvent::Spawned(e) => format!("{} {}", e.info.name, what(&e.info)),
        AgentEvent::StateChange(e) => format!("{} {}", lower(&e.state), lower(&e.agent_phase)),
        AgentEvent::Exit(e) => match e.exit.reason.as_ref().or(e.exit.signal.as_ref()) {
            Some(reason) => format!("status {} ({reason})", e.exit.code),
            None => format!("status {}", e.exit.code),
        },
        AgentEvent::Thought(e) => format!("{}: {}", e.step, e.thought),
        AgentEvent::Action(e) => format!("{}: {} {}", e.step, e.tool, arguments(&e.args)),
        AgentEvent::Observation(e) => format!("{}: {} {}", e.step, if e.ok { "ok" } else { "failed" }, observation(e)),
        AgentEvent::Progress(e) => format!("{}/{}: {}", e.step, e.max_steps, e.summary),
        AgentEvent::Completed(e) => e.summary.clone(),
        AgentEvent::UserMessage(e) => e.content.clone(),
        AgentEvent::Compacted(e) => compacted(e),
        AgentEvent::Steered(e) => steered(e),
        AgentEvent::ChildSpawned(e) => started(e),
        AgentEvent::Held(e) => held(&e.by),
        AgentEvent::Released(e) => released(e),
        AgentEvent::Log(e) => format!("{}: {}", e.level, e.message),
        AgentEvent::FsChanged(e) => format!("{} {}", e.change_type, e.path),
        AgentEvent::TtyOpened(e) => format!("{} {}", e.tty.tty_id, e.tty.title),
        AgentEvent::TtyClosed(e) => e.tty_id.to_string(),
        AgentEvent::Queued(e) => format!("place {} priority {}", e.position, e.priority),
        AgentEvent::Dequeued(e) => format!("priority {}", e.priority),
        AgentEvent::PriorityChanged(e) => format!("{} -> {}", e.previous_priority, e.priority),
        AgentEvent::NetworkDecided(e) => format!("{} {}:{} ({})", lower(&e.verdict), e.host, e.port, e.reason),
        AgentEvent::NetworkChanged(e) => serde_json::to_string(&e.policy).unwrap_or_default(),
        AgentEvent::ApprovalRequested(e) => format!("{}: {}", e.approval.id, wish(&e.approval.wish)),
        AgentEvent::ApprovalDecided(e) => format!("{}: {} by {}", e.id, lower(&e.decision), e.by),
        AgentEvent::GuardSuspicion(e) => format!("{}: {} {}", e.step, e.tool, suspicions(&e.suspicions)),
        AgentEvent::BudgetWarning(e) => e.line.words(),
        AgentEvent::ResourceExceeded(e) => e.line.words(),
        AgentEvent::Runaway(e) => e.why.clone(),
        AgentEvent::PostMortemWritten(e) => e.post_mortem.why.clone(),
        AgentEvent::MemoryStored(e) => format!("{} {}", e.memory_id, lower(&e.layer)),
        AgentEvent::MemoryForgotten(e) => e.memory_id.to_string(),
        AgentEvent::MemoryConsolidated(e) => format!("{} fewer", e.removed),
        AgentEvent::PlanCreated(PlanCreated { plan, .. }) | AgentEvent::PlanUpdated(PlanUpdated { plan, .. }) => {
            format!("{}: {}", lower(&plan.status), plan.goal)
        }
        AgentEvent::ReflectionStored(e) => e.reflection.summary.clone(),
        AgentEvent::FeedbackSubmitted(e) => format!("step {}: {:+} {}", e.feedback.step, e.feedback.rating, e.feedback.comment),
        AgentEvent::LetterSent(e) => format!("{} to {}: {}", e.message.from, e.message.to, e.message.content),
        AgentEvent::LetterRead(e) => e.message_id.to_string(),
        AgentEvent::Reaped(_) | AgentEvent::Paused(_) | AgentEvent::Resumed(_) => String::new(),
    };
    let agent = event.agent_id.as_ref().map_or("-", |id| id.as_str());
    let head = format!("{:>6}  {}  {agent:<12}  ", event.seq, event.at.0);
    let name = event.body.name();
    let about = one_line(&about);
    let used = width(&head) + name.len().max(20) + 1;
    let about = columns.map_or(about.clone(), |columns| fit(&about, columns.saturating_sub(used).max(8)));
    format!("{}{} {about}", style.paint(Tone::Faint, &head), style.paint(Tone::Accent, &format!("{name:<20}")))
        .trim_end()
        .to_owned()
}

fn compacted(e: &AgentCompacted) -> String {
    format!("steps 1 to {} are summed up ({} tokens became {})", e.summed_up, e.tokens_before, e.tokens_after)
}

fn started(e: &ChildSpawned) -> String {
    format!("agent {} ({}) below it", e.child_pid, e.child)
}

fn held(by: &str) -> String {
    format!("{by} types in its terminal; it begins nothing new meanwhile")
}

fn released(e: &AgentReleased) -> String {
    let why = if e.handed { "gave it back" } else { "has typed nothing for a while" };
    format!("{} {why}; it goes on", e.by)
}

fn steered(e: &AgentSteered) -> String {
    let tools = e.tools.as_ref().map_or_else(|| "all".to_owned(), |tools| tools.join(", "));
    format!("tools {tools}; model {}", e.model.as_deref().unwrap_or("none"))
}

/// What an agent runs, one line.
pub(crate) fn what(info: &aether_protocol::AgentInfo) -> String {
    use aether_protocol::Program;
    match &info.spec.program {
        Program::Command(command) => one_line(&command.argv.join(" ")),
        Program::Goal(goal) => one_line(&goal.goal),
    }
}

/// What an agent asks for, one line.
pub(crate) fn wish(wish: &ApprovalWish) -> String {
    match wish {
        ApprovalWish::Connect(to) => format!("connect to {}:{}", to.host, to.port),
        ApprovalWish::Call(call) => call.summary.clone(),
        ApprovalWish::Continue(wish) => format!("go on: {}", wish.why),
    }
}

fn suspicions(found: &[aether_protocol::Suspicion]) -> String {
    found.iter().map(|one| format!("{} ({:?})", one.kind, one.excerpt)).collect::<Vec<_>>().join("; ")
}

/// The wire's word for an enum without fields.
pub(crate) fn lower<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Columns before the text: the step and the label.
const BEFORE: usize = 14;

fn line(tone: Tone, label: &str, step: &str, text: &str, style: Style, columns: Option<usize>) -> String {
    let text = one_line(text);
    let text = columns.map_or(text.clone(), |columns| fit(&text, columns.saturating_sub(BEFORE).max(8)));
    let tail = if tone == Tone::Faint { style.paint(Tone::Faint, &text) } else { text };
    format!("{step:>4}  {} {tail}", style.paint(tone, &format!("{label:<7}"))).trim_end().to_owned()
}

/// The one argument that matters most, or all of them as JSON.
fn arguments(args: &serde_json::Value) -> String {
    if let Some(map) = args.as_object() {
        if map.is_empty() {
            return String::new();
        }
        for key in ["command", "path", "thought", "summary"] {
            if let Some(text) = map.get(key).and_then(serde_json::Value::as_str) {
                return text.to_owned();
            }
        }
    }
    args.to_string()
}

/// What came of a call and what it used; that has a line of its own where both do not fit beside each other.
fn observed(e: &AgentObservation, style: Style, columns: Option<usize>) -> String {
    let (tone, label) = if e.ok { (Tone::Good, "ok") } else { (Tone::Bad, "failed") };
    let step = e.step.to_string();
    let whole = observation(e);
    let Some(columns) = columns.filter(|columns| width(&one_line(&whole)) + BEFORE > *columns) else {
        return line(tone, label, &step, &whole, style, None);
    };
    let result = line(tone, label, &step, &first_line(&e.result, Some(columns)), style, None);
    let used = used(e).map(|used| style.paint(Tone::Faint, &fit(&used, columns.saturating_sub(BEFORE))));
    used.map_or(result.clone(), |used| format!("{result}\n{:BEFORE$}{used}", ""))
}

fn used(e: &AgentObservation) -> Option<String> {
    e.used.as_ref().map(CallUsage::words).filter(|words| !words.is_empty())
}

/// The first line of a result, how many follow, and what the call used.
fn observation(e: &AgentObservation) -> String {
    let result = first_line(&e.result, None);
    used(e).map_or_else(|| result.clone(), |used| format!("{result} · {used}"))
}

fn first_line(result: &str, columns: Option<usize>) -> String {
    let mut lines = result.lines().filter(|line| !line.trim().is_empty());
    let first = one_line(lines.next().unwrap_or_default());
    let more = match lines.count() {
        0 => String::new(),
        1 => " (and 1 more line)".to_owned(),
        more => format!(" (and {more} more lines)"),
    };
    let room = columns.map(|columns| columns.saturating_sub(BEFORE + width(&more)).max(8));
    format!("{}{more}", room.map_or(first.clone(), |room| fit(&first, room)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(body: serde_json::Value) -> Event {
        let mut value = json!({"seq": 7, "at": "2026-01-02T03:04:05.000Z", "agentId": "abcdefghijkl", "owner": "root"});
        for (key, field) in body.as_object().cloned().unwrap_or_default() {
            value[key] = field;
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn agents_speak_in_lines() {
        let style = Style::off();
        for (body, expected) in [
            (json!({"type": "agent.thought", "pid": 1, "step": 1, "thought": "look\naround"}), "   1  think   look around"),
            (
                json!({"type": "agent.action", "pid": 1, "step": 2, "tool": "run_command", "args": {"command": "ls\x1b[2J"}}),
                "   2  act     run_command ls[2J",
            ),
            (
                json!({"type": "agent.observation", "pid": 1, "step": 2, "tool": "run_command", "ok": true, "result": "a\nb\nc\n"}),
                "   2  ok      a (and 2 more lines)",
            ),
            (
                json!({"type": "agent.observation", "pid": 1, "step": 2, "tool": "run_command", "ok": true, "result": "exit status 0",
                    "used": {"cpuUsec": 2_500_000, "memoryPeakBytes": 5 << 20, "mostTasks": 2}}),
                "   2  ok      exit status 0 · CPU 2.50 s · memory 5 MiB · up to 2 processes",
            ),
            (
                json!({"type": "agent.observation", "pid": 1, "step": 2, "tool": "rm", "ok": false, "result": "no such file"}),
                "   2  failed  no such file",
            ),
            (json!({"type": "agent.completed", "pid": 1, "summary": "wrote it"}), "      done    wrote it"),
            (
                json!({"type": "process.stateChange", "pid": 1, "state": "running", "agentPhase": "waiting"}),
                "      waits   to go on: aether steer abcdefghijkl --more-steps",
            ),
        ] {
            assert_eq!(agent_line(&event(body), style, None).unwrap(), expected);
        }
        let result = format!("{}\nb\nc", "a".repeat(90));
        let call = json!({"type": "agent.observation", "pid": 1, "step": 2, "tool": "run_command", "ok": true, "result": result,
            "used": {"cpuUsec": 2_500_000, "memoryPeakBytes": 5 << 20, "mostTasks": 2}});
        let shown = agent_line(&event(call), style, Some(60)).unwrap();
        let cut = format!("   2  ok      {}… (and 2 more lines)", "a".repeat(26));
        assert_eq!(shown, format!("{cut}\n              CPU 2.50 s · memory 5 MiB · up to 2 processes"));
        assert_eq!(width(&cut), 60);
        let long = event(json!({"type": "agent.completed", "pid": 1, "summary": "x".repeat(99)}));
        assert_eq!(width(&agent_line(&long, style, Some(40)).unwrap()), 40);
        assert!(agent_line(&event(json!({"type": "process.reaped", "pid": 1})), style, None).is_none());
    }

    #[test]
    fn the_service_speaks_in_lines() {
        let line = service_line(&event(json!({"type": "process.reaped", "pid": 1})), Style::off(), None);
        assert_eq!(line, "     7  2026-01-02T03:04:05.000Z  abcdefghijkl  process.reaped");
    }
}
