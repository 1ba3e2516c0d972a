//! Rules about the calls of the built-in agent, and calls that wait for a person's word.

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

/// Most rules of one agent about its calls.
pub const MAX_TOOL_RULES: usize = 128;
/// Longest pattern of a rule, bytes.
pub const MAX_PATTERN: usize = 1024;

/// What a rule says about the calls that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RuleEffect {
    /// The call is made.
    Allow,
    /// The call is held until a person decides.
    Ask,
    /// The call is not made; the agent is told why.
    Deny,
}

/// A rule about calls of the built-in agent. It matches when everything that it names matches; the first match of a list counts.
///
/// Rules that ask or deny match widely: one about a file tool or a path covers every tool that can do the same, and commands, which
/// can do anything, are held for it. Rules that allow match exactly what they say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ToolRule {
    /// What happens to the call.
    pub then: RuleEffect,
    /// Name of a tool; `*` stands for any text.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub tool: Option<String>,
    /// A command line; `*` stands for any text.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub command: Option<String>,
    /// An absolute path inside, or one that begins with `~`; `*` stands for a name or a part of one, `**` for any path.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub path: Option<String>,
    /// A destination: a host, or `*.suffix`.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub host: Option<String>,
    /// Text in any argument; `*` stands for any text.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub argument: Option<String>,
    /// Only when the agent has read something from outside (`true`), or only when it has not (`false`).
    #[serde(default)]
    #[ts(optional = nullable)]
    pub tainted: Option<bool>,
    /// Shown to whoever decides, and told to the agent when the call is denied.
    #[serde(default)]
    #[ts(optional = nullable)]
    pub reason: Option<String>,
}

impl ToolRule {
    /// A rule that names nothing, and so matches every call.
    pub const fn every(then: RuleEffect) -> Self {
        Self { then, tool: None, command: None, path: None, host: None, argument: None, tainted: None, reason: None }
    }
}

/// Checks the rules of one agent: how many, and how long.
///
/// # Errors
/// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid) with the rule, the cause and the fix.
pub fn check_rules(rules: &[ToolRule]) -> Result<(), ApiError> {
    if rules.len() > MAX_TOOL_RULES {
        let message = format!("there are {} rules about calls, at most {MAX_TOOL_RULES} are allowed", rules.len());
        return Err(ApiError::invalid(message, "join some with *"));
    }
    for (number, rule) in (1..).zip(rules) {
        let texts = [&rule.tool, &rule.command, &rule.path, &rule.host, &rule.argument, &rule.reason];
        for text in texts.into_iter().flatten() {
            if text.is_empty() || text.len() > MAX_PATTERN || text.contains('\0') {
                let message = format!("rule {number} about calls has an empty or overlong pattern");
                return Err(ApiError::invalid(
                    message,
                    format!("give 1 to {MAX_PATTERN} bytes without NUL, or leave the field out"),
                ));
            }
        }
        if let Some(path) =
            rule.path.as_ref().filter(|path| !path.starts_with('/') && !path.starts_with('~') && !path.starts_with("**"))
        {
            let message = format!("rule {number} about calls names the path {path:?}, which is not absolute");
            return Err(ApiError::invalid(message, "begin it with /, ~ or **"));
        }
        if let Some(command) = rule.command.as_ref().filter(|_| rule.tool.as_deref().is_some_and(|tool| tool != "run_command")) {
            let message = format!("rule {number} about calls names the command {command:?} and another tool");
            return Err(ApiError::invalid(message, "only run_command has a command: leave tool out"));
        }
    }
    Ok(())
}

/// A call of the built-in agent that is held, with what exactly it would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CallWish {
    /// The tool.
    pub tool: String,
    /// The call in one line.
    pub summary: String,
    /// Its arguments, long texts cut.
    #[ts(type = "unknown")]
    pub args: serde_json::Value,
    /// The whole command line, for a command.
    #[serde(default)]
    pub command: Option<String>,
    /// Directory that the command starts in.
    #[serde(default)]
    pub workdir: Option<String>,
    /// The file that it changes, with links followed.
    #[serde(default)]
    pub path: Option<String>,
    /// The change of that file as a unified diff, at the time of asking.
    #[serde(default)]
    pub diff: Option<String>,
    /// The destination that it connects to.
    #[serde(default)]
    pub host: Option<String>,
    /// Why a person is asked.
    pub why: String,
    /// The agent has read something from outside before.
    pub tainted: bool,
    /// What looked like an attempt to give the agent orders.
    #[serde(default)]
    pub suspicions: Vec<Suspicion>,
    /// What was asked for, hashed: the word holds for exactly this call.
    pub digest: String,
}

/// An agent that was frozen and wants to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ContinueWish {
    /// Why it was frozen.
    pub why: String,
}

/// A place in a text that looks like an attempt to give the agent orders.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suspicion {
    /// What kind of attempt, in words.
    pub kind: String,
    /// The place, cut to one line.
    pub excerpt: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_wrong_ones_are_named() {
        let read = |text: &str| serde_json::from_str::<ToolRule>(text).map_err(|error| error.to_string());
        let rule = read(r#"{"then":"deny","path":"~/keys/**"}"#).expect("rule");
        assert!(check_rules(std::slice::from_ref(&rule)).is_ok());
        assert!(read(r#"{"than":"deny"}"#).expect_err("typo").contains("unknown field"));
        assert!(read(r#"{"tool":"rm"}"#).expect_err("no effect").contains("then"));
        let wrong = |change: fn(&mut ToolRule)| {
            let mut rule = rule.clone();
            change(&mut rule);
            check_rules(&[rule]).expect_err("refused").message
        };
        assert!(wrong(|rule| rule.path = Some("keys".into())).contains("not absolute"));
        assert!(wrong(|rule| rule.reason = Some(String::new())).contains("empty"));
        assert!(wrong(|rule| (rule.tool, rule.command) = (Some("rm".into()), Some("x".into()))).contains("another tool"));
        assert!(check_rules(&vec![rule; MAX_TOOL_RULES + 1]).is_err());
    }
}
