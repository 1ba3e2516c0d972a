//! `aether network`

use std::io::Write;

use aether_protocol::{
    NetworkChange, NetworkInfo, NetworkMode, NetworkRules,
    network::{
        NetworkDestination, NetworkHost, NetworkOtherwise, NetworkPreset, NetworkPresetName, NetworkRest, NetworkRule,
        NetworkVerdict, NetworkWord,
    },
};
use clap::{Args, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};

use super::{
    Context,
    network_args::{parse_preset, parse_rule},
};
use crate::{
    client::agents::uri,
    failure::Failure,
    show::{
        events::lower,
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
        units,
    },
    terminal,
};

/// Show or change what an agent's network may reach
///
/// Examples:
///   aether network A
///   aether network A allow api.example.com:8443
///   aether network A allow github.com=/usr/lib/git-core/git-remote-http
///   aether network A deny '*.example.net'
///   aether network A ask
///   aether network A --export csv > reached.csv
///
/// A change is in force at once, also for what is connected. What an agent reached is kept until it is removed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Network {
    /// The agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Only what it asked for, every destination a line: csv (with a header) or json (an object each)
    #[arg(long, value_name = "FORM")]
    export: Option<Export>,
    #[command(subcommand)]
    change: Option<ChangeVerb>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Export {
    Csv,
    Json,
}

#[derive(Debug, Subcommand)]
enum ChangeVerb {
    /// Allow a destination, and take a denial of the same host back
    Allow {
        /// A name, *.suffix or an address; ports 80 and 443 unless one is given; to one program if one is given
        #[arg(value_name = "HOST[:PORT][=PROGRAM]", value_parser = parse_rule)]
        rule: NetworkRule,
    },
    /// Deny a host, whatever else allows it
    Deny {
        /// A name, *.suffix or an address
        host: String,
    },
    /// Allow what a preset names
    Preset {
        /// pypi, npm, crates, github or debian
        #[arg(value_name = "NAME", value_parser = parse_preset)]
        preset: NetworkPreset,
    },
    /// Hold what nothing names until a person decides
    Ask,
    /// Deny what nothing names
    Close,
    /// Allow what nothing names, as long as it is public
    Open,
}

impl Network {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        if self.export.is_some() && self.change.is_some() {
            return Err(Failure::usage("--export shows what was reached, and changes nothing", "ask for one after the other"));
        }
        let uri = uri(&self.agent, "/network");
        let rest = |otherwise| NetworkChange::Otherwise(NetworkRest { otherwise });
        let change = self.change.map(|change| match change {
            ChangeVerb::Allow { rule } => NetworkChange::Allow(rule),
            ChangeVerb::Deny { host } => NetworkChange::Deny(NetworkHost { host }),
            ChangeVerb::Preset { preset } => NetworkChange::Preset(NetworkPresetName { preset }),
            ChangeVerb::Ask => rest(NetworkOtherwise::Ask),
            ChangeVerb::Close => rest(NetworkOtherwise::Deny),
            ChangeVerb::Open => rest(NetworkOtherwise::Allow),
        });
        let answer = match change {
            Some(change) => context.client.post(&uri, &change).await?,
            None => context.client.get(&uri).await?,
        };
        let mut out = std::io::stdout().lock();
        if let Some(form) = self.export {
            return export(&mut out, form, &answer.data()?);
        }
        if context.json {
            writeln!(out, "{}", answer.raw()?)?;
            return Ok(0);
        }
        let info: NetworkInfo = answer.data()?;
        write!(out, "{}", policy(&info.policy))?;
        if !info.destinations.is_empty() {
            writeln!(out)?;
            out.write_all(table(&info.destinations).render(Style::stdout(), terminal::output_columns()).as_bytes())?;
        }
        Ok(0)
    }
}

/// A line for each destination. What an agent chose is between quotation marks, so that it ends no cell and begins no formula.
fn export(out: &mut impl Write, form: Export, info: &NetworkInfo) -> Result<u8, Failure> {
    if form == Export::Csv {
        writeln!(out, "host,port,verdict,reason,allowed,denied,bytesSent,bytesReceived,program,lastAt")?;
    }
    for to in &info.destinations {
        let NetworkDestination { host, port, verdict, reason, allowed, denied, bytes_sent, bytes_received, program, last_at } =
            to;
        match form {
            Export::Json => writeln!(out, "{}", serde_json::to_string(to).map_err(std::io::Error::other)?)?,
            Export::Csv => writeln!(
                out,
                "{},{port},{},{},{allowed},{denied},{bytes_sent},{bytes_received},{},{}",
                quoted(host),
                lower(verdict),
                quoted(reason),
                quoted(program.as_deref().unwrap_or_default()),
                last_at.0
            )?,
        }
    }
    Ok(0)
}

/// A cell of CSV (RFC 4180) that a spreadsheet takes for text.
fn quoted(text: &str) -> String {
    let formula = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{formula}{}\"", one_line(text).replace('"', "\"\""))
}

