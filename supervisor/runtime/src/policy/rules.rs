//! What rules say about a call.

use aether_protocol::{RuleEffect, ToolRule};

use super::{
    facts::{self, Act, Facts},
    guard, pattern, shell,
};

/// What came of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruling {
    /// The word.
    pub effect: RuleEffect,
    /// Why; empty when no rule was about the call.
    pub why: String,
}

/// How well a rule fits a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// It is about something else.
    No,
    /// The call can do what the rule is about, and whether it does cannot be seen.
    Maybe,
    /// It is about this.
    Yes,
}

/// Files that decide what a command runs, below the home: they are to a rule about commands what commands are to one about paths.
const STARTUP: &[&str] = &[".profile", ".bash_profile", ".bash_login", ".bashrc", ".bash_aliases", ".local/bin", "bin"];
/// Tools that reach out by themselves.
const WEB_TOOLS: &[&str] = &["web_fetch", "browse_web", "search"];

/// The strictest word of several lists; without a rule a call is allowed.
pub fn judge(lists: &[&[ToolRule]], facts: &Facts) -> Ruling {
    let mut worst = Ruling { effect: RuleEffect::Allow, why: String::new() };
    for ruling in lists.iter().filter_map(|list| first(list, facts)) {
        if ruling.effect > worst.effect {
            worst = ruling;
        }
    }
    worst
}

/// The first rule that fits; one that fits perhaps asks, unless a later one denies for certain.
fn first(list: &[ToolRule], facts: &Facts) -> Option<Ruling> {
    let mut perhaps = None;
    for (number, rule) in (1..).zip(list) {
        match fit(rule, facts) {
            Fit::No => {}
            Fit::Yes if rule.then == RuleEffect::Allow && perhaps.is_some() => return perhaps,
            Fit::Yes if rule.then == RuleEffect::Ask && perhaps.is_some() => return perhaps,
            Fit::Yes => return Some(Ruling { effect: rule.then, why: why(rule, number, Fit::Yes) }),
            Fit::Maybe => {
                perhaps.get_or_insert(Ruling { effect: RuleEffect::Ask, why: why(rule, number, Fit::Maybe) });
            }
        }
    }
    perhaps
}

fn why(rule: &ToolRule, number: u32, fit: Fit) -> String {
    let parts = [
        ("tool", &rule.tool),
        ("command", &rule.command),
        ("path", &rule.path),
        ("host", &rule.host),
        ("argument", &rule.argument),
    ];
    let mut about: Vec<String> =
        parts.into_iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value:?}"))).collect();
    match rule.tainted {
        Some(true) => about.push("after reading from outside".to_owned()),
        Some(false) => about.push("before reading from outside".to_owned()),
        None => {}
    }
    if about.is_empty() {
        about.push("every call".to_owned());
    }
    let about = format!("rule {number} ({})", about.join(", "));
    let text = match fit {
        Fit::Maybe => format!("this may do what {about} is about, and nobody can tell before it runs"),
        _ => about,
    };
    rule.reason.as_ref().map_or(text.clone(), |reason| format!("{reason} [{text}]"))
}

fn fit(rule: &ToolRule, facts: &Facts) -> Fit {
    if rule.tainted.is_some_and(|tainted| tainted != facts.tainted) {
        return Fit::No;
    }
    match rule.then {
        RuleEffect::Allow if exactly(rule, facts) => Fit::Yes,
        RuleEffect::Allow => Fit::No,
        RuleEffect::Ask | RuleEffect::Deny => widely(rule, facts),
    }
}

/// A rule that allows: everything that it names is seen to be so.
fn exactly(rule: &ToolRule, facts: &Facts) -> bool {
    let tool = rule.tool.as_ref().is_none_or(|tool| pattern::text(tool, &facts.tool));
    let command = rule.command.as_ref().is_none_or(|wanted| {
        facts.command().is_some_and(|line| wanted == line || (shell::is_single(line) && pattern::text(wanted, line)))
    });
    let path = rule.path.as_ref().is_none_or(|path| {
        let path = anchored(path, facts);
        !facts.touches.is_empty() && facts.touches.iter().all(|touch| pattern::path(&path, &touch.path).itself)
    });
    let host = rule.host.as_ref().is_none_or(|host| facts.host().is_some_and(|to| pattern::host(host, &to)));
    let argument = rule.argument.as_ref().is_none_or(|wanted| facts.texts().iter().any(|text| pattern::text(wanted, text)));
    tool && command && path && host && argument
}

