//! `aether signal`

use std::io::Write as _;

use clap::{Args, builder::NonEmptyStringValueParser};

use super::Context;
use crate::{client::agents::uri, failure::Failure};

/// Send a signal to an agent's program.
#[derive(Debug, Args)]
pub(crate) struct Signal {
    /// The agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// The signal, for example SIGUSR1, USR1 or 10
    #[arg(value_name = "SIGNAL", value_parser = parse)]
    signal: nix::sys::signal::Signal,
}

impl Signal {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let body = serde_json::json!({ "signal": self.signal.as_str() });
        let answer = context.client.post(&uri(&self.agent, "/signal"), &body).await?;
        let text = if context.json { answer.raw()? } else { &self.agent };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(0)
    }
}

fn parse(text: &str) -> Result<nix::sys::signal::Signal, String> {
    use nix::sys::signal::Signal;
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).map_err(|_| format!("there is no signal {number}"));
    }
    let upper = text.to_ascii_uppercase();
    let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    name.parse().map_err(|_| "name a signal as in SIGUSR1, USR1 or 10 (kill -l lists them)".to_owned())
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::parse;

    #[test]
    fn signals_are_named_in_three_ways() {
        for text in ["SIGUSR1", "USR1", "usr1", "10"] {
            assert_eq!(parse(text), Ok(Signal::SIGUSR1), "{text}");
        }
        for bad in ["", "SIGFOO", "0", "-9", "99"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
