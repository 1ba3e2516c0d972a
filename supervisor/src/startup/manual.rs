//! The manual page aetherd(8), from the definition of the command line.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::args::Args;

/// What the options do not say, in roff (man(7)).
const REST: &str = r#".SH SIGNALS
.TP
TERM, INT
ends the service in order; agents go on and are taken over by the next one (but see \fB\-\-stop\-agents\-on\-exit\fR).
.TP
HUP
reads the configuration again; one that is wrong is reported and not used.
.SH EXIT STATUS
0: ended as told. 1: failed; the message says why and what to do. 78: the configuration cannot be used.
.SH ENVIRONMENT
.TP
AETHER_LOG
what is logged, such as \fIinfo\fR or \fIaether_supervisor=debug\fR.
.TP
AETHER_CGROUP_ROOT
the cgroup below which agents live: a path below the mount point of cgroup2.
.TP
OPENAI_BASE_URL, OPENAI_API_KEY, OPENAI_MODEL
an endpoint that speaks OpenAI's chat completions, where the configuration names none.
.SH FILES
.TP
/etc/aether/aether.toml
configuration; every key is optional and explained there.
.TP
/etc/aether/agents.d/\fINAME\fR.toml
agents that aether\-agent@\fINAME\fR.service starts.
.TP
/var/lib/aether
database, token and homes of agents.
.TP
/run/aether/aether.sock
socket of the API, for root and members of the group aether.
.SH SEE ALSO
\fBaether\fR(1), \fBsystemctl\fR(1), \fBjournalctl\fR(1)
"#;

/// Prints it.
pub(super) fn run() -> ExitCode {
    match print() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cannot print the manual page: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print() -> io::Result<()> {
    let man = Man::new(Args::command()).section("8");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend_from_slice(REST.as_bytes());
    io::stdout().lock().write_all(&page)
}
