//! What is seen of a call: the paths it means, what it would do, and what came back.

use aether_protocol::{FileKind, Suspicion, approval::CallWish};
use aether_runtime::{
    Asked, CallOutcome, History,
    policy::{
        Act, Facts, Touch, diff,
        facts::{self, touches as written},
        guard, pattern,
    },
    tools,
};
use aether_store::HeldRecord;

use super::hold;

/// Links that are followed in one path, as by the kernel.
const LINKS: usize = 40;
/// Characters of each argument that people are shown.
const SHOWN: usize = 2000;
/// Tools whose results are text that the agent did not write.
const READERS: &[&str] = &["read_file", "run_command", "web_fetch", "search", "check_messages", "recall", "list_files"];

/// The paths of a call, as they were written and with links followed.
pub(super) async fn touches(asked: &Asked<'_>) -> Vec<Touch> {
    let site = &asked.site;
    let mut all = Vec::new();
    for touch in written(asked.tool, &asked.call.args, &|path| site.path(path)) {
        // The last part of a path is not followed by what takes it away.
        let real = follow(asked, &touch.path, touch.act != Act::Remove).await;
        if real != touch.path {
            all.push(Touch { path: real, ..touch.clone() });
        }
        all.push(touch);
    }
    all
}

/// Where a path leads now. What does not exist yet leads to itself.
async fn follow(asked: &Asked<'_>, path: &str, last: bool) -> String {
    let mut left: Vec<String> = path.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned).collect();
    let (mut real, mut links) = (String::new(), 0);
    while let Some(part) = left.pop() {
        match part.as_str() {
            "." => continue,
            ".." => {
                real.truncate(real.rfind('/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let here = format!("{real}/{part}");
        if left.is_empty() && !last {
            return here;
        }
        let target = match asked.site.hands.stat(&here).await {
            Ok(entry) if entry.kind == FileKind::Symlink => entry.link_target,
            _ => None,
        };
        match target {
            Some(target) if links < LINKS => {
                links += 1;
                if target.starts_with('/') {
                    real.clear();
                }
                left.extend(target.split('/').rev().filter(|part| !part.is_empty()).map(str::to_owned));
            }
            _ => real = here,
        }
    }
    if real.is_empty() { "/".to_owned() } else { real }
}

/// What a call would do, for whoever decides about it.
pub(super) async fn wish(asked: &Asked<'_>, facts: &Facts, why: String, suspicions: Vec<Suspicion>) -> CallWish {
    let path =
        facts.touches.iter().find(|touch| touch.act != Act::Read).or(facts.touches.first()).map(|touch| touch.path.clone());
    let command = facts.command().map(str::to_owned);
    let diff = match (asked.tool, &path, asked.call.args.get("content").and_then(serde_json::Value::as_str)) {
        ("write_file", Some(path), Some(content)) => {
            let old = asked.site.hands.read_file(path, 0, diff::LARGEST).await.ok();
            Some(diff::unified(path, old.as_deref(), content))
        }
        _ => None,
    };
    CallWish {
        tool: asked.tool.to_owned(),
        summary: aether_runtime::describe(asked.tool, &asked.call.args),
        args: aether_runtime::shortened(&asked.call.args, SHOWN),
        workdir: command.as_ref().map(|_| facts.workdir.clone()),
        command,
        path,
        diff,
        host: facts.host(),
        why,
        tainted: facts.tainted,
        suspicions,
        digest: hold::digest(asked),
    }
}

/// Text that others may have written is marked as theirs.
pub(super) fn marked(asked: &Asked<'_>, outcome: CallOutcome, network: bool, lent: &[String]) -> CallOutcome {
    if outcome.outside.is_some() || !outcome.ok {
        return outcome;
    }
    let source = match asked.tool {
        "run_command" if network => Some("a command that can reach the network".to_owned()),
        "read_file" => {
            let paths = facts::touches(asked.tool, &asked.call.args, &|path| asked.site.path(path));
            let hit = |dir: &&String| paths.iter().any(|touch| pattern::path(dir, &touch.path).covered);
            lent.iter().find(hit).map(|dir| format!("the lent directory {dir}"))
        }
        _ => None,
    };
    match source {
        Some(source) => outcome.from_outside(source),
        None => outcome,
    }
}

/// What looks like orders in a result.
pub(super) fn in_result(tool: &str, outcome: &CallOutcome) -> Vec<Suspicion> {
    if outcome.outside.is_some() || READERS.contains(&tool) { guard::scan(&outcome.text) } else { Vec::new() }
}

/// Suspicions about what an agent has read, since a person last allowed one of its calls.
pub(super) fn still_suspected(history: &History, held: &[HeldRecord]) -> Vec<Suspicion> {
    let looked =
        held.iter().filter(|record| record.word.as_ref().is_some_and(hold::is_yes)).filter_map(|record| record.held.call).max();
    let mut found = Vec::new();
    for step in &history.steps {
        for (position, (call, outcome)) in (0_u32..).zip(step.intent.calls.iter().zip(&step.outcomes)) {
            // The result of the call that was allowed came after the word.
            let later = looked.is_none_or(|looked| (step.intent.step, position) >= looked);
            if let Some(outcome) = outcome.as_ref().filter(|_| later) {
                found.extend(in_result(tools::canonical(&call.tool), outcome));
            }
        }
    }
    found
}
