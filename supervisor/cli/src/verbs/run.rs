//! `aether run`

use std::{
    io::{IsTerminal as _, Write as _},
    os::fd::OwnedFd,
    time::Duration,
};

use aether_protocol::{
    AgentInfo, AgentName, AgentSpec, AgentState, CommandSpec, EnforcementMode, ExitInfo, Layer, Limits, MountSource, MountSpec,
    Profile, Program, spec::DescriptorSource,
};
use clap::{ArgGroup, Args};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};

use super::{Context, goal_args::GoalArgs, model_args::ModelArgs, network_args::NetworkArgs, parse_env, secret_args::SecretArgs};
use crate::{
    client::{again, events::Events},
    failure::Failure,
    session::{
        goal::{Form, accompany},
        process::{Bond, Joined, Outcome, join},
    },
    show::{
        events::lower,
        style::{Style, Tone},
        units::parse_size,
    },
    terminal,
};

/// The longest wait for the sandbox of an ended program to be taken down.
const TAKE_DOWN: Duration = Duration::from_secs(15);
/// What to do about a program that could not be started.
const NOT_STARTED: &str = "check its path, and that it is there inside: aether run -- ls /usr/bin";

/// Run a program, or give the built-in agent a goal, in a sandbox of its own
///
/// Examples:
///   aether run --rm -- sh -c 'id; mount'
///   aether run -it -- bash
///   aether run -d --name builder --mount ./src:/home/agent/src:ro -- make -C src
///   aether run --preset pypi --allow api.example.com -- pip install requests
///   aether run --secret GITHUB_TOKEN=api.github.com/repos/me -- ./release.sh
///   aether run --goal "inspect this machine and write a report"
///   aether run --template code-developer --use-memory builder "make the tests in ~/project pass"
///   aether run --parent builder --budget tokens=20000 --goal "review what builder wrote"
///
/// With a program the exit status is the program's; 125 our failure, 126 not executable,
/// 127 not found, 128+n signal n. With a goal it is 0 when completed and 1 when failed.
///
/// Ctrl-C goes to the program (twice kills the agent); a goal goes on without you.
/// Ctrl-P Ctrl-Q leaves a terminal without ending it.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, override_usage = "aether run [OPTIONS] -- CMD [ARG]...\n       aether run [OPTIONS] --goal TEXT\n       aether run [OPTIONS] --template NAME GOAL", group = ArgGroup::new("what").required(true).args(["command", "goal", "words"]))]
pub(crate) struct Run {
    /// Print the agent's id and return at once
    #[arg(short = 'd', long)]
    detach: bool,
    /// Forward standard input; without it the program reads end-of-file
    #[arg(short = 'i', long, conflicts_with_all = ["goal", "words"])]
    interactive: bool,
    /// Give the program a terminal
    #[arg(short = 't', long, conflicts_with_all = ["goal", "words"])]
    tty: bool,
    /// Remove its home and its record when it ends
    #[arg(long)]
    rm: bool,
    /// Name of the agent
    #[arg(long, value_name = "NAME")]
    name: Option<AgentName>,
    /// Add to its environment
    #[arg(long = "env", value_name = "K=V", value_parser = parse_env)]
    env: Vec<(String, String)>,
    /// Directory to start in
    #[arg(long, value_name = "DIR", conflicts_with_all = ["goal", "words"])]
    workdir: Option<String>,
    /// What its root is made of
    #[arg(long, value_parser = ["host"], default_value = "host")]
    image: String,
    #[command(flatten)]
    network: NetworkArgs,
    #[command(flatten)]
    models: ModelArgs,
    #[command(flatten)]
    secrets: SecretArgs,
    /// Most memory, for example 512M or 1.5G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Most CPUs, for example 1.5
    #[arg(long, value_name = "N")]
    cpus: Option<f64>,
    /// Most processes and threads
    #[arg(long, value_name = "N")]
    pids: Option<u32>,
    /// Most space of its home on disk, for example 2G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    disk: Option<u64>,
    /// Most files and directories in its home
    #[arg(long, value_name = "N")]
    inodes: Option<u64>,
    /// How far its sandbox is closed: standard, packages (root inside, may install packages) or browser (may make user namespaces)
    #[arg(long, value_name = "PROFILE", value_parser = parse_profile, default_value = "standard")]
    profile: Profile,
    /// Lend it a directory of this host
    #[arg(long = "mount", value_name = "HOSTDIR:GUESTDIR[:ro]", value_parser = parse_mount)]
    mounts: Vec<Mount>,
    /// Start even when this layer of isolation is missing here
    #[arg(long, value_name = "LAYER", value_parser = parse_layer)]
    allow_reduced: Vec<Layer>,
    #[command(flatten)]
    goal: GoalArgs,
    /// Freeze it when it has used up one of these, for example tokens=200000,cost=1.50,wall=2h
    #[arg(long, value_name = "KIND=LIMIT,...", value_delimiter = ',', value_parser = super::budget::parse_limit)]
    budget: Vec<super::budget::Limit>,
    /// Allow, ask about or deny calls of the built-in agent, for example "ask command=git push*"; the first that fits counts
    #[arg(long = "rule", value_name = "RULE", conflicts_with = "command", value_parser = super::approvals::parse_rule)]
    rules: Vec<aether_protocol::ToolRule>,
    /// Program and arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// A directory to lend.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    host: String,
    guest: String,
    read_only: bool,
}

