//! Colours, only where a person looks.

use std::io::IsTerminal;

/// Colours for one output stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    on: bool,
}

/// What a piece of text means; the colour follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warning,
    Bad,
    Accent,
    Faint,
    Strong,
    Plain,
}

impl Style {
    /// For standard output.
    pub(crate) fn stdout() -> Self {
        Self { on: std::io::stdout().is_terminal() && wanted() }
    }

    /// For standard error.
    pub(crate) fn stderr() -> Self {
        Self { on: std::io::stderr().is_terminal() && wanted() }
    }

    /// Never any colour.
    pub(crate) const fn off() -> Self {
        Self { on: false }
    }

    /// `text` in the colour of `tone`.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
            Tone::Accent => "36",
            Tone::Faint => "2",
            Tone::Strong => "1",
            Tone::Plain => "",
        };
        if self.on && !code.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// <https://no-color.org>: any value but an empty one turns colours off.
fn wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_only_when_on() {
        assert_eq!(Style { on: true }.paint(Tone::Bad, "x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Style { on: true }.paint(Tone::Plain, "x"), "x");
        assert_eq!(Style { on: false }.paint(Tone::Bad, "x"), "x");
    }
}
