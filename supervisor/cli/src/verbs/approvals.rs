//! `aether approvals`

use std::io::Write as _;

use aether_protocol::{Approval, Decision, RuleEffect, Timestamp, ToolRule, approval::check_rules, network::ApprovalWish};
use clap::{Args, Subcommand};

use super::Context;
use crate::{
    failure::Failure,
    show::{
        events::{lower, wish},
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
        units,
    },
    terminal,
};

/// List what agents wait for, or decide about it
///
/// Examples:
///   aether approvals
///   aether approvals show 3
///   aether approvals allow 3
///   aether approvals allow 3 --always
///   aether approvals deny 3 --reason "use the staging server"
///
/// About a connection a word counts for one minute, about a call of the built-in agent for
/// that call; with --always also for everything like it, as long as the agent lives.
/// Without a word the answer is no.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    word: Option<Word>,
}

#[derive(Debug, Subcommand)]
enum Word {
    /// Show exactly what it would do
    Show {
        /// Its number
        id: u64,
    },
    /// Allow it, this once or always
    Allow {
        /// Its number
        id: u64,
        /// And everything like it: the same destination, command, file or tool
        #[arg(long)]
        always: bool,
    },
    /// Deny it
    Deny {
        /// Its number
        id: u64,
        /// Why; the agent reads it
        #[arg(long, short = 'r', value_name = "TEXT")]
        reason: Option<String>,
    },
}

/// `ask command=git push*`, or a rule as JSON.
pub(crate) fn parse_rule(text: &str) -> Result<ToolRule, String> {
    let rule: ToolRule = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())?
    } else {
        let (effect, rest) = text.split_once(' ').unwrap_or((text, ""));
        let effect = match effect {
            "allow" => RuleEffect::Allow,
            "ask" => RuleEffect::Ask,
            "deny" => RuleEffect::Deny,
            _ => return Err(format!("{effect:?} is none of allow, ask and deny")),
        };
        let mut rule = ToolRule::every(effect);
        if !rest.is_empty() {
            let (key, value) =
                rest.split_once('=').ok_or("a rule is given as EFFECT KEY=PATTERN, for example \"ask command=git push*\"")?;
            let value = Some(value.to_owned());
            match key.trim() {
                "tool" => rule.tool = value,
                "command" => rule.command = value,
                "path" => rule.path = value,
                "host" => rule.host = value,
                "argument" => rule.argument = value,
                other => {
                    return Err(format!(
                        "{other:?} is none of tool, command, path, host and argument; several at once are given as JSON"
                    ));
                }
            }
        }
        rule
    };
    check_rules(std::slice::from_ref(&rule)).map_err(|error| format!("{}; {}", error.message, error.hint))?;
    Ok(rule)
}

impl Approvals {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let mut out = std::io::stdout().lock();
        let (id, decision, reason) = match self.word {
            None => {
                let answer = context.client.get("/api/v1/approvals").await?;
                if context.json {
                    writeln!(out, "{}", answer.raw()?)?;
                } else {
                    let waiting: Vec<Approval> = answer.data()?;
                    out.write_all(table(&waiting).render(Style::stdout(), terminal::output_columns()).as_bytes())?;
                }
                return Ok(0);
            }
            Some(Word::Show { id }) => {
                let answer = context.client.get("/api/v1/approvals").await?;
                let waiting: Vec<Approval> = answer.data()?;
                let Some(approval) = waiting.into_iter().find(|approval| approval.id == id) else {
                    return Err(Failure::local(format!("no approval {id} waits"), "aether approvals lists those that wait"));
                };
                if context.json {
                    writeln!(out, "{}", serde_json::to_string(&approval).map_err(|error| Failure::garbled(&error.to_string()))?)?;
                } else {
                    write!(out, "{}", whole(&approval, Style::stdout()))?;
                }
                return Ok(0);
            }
            Some(Word::Allow { id, always }) => (id, if always { Decision::Always } else { Decision::Once }, None),
            Some(Word::Deny { id, reason }) => (id, Decision::Deny, reason),
        };
        let body = serde_json::json!({ "decision": decision, "reason": reason });
        let answer = context.client.post(&format!("/api/v1/approvals/{id}"), &body).await?;
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
        } else {
            let approval: Approval = answer.data()?;
            writeln!(out, "{}: {} ({})", approval.agent, wish(&approval.wish), lower(&decision))?;
        }
        Ok(0)
    }
}