impl Run {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        self.check(context)?;
        let spec = self.spec()?;
        spec.check().map_err(|error| Failure::usage(error.message, error.hint))?;
        // A detached agent passes no status through, so our own failures keep their own.
        if self.command.is_empty() || self.detach {
            return self.start(context, &spec).await;
        }
        self.start(context, &spec).await.map_err(Failure::ours)
    }

    async fn start(&self, context: &Context, spec: &AgentSpec) -> Result<u8, Failure> {
        let directories = self.mounts.iter().map(open_directory).collect::<Result<Vec<_>, _>>()?;
        // Opened first: an agent that is removed at its end leaves nothing to ask for afterwards.
        let events = match self.goal.is_some() && !self.detach {
            true => Some(Events::live(&context.client).await?),
            false => None,
        };
        let answer = context.client.deploy(spec, directories, &again::key()?).await?;
        let info: AgentInfo = answer.data()?;
        warn_of_reduced(&info);
        if self.detach {
            let text = if context.json { answer.raw()? } else { info.id.as_str() };
            writeln!(std::io::stdout(), "{text}")?;
            return Ok(0);
        }
        if info.state == AgentState::Queued {
            let place = info.queue_position.map(|place| format!(" (place {place})")).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "{} waits in the queue{place}", info.name);
        }
        if let Some(events) = events {
            if !context.json {
                let _ = writeln!(std::io::stderr(), "agent {} ({})", info.name, info.id);
            }
            let form = if context.json { Form::Json } else { Form::Lines };
            return accompany(&context.client, events, info.id.as_str(), form).await;
        }
        if info.state == AgentState::Queued {
            self.wait_in_queue(context, info.id.as_str()).await?;
        }
        self.join(context, &info).await
    }

    async fn wait_in_queue(&self, context: &Context, id: &str) -> Result<(), Failure> {
        tokio::select! {
            started = context.client.wait_started(id) => started.map(|_| ()),
            _ = tokio::signal::ctrl_c() => {
                context.client.kill(id).await?;
                Err(Failure::Status(130))
            }
        }
    }

    async fn join(&self, context: &Context, info: &AgentInfo) -> Result<u8, Failure> {
        let id = info.id.as_str();
        let joined = Joined { target: id, agent: id, stdin: self.interactive, bond: Bond::Agent };
        match join(&context.client, &joined).await? {
            Outcome::Ended { code, silent } => {
                // Whoever looks after us finds it ended. One that is removed at its end may be gone already.
                let exit = tokio::time::timeout(TAKE_DOWN, context.client.wait(id)).await;
                if let Ok(Ok(ExitInfo { reason: Some(reason), .. })) = exit
                    && silent
                    && (125..=127).contains(&code)
                {
                    let hint = if reason.contains("execve: ") { NOT_STARTED } else { "" };
                    crate::say(&Failure::local(reason, hint));
                }
                Ok(code)
            }
            Outcome::Detached => {
                let _ = writeln!(std::io::stderr(), "\nleft {}; come back with: aether attach {}", info.name, info.name);
                Ok(0)
            }
            Outcome::Interrupted(status) => Ok(status),
        }
    }

    fn check(&self, context: &Context) -> Result<(), Failure> {
        if context.json && !self.detach && !self.goal.is_some() {
            return Err(Failure::usage("--json has no meaning while a program's output is shown", "add -d, or leave it out"));
        }
        let terminal = if self.interactive { std::io::stdin().is_terminal() } else { std::io::stdout().is_terminal() };
        if self.tty && !self.detach && !terminal {
            return Err(Failure::usage("-t needs a terminal, and this is none", "leave -t out, or add -d and attach later"));
        }
        Ok(())
    }

    fn spec(&self) -> Result<AgentSpec, Failure> {
        let size = if self.tty { terminal::size() } else { None };
        let program = match self.goal.spec()? {
            Some(goal) => Program::Goal(goal),
            None => Program::Command(CommandSpec {
                argv: self.command.clone(),
                tty: self.tty,
                stdin: self.interactive,
                cols: size.map(|size| size.0),
                rows: size.map(|size| size.1),
            }),
        };
        let mounts = self.mounts.iter().zip(0..).map(|(mount, index)| MountSpec {
            source: MountSource::Descriptor(DescriptorSource { index, shown: shown(&mount.host) }),
            target: mount.guest.clone(),
            read_only: mount.read_only,
        });
        Ok(AgentSpec {
            name: self.name.clone(),
            parent: self.goal.parent.clone(),
            outlives: self.goal.outlive,
            program,
            env: self.env.iter().cloned().collect(),
            workdir: self.workdir.clone(),
            network: self.network.mode()?,
            models: self.models.providers(),
            secrets: self.secrets.secrets.clone(),
            limits: Limits {
                memory_bytes: self.memory,
                cpus: self.cpus,
                pids: self.pids,
                disk_bytes: self.disk,
                inodes: self.inodes,
                model_tokens: self.models.model_tokens,
            },
            budget: super::budget::with(aether_protocol::Budget::default(), &self.budget),
            rules: self.rules.clone(),
            profile: self.profile,
            mounts: mounts.collect(),
            priority: 3,
            ephemeral: self.rm,
            allow_reduced: self.allow_reduced.clone(),
        })
    }
}