/// The policy, a line for each part.
fn policy(mode: &NetworkMode) -> String {
    let rules = match mode {
        NetworkMode::Word(NetworkWord::None) => return "network  none: nothing but its own loopback\n".to_owned(),
        NetworkMode::Word(NetworkWord::Open) => return "network  open: every public address\n".to_owned(),
        NetworkMode::Rules(rules) => rules,
    };
    let NetworkRules { allow, deny, presets, otherwise, open } = rules;
    let mut lines: Vec<String> = allow.iter().map(|rule| format!("allow    {}", shown(rule))).collect();
    lines.extend(presets.iter().map(|preset| format!("allow    preset {}", preset.name())));
    lines.extend(deny.iter().map(|host| format!("deny     {host}")));
    lines.extend(open.iter().map(|host| format!("open     TLS of {host}")));
    lines.push(match otherwise {
        NetworkOtherwise::Deny => "deny     everything else".to_owned(),
        NetworkOtherwise::Ask => "ask      about everything else".to_owned(),
        NetworkOtherwise::Allow => "allow    everything else that is public".to_owned(),
    });
    lines.join("\n") + "\n"
}

fn shown(rule: &NetworkRule) -> String {
    let ports = rule.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let mut text = if ports.is_empty() { rule.host.clone() } else { format!("{}:{ports}", rule.host) };
    let program = rule.program.as_ref().map(|program| format!("by {program}")).unwrap_or_default();
    for more in [rule.methods.join(","), rule.paths.join(" "), program] {
        if !more.is_empty() {
            text = format!("{text} {more}");
        }
    }
    text
}

fn table(destinations: &[NetworkDestination]) -> Table {
    let mut table = Table::new(&["DESTINATION", "VERDICT", ">ALLOWED", ">DENIED", ">SENT", ">RECEIVED", "BY", "WHY"]);
    for to in destinations {
        let tone = match to.verdict {
            NetworkVerdict::Allowed => Tone::Good,
            NetworkVerdict::Denied => Tone::Bad,
            NetworkVerdict::Held => Tone::Warning,
        };
        table.row(vec![
            Cell::new(Tone::Strong, format!("{}:{}", to.host, to.port)),
            Cell::new(tone, lower(&to.verdict)),
            to.allowed.to_string().into(),
            to.denied.to_string().into(),
            units::size(to.bytes_sent).into(),
            units::size(to.bytes_received).into(),
            Cell::new(Tone::Faint, to.program.as_deref().map(one_line).unwrap_or_default()),
            to.reason.as_str().into(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use aether_protocol::Timestamp;

    use super::*;

    #[test]
    fn what_is_exported_is_one_line_each_and_no_formula() {
        let to = NetworkDestination {
            host: "a.test".into(),
            port: 443,
            verdict: NetworkVerdict::Denied,
            reason: "this is /home/agent/\"x\",\n=1".into(),
            allowed: 1,
            denied: 2,
            bytes_sent: 3,
            bytes_received: 4,
            program: Some("=cmd()".into()),
            last_at: Timestamp("2026-01-02T03:04:05.000Z".into()),
        };
        let info = NetworkInfo { policy: NetworkMode::default(), connections: 0, destinations: vec![to] };
        let said = |form| {
            let mut out = Vec::new();
            export(&mut out, form, &info).expect("written");
            String::from_utf8(out).expect("text")
        };
        let csv = said(Export::Csv);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 2, "{csv}");
        assert!(lines[1].starts_with("\"a.test\",443,denied,\"this is /home/agent/\"\"x\"\","), "{csv}");
        assert!(lines[1].ends_with(",1,2,3,4,\"'=cmd()\",2026-01-02T03:04:05.000Z"), "{csv}");
        let json = said(Export::Json);
        assert_eq!((json.lines().count(), json.contains("\"bytesSent\":3")), (1, true), "{json}");
    }

    #[test]
    fn a_policy_reads_as_a_list() {
        let rule = |host: &str, ports: &[u16]| NetworkRule {
            host: host.into(),
            ports: ports.to_vec(),
            methods: vec![],
            paths: vec![],
            program: None,
        };
        let rules = NetworkRules {
            allow: vec![
                rule("a.test", &[8443]),
                NetworkRule { methods: vec!["GET".into()], paths: vec!["/v1/".into()], ..rule("b.test", &[]) },
            ],
            deny: vec!["*.c.test".into()],
            presets: vec![NetworkPreset::Pypi],
            otherwise: NetworkOtherwise::Ask,
            open: vec!["d.test".into()],
        };
        let text = policy(&rules.into());
        let lines = "allow    a.test:8443\nallow    b.test GET /v1/\nallow    preset pypi\ndeny     *.c.test\nopen     TLS of d.test\nask      about everything else\n";
        assert_eq!(text, lines);
    }
}