fn table(waiting: &[Approval]) -> Table {
    let mut table = Table::new(&["ID", "AGENT", ">STEP", ">LEFT", "WANTS"]);
    let now = Timestamp::now();
    for approval in waiting {
        let left = units::between(&now, &approval.expires_at).map_or_else(|| "-".to_owned(), units::span);
        table.row(vec![
            Cell::new(Tone::Strong, approval.id.to_string()),
            approval.agent.as_str().into(),
            approval.step.map_or_else(|| "-".to_owned(), |step| step.to_string()).into(),
            left.into(),
            wish(&approval.wish).into(),
        ]);
    }
    table
}

/// Everything about a wish. Line for line: a diff is read in lines, and nothing in them may steer the terminal.
fn whole(approval: &Approval, style: Style) -> String {
    let mut text =
        format!("{} {}\n", style.paint(Tone::Strong, &format!("{}:", approval.agent)), one_line(&wish(&approval.wish)));
    let ApprovalWish::Call(call) = &approval.wish else { return text };
    let mut say = |name: &str, value: &str| {
        for (number, line) in value.lines().enumerate() {
            let name = if number == 0 { name } else { "" };
            text.push_str(&format!("  {} {}\n", style.paint(Tone::Faint, &format!("{name:<9}")), one_line_as_it_is(line)));
        }
    };
    say("why", &call.why);
    say("command", call.command.as_deref().unwrap_or_default());
    say("in", call.workdir.as_deref().unwrap_or_default());
    say("file", call.path.as_deref().unwrap_or_default());
    say("connects", call.host.as_deref().unwrap_or_default());
    if call.tainted {
        say("beware", "the agent has read something from outside before");
    }
    for one in &call.suspicions {
        say("suspicion", &format!("{}: {}", one.kind, one.excerpt));
    }
    if call.command.is_none() && call.diff.is_none() {
        say("arguments", &call.args.to_string());
    }
    for line in call.diff.as_deref().unwrap_or_default().lines() {
        let tone = match line.as_bytes().first() {
            Some(b'+') => Tone::Good,
            Some(b'-') => Tone::Bad,
            Some(b'@') => Tone::Accent,
            _ => Tone::Faint,
        };
        text.push_str(&format!("  {}\n", style.paint(tone, &one_line_as_it_is(line))));
    }
    text
}

/// Blanks are kept, and control characters, which could hide a part of what is decided about, are shown as what they are.
fn one_line_as_it_is(line: &str) -> String {
    let odd = |c: char| {
        (c.is_control() && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    line.chars().map(|c| if odd(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_typed_in_words_or_as_json() {
        let rule = parse_rule("ask command=git push --force*").unwrap();
        assert_eq!((rule.then, rule.command.as_deref()), (RuleEffect::Ask, Some("git push --force*")));
        assert_eq!(parse_rule("deny").unwrap(), ToolRule::every(RuleEffect::Deny));
        assert_eq!(parse_rule(r#"{"then":"deny","tool":"rm","path":"~/a"}"#).unwrap().path.as_deref(), Some("~/a"));
        for wrong in ["", "forbid tool=rm", "ask beer=1", "ask command", "deny path=relative", r#"{"then":"deny","x":1}"#] {
            assert!(parse_rule(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_decided_about_is_shown_whole_and_cannot_hide() {
        let value = serde_json::json!({"id": 3, "agentId": "abcdefghijkl", "pid": 1, "agent": "coder", "step": 2,
            "askedAt": "2026-01-02T03:04:05.000Z", "expiresAt": "2026-01-02T03:06:05.000Z",
            "wish": {"type": "call", "tool": "write_file", "summary": "write_file: a", "args": {}, "path": "/home/agent/a",
                "diff": "--- /a\n+++ /a\n+rm -rf ~ \u{1b}[8m# \u{202e}hidden\n", "why": "rule 1", "tainted": true, "digest": "d",
                "suspicions": [{"kind": "an order", "excerpt": "ignore"}]}});
        let approval: Approval = serde_json::from_value(value).unwrap();
        let text = whole(&approval, Style::off());
        for part in [
            "coder: write_file: a",
            "rule 1",
            "/home/agent/a",
            "+rm -rf ~ \\u{1b}[8m# \\u{202e}hidden",
            "outside",
            "an order: ignore",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