/// Says in red which layers the agent goes without; a queued one has none yet.
fn warn_of_reduced(info: &AgentInfo) {
    let Some(enforcement) = info.enforcement.as_ref().filter(|enforcement| enforcement.mode == EnforcementMode::Reduced) else {
        return;
    };
    let missing: Vec<_> = enforcement.layers.iter().filter(|(_, layer)| !layer.active).map(|(name, _)| name.as_str()).collect();
    let text = format!("REDUCED ISOLATION: {} runs without {}", info.name, missing.join(", "));
    let _ = writeln!(std::io::stderr(), "{}", Style::stderr().paint(Tone::Bad, &text));
}

/// Opens the directory as the person who lends it: what they cannot open, they cannot lend.
fn open_directory(mount: &Mount) -> Result<OwnedFd, Failure> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(mount.host.as_str(), flags, Mode::empty())
        .map_err(|errno| Failure::file("lend the directory", mount.host.as_ref(), &errno.into()))
}

/// The absolute path, for people.
fn shown(path: &str) -> String {
    std::fs::canonicalize(path).map_or_else(|_| path.to_owned(), |path| path.to_string_lossy().into_owned())
}

fn parse_mount(text: &str) -> Result<Mount, String> {
    let shape = || "a mount is given as HOSTDIR:GUESTDIR or HOSTDIR:GUESTDIR:ro".to_owned();
    let (rest, read_only) = match text.strip_suffix(":ro") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    // The guest's directory begins with the last ":/", so that a host directory may have a colon in its name.
    let at = rest.rfind(":/").ok_or_else(shape)?;
    let (host, guest) = (&rest[..at], &rest[at + 1..]);
    if host.is_empty() {
        return Err(shape());
    }
    Ok(Mount { host: host.to_owned(), guest: guest.to_owned(), read_only })
}

/// A profile by its name.
fn parse_profile(text: &str) -> Result<Profile, String> {
    match text {
        "standard" => Ok(Profile::Standard),
        "packages" => Ok(Profile::Packages),
        "browser" => Ok(Profile::Browser),
        _ => Err("the profiles are standard, packages and browser".to_owned()),
    }
}

fn parse_layer(text: &str) -> Result<Layer, String> {
    const LAYERS: [Layer; 11] = [
        Layer::UserNamespace,
        Layer::Namespaces,
        Layer::Network,
        Layer::Filesystem,
        Layer::Cgroup,
        Layer::Memory,
        Layer::Pids,
        Layer::Cpu,
        Layer::Landlock,
        Layer::Seccomp,
        Layer::Capabilities,
    ];
    LAYERS.into_iter().find(|layer| lower(layer) == text).ok_or_else(|| {
        let names: Vec<String> = LAYERS.iter().map(lower).collect();
        format!("the layers are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_read() {
        let mount = |host: &str, guest: &str, read_only| Ok(Mount { host: host.into(), guest: guest.into(), read_only });
        for (text, expected) in [
            ("/a:/b", mount("/a", "/b", false)),
            ("./src:/home/agent/src:ro", mount("./src", "/home/agent/src", true)),
            ("/a:b:/c", mount("/a:b", "/c", false)),
        ] {
            assert_eq!(parse_mount(text), expected, "{text}");
        }
        for bad in ["", "/a", "/a:b", ":/b", "/a:ro", "/a:/b:rw:x"] {
            assert!(parse_mount(bad).is_err() || bad == "/a:/b:rw:x", "{bad}");
        }
    }

    #[test]
    fn layers_have_the_names_of_the_wire() {
        assert_eq!(parse_layer("user-namespace"), Ok(Layer::UserNamespace));
        assert_eq!(parse_layer("landlock"), Ok(Layer::Landlock));
        assert!(parse_layer("Landlock").unwrap_err().contains("seccomp"));
    }
}
