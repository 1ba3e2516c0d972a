//! The command line as a whole; each verb's options are in its own file.

use std::{io::Write as _, path::PathBuf};

use clap::{
    CommandFactory as _, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    show::style::{Style, Tone},
    verbs::Verb,
};

/// Run AI agents in sandboxes built straight from the Linux kernel
///
/// Examples:
///   aether run --rm -- sh -c 'id; ls -la /'
///   aether run --goal "inspect this machine and write a report"
///   aether ps
///   aether cp AGENT:report.md .
///
/// An agent is named by its name, its id, its number or a unique prefix.
/// Exit status: 0 ok, 1 failed, 2 usage, 3 not found, 4 denied, 5 conflict,
/// 69 supervisor not reachable.
#[derive(Debug, Parser)]
#[command(name = "aether", version, disable_help_subcommand = true, arg_required_else_help = true, verbatim_doc_comment)]
pub(crate) struct Cli {
    /// Socket of the supervisor.
    #[arg(long, global = true, value_name = "PATH", env = "AETHER_SOCKET", default_value = "/run/aether/aether.sock")]
    pub(crate) socket: PathBuf,
    /// How long a supervisor that is being restarted is waited for; 0 for not at all.
    #[arg(long, global = true, value_name = "SECONDS", env = "AETHER_PATIENCE", default_value_t = 10)]
    pub(crate) patience: u16,
    /// Print the API's own objects (one JSON object per line for streams).
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Parses the command line; on failure (or `--help`) everything is said and the exit status returned.
pub(crate) fn parse() -> Result<Cli, u8> {
    Cli::try_parse().map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print();
            0
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            2
        }
        // The same; a variable of the environment counts as an argument for clap.
        ErrorKind::MissingSubcommand => {
            let _ = std::io::stderr().write_all(help().as_bytes());
            2
        }
        _ => {
            let _ = std::io::stderr().write_all(usage(&error).as_bytes());
            2
        }
    })
}

/// A usage error in the two lines that every other error has.
fn usage(error: &clap::Error) -> String {
    let plain = error.render().to_string();
    let cause: Vec<&str> = plain.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    let cause = cause.join(" ");
    let cause = cause.strip_prefix("error: ").unwrap_or(&cause);
    let suggestion = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue]
        .into_iter()
        .find_map(|kind| match error.get(kind) {
            Some(ContextValue::String(one)) => Some(one.clone()),
            Some(ContextValue::Strings(several)) => several.last().cloned(),
            _ => None,
        });
    let verb = verb();
    let help = verb.as_ref().map_or_else(|| "aether --help".to_owned(), |verb| format!("aether {verb} --help"));
    let hint = match (elsewhere(error).filter(|_| verb.is_none()), suggestion) {
        (Some(ours), _) => format!("here it is: {ours}"),
        (None, Some(word)) => format!("did you mean '{word}'? See {help}"),
        (None, None) => format!("see {help}"),
    };
    let style = Style::stderr();
    format!("{} {cause}\n{} {hint}\n", style.paint(Tone::Bad, "error:"), style.paint(Tone::Accent, "hint:"))
}

/// The verb of this command line, where it has one.
fn verb() -> Option<String> {
    std::env::args().skip(1).find(|arg| Cli::command().find_subcommand(arg).is_some())
}

/// The help of the verb of this command line, or of all.
fn help() -> String {
    let mut command = Cli::command();
    command.build();
    match verb().and_then(|verb| command.find_subcommand_mut(verb)) {
        Some(verb) => verb.render_help().to_string(),
        None => command.render_help().to_string(),
    }
}

/// What does here what a word does in tools of this kind; the likest spelling would be another verb, perhaps a harmful one.
fn elsewhere(error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    match word.as_str() {
        "create" | "start" | "new" | "deploy" | "launch" | "spawn" => Some("aether run"),
        "top" | "usage" => Some("aether stats"),
        "list" | "agents" => Some("aether ps -a"),
        "tree" => Some("aether ps --tree"),
        "show" | "info" | "status" | "describe" => Some("aether inspect AGENT"),
        "delete" | "remove" | "del" => Some("aether rm AGENT"),
        "log" | "timeline" => Some("aether logs AGENT"),
        "shell" | "sh" | "ssh" | "enter" => Some("aether exec -it AGENT -- bash"),
        "message" | "say" | "tell" | "send" => Some("aether steer AGENT --say TEXT"),
        "help" => Some("aether --help"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn usage_errors_have_a_cause_and_a_hint() {
        for (line, expected) in [
            ("aether pss", "error: unrecognized subcommand 'pss'\nhint: did you mean 'ps'? See aether --help\n"),
            ("aether top", "error: unrecognized subcommand 'top'\nhint: here it is: aether stats\n"),
            ("aether run --gpus 1 -- true", "error: unexpected argument '--gpus' found\n"),
            ("aether run --image debian -- true", "error: invalid value 'debian' for '--image <IMAGE>'"),
            ("aether run --net wide -- true", "error: invalid value 'wide' for '--net <MODE>'"),
            (
                "aether run --allow http://a.test/ -- true",
                "error: invalid value 'http://a.test/' for '--allow <HOST[:PORT][=PROGRAM]>'",
            ),
            ("aether inspect", "error: the following required arguments were not provided: <A>\n"),
        ] {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            let text = usage(&error);
            assert!(text.starts_with(expected), "{line}: {text}");
            assert_eq!(text.lines().count(), 2, "{text}");
        }
    }

    #[test]
    fn options_of_features_not_built_are_usage_errors() {
        for option in ["--template=x", "--gpus=1", "--desktop", "--image=debian"] {
            let error = Cli::try_parse_from(["aether", "run", option, "--", "true"]).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{option}");
        }
        for option in ["--net=none", "--net=open", "--net=ask", "--allow=a.test:8080", "--preset=pypi", "--image=host"] {
            assert!(Cli::try_parse_from(["aether", "run", option, "--", "true"]).is_ok(), "{option}");
        }
    }
}