/// A rule that asks or denies: everything that it names could be so.
fn widely(rule: &ToolRule, facts: &Facts) -> Fit {
    let acts = rule.tool.as_ref().map(|tool| acts_of(tool));
    let parts = [
        rule.tool.as_ref().map(|tool| fit_tool(tool, acts.as_deref().unwrap_or_default(), facts)),
        rule.command.as_ref().map(|command| fit_command(command, facts)),
        rule.path.as_ref().map(|path| fit_path(path, acts.as_deref().filter(|acts| !acts.is_empty()), facts)),
        rule.host.as_ref().map(|host| fit_host(host, facts)),
        rule.argument.as_ref().map(|argument| fit_argument(argument, facts)),
    ];
    parts.into_iter().flatten().min().unwrap_or(Fit::Yes)
}

/// What the file tools of a pattern are used for.
fn acts_of(tool: &str) -> Vec<Act> {
    facts::file_tools().filter(|name| pattern::text(tool, name)).filter_map(facts::meant).flatten().copied().collect()
}

fn fit_tool(tool: &str, acts: &[Act], facts: &Facts) -> Fit {
    if pattern::text(tool, &facts.tool) || facts.touches.iter().any(|touch| acts.contains(&touch.act)) {
        return Fit::Yes;
    }
    let by_command = !acts.is_empty() || (facts.network && WEB_TOOLS.iter().any(|name| pattern::text(tool, name)));
    match facts.command() {
        // A plain command reads at most.
        Some(line) if by_command && (acts.contains(&Act::Read) || acts.is_empty() || !shell::is_plain(line)) => Fit::Maybe,
        _ => Fit::No,
    }
}

fn fit_command(wanted: &str, facts: &Facts) -> Fit {
    let Some(line) = facts.command() else {
        let decides = |path: &str| {
            STARTUP.iter().any(|name| {
                let place = pattern::path(&format!("{}/{name}", facts.home), path);
                place.covered || place.above
            })
        };
        let startup = facts.touches.iter().any(|touch| touch.act == Act::Write && decides(&touch.path));
        return if startup { Fit::Maybe } else { Fit::No };
    };
    if pattern::text(wanted, line) || shell::commands(line).iter().any(|command| pattern::text(wanted, command)) {
        return Fit::Yes;
    }
    if shell::is_plain(line) { Fit::No } else { Fit::Maybe }
}

fn fit_path(wanted: &str, acts: Option<&[Act]>, facts: &Facts) -> Fit {
    let wanted = anchored(wanted, facts);
    let hits = |path: &str, tree: bool| {
        let place = pattern::path(&wanted, path);
        place.covered || (tree && place.above)
    };
    let of_these = |act: Act| acts.is_none_or(|acts| acts.contains(&act));
    if facts.touches.iter().any(|touch| of_these(touch.act) && hits(&touch.path, touch.tree)) {
        return Fit::Yes;
    }
    let Some(line) = facts.command() else { return Fit::No };
    if !of_these(Act::Read) && shell::is_plain(line) {
        return Fit::No;
    }
    let named = shell::words(line).iter().any(|word| hits(&facts.absolute(word.rsplit('=').next().unwrap_or(word)), false));
    if named { Fit::Yes } else { Fit::Maybe }
}

fn fit_host(wanted: &str, facts: &Facts) -> Fit {
    if let Some(host) = facts.host() {
        return if pattern::host(wanted, &host) { Fit::Yes } else { Fit::No };
    }
    match facts.command() {
        Some(line) if facts.network => {
            let named = shell::words(line).iter().any(|word| pattern::host(wanted, &facts::host_of(word)));
            if named { Fit::Yes } else { Fit::Maybe }
        }
        _ => Fit::No,
    }
}

fn fit_argument(wanted: &str, facts: &Facts) -> Fit {
    let wanted = format!("*{wanted}*");
    let hit = facts.texts().iter().any(|text| guard::readings(text).iter().any(|reading| pattern::text(&wanted, reading)));
    if hit { Fit::Yes } else { Fit::No }
}

fn anchored(path: &str, facts: &Facts) -> String {
    if path.starts_with('~') { facts.absolute(path) } else { path.to_owned() }
}

/// The rule that allows what is like this call: the same command, the same tool on the same paths, or to the same host.
pub fn like(facts: &Facts) -> ToolRule {
    let mut rule = ToolRule { tool: Some(facts.tool.clone()), ..ToolRule::every(RuleEffect::Allow) };
    if let Some(line) = facts.command() {
        rule.command = Some(line.to_owned());
    } else if let Some(host) = facts.host() {
        rule.host = Some(host);
    } else if let Some(touch) = facts.touches.first() {
        rule.path = Some(touch.path.clone());
    }
    if facts.args.get("destination").is_some() {
        rule.argument = Some(facts.args.to_string());
    }
    rule
}

/// Does a rule that a person's word left behind allow exactly this? A `*` in what they allowed is a letter like any other.
pub fn is_like(rule: &ToolRule, facts: &Facts) -> bool {
    like(facts) == *rule
}
