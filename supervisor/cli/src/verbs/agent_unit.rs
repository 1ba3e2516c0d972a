//! `aether agent-unit`: what a unit of the service manager runs for an agent declared in a file.

use std::{fs, path::PathBuf, time::Duration};

use aether_protocol::{AgentInfo, AgentSpec, AgentState, Program, declared};
use clap::{Args, Subcommand};
use sd_notify::NotifyState;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::Instant,
};

use super::Context;
use crate::{
    client::{
        Client,
        again::{self, RETRY},
    },
    failure::Failure,
    session::{
        goal::{Form, follow},
        relay::Relay,
    },
};

/// Says inside and in the record that the agent is declared, and by which file.
const MARK: &str = "AETHER_DECLARED";
/// How long the supervisor may be away: the time of an upgrade, and of a slow start of the host.
const ABSENCE: Duration = Duration::from_secs(120);
/// Between two looks at the agent for the line that `systemctl status` shows.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Run a declared agent under the service manager (for aether-agent@.service).
#[derive(Debug, Args)]
pub(crate) struct AgentUnit {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Start the agent or take over the one that lives, print what it prints, and end as it ends.
    Run(RunUnit),
}

#[derive(Debug, Args)]
struct RunUnit {
    /// Directory of the declarations
    #[arg(long, value_name = "DIR", default_value = "/etc/aether/agents.d")]
    dir: PathBuf,
    /// The agent: DIR/NAME.toml
    #[arg(value_name = "NAME")]
    name: String,
}

impl AgentUnit {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        context.no_json("agent-unit")?;
        let What::Run(unit) = self.what;
        let spec = unit.read()?;
        let mut stop =
            signal(SignalKind::terminate()).map_err(|error| Failure::local(format!("cannot catch signals: {error}"), ""))?;
        let client = &context.client;
        let (agent, relay) = tokio::select! {
            begun = begin(client, &unit.name, &spec) => begun?,
            _ = stop.recv() => return Ok(0),
        };
        tell(&[NotifyState::Ready, NotifyState::Status(&status(&agent))]);
        let id = agent.id.as_str();
        let mut ends = std::pin::pin!(to_the_end(client, &agent, relay));
        loop {
            tokio::select! {
                status = &mut ends => return status,
                _ = stop.recv() => break,
                () = tokio::time::sleep(STATUS_EVERY) => {
                    if let Ok(agent) = client.agent(id).await {
                        tell(&[NotifyState::Status(&status(&agent))]);
                    }
                }
            }
        }
        tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
        // What it prints while it ends belongs to its log as well.
        let (stopped, _) = tokio::join!(patiently(|| client.stop(id, None)), ends);
        stopped.map(|_| 0)
    }
}

impl RunUnit {
    fn read(&self) -> Result<AgentSpec, Failure> {
        let path = self.dir.join(format!("{}.toml", self.name));
        let text = fs::read_to_string(&path).map_err(|error| Failure::file("read", &path, &error))?;
        let mut spec = declared::parse(&self.name, &text)
            .map_err(|refusal| Failure::usage(format!("{}{refusal}", path.display()), refusal.fix.clone()))?;
        spec.env.insert(MARK.to_owned(), self.name.clone());
        Ok(spec)
    }
}

/// Starts the agent, or takes over the one of this declaration that lives.
async fn begin(client: &Client, name: &str, spec: &AgentSpec) -> Result<(AgentInfo, Relay), Failure> {
    if let Some(found) = patiently(|| find(client, name)).await? {
        if found.spec.env.get(MARK).is_none_or(|mark| mark != name) {
            let cause = format!("an agent {name} exists that no declaration started");
            return Err(Failure::local(cause, format!("remove it (aether rm -f {name}), or give the declaration another name")));
        }
        let id = found.id.as_str();
        if found.state != AgentState::Dead {
            if found.spec == *spec {
                let relay = Relay::from_now(client, id).await?;
                return Ok((found, relay));
            }
            patiently(|| client.stop(id, None)).await?;
        }
        // Its record has the name that the new one needs; how it ended was said by the unit that ran it.
        patiently(|| client.remove(id)).await?;
    }
    let key = again::key()?;
    let agent: AgentInfo = patiently(|| client.deploy(spec, Vec::new(), &key)).await?.data()?;
    Ok((agent, Relay::from_start()))
}

async fn find(client: &Client, name: &str) -> Result<Option<AgentInfo>, Failure> {
    for raw in client.agents(true).await? {
        if let Ok(agent) = serde_json::from_str::<AgentInfo>(raw.get())
            && agent.name.as_str() == name
        {
            return Ok(Some(agent));
        }
    }
    Ok(None)
}

/// Prints what it prints, and gives its exit status.
async fn to_the_end(client: &Client, agent: &AgentInfo, mut relay: Relay) -> Result<u8, Failure> {
    let id = agent.id.as_str();
    if let Program::Goal(_) = agent.spec.program {
        return follow(client, id, 0, Form::Lines).await;
    }
    let mut deadline = Instant::now() + ABSENCE;
    loop {
        match relay.run(client, id).await {
            Ok(()) => {}
            Err(failure @ Failure::Unreachable { .. }) if Instant::now() >= deadline => return Err(failure),
            Err(Failure::Unreachable { .. }) => {
                tokio::time::sleep(RETRY).await;
                continue;
            }
            Err(other) => return Err(other),
        }
        // The stream also ends when the supervisor goes; the agent goes on, and the next supervisor has its output.
        let exit = patiently(|| async { client.agent(id).await.map(|agent| (agent.state, agent.exit)) }).await?;
        if let (AgentState::Dead, exit) = exit {
            return Ok(exit.map_or(1, |exit| exit.code));
        }
        deadline = Instant::now() + ABSENCE;
        tokio::time::sleep(RETRY).await;
    }
}

/// Tries again while the supervisor is away.
async fn patiently<T, F: Future<Output = Result<T, Failure>>>(call: impl Fn() -> F) -> Result<T, Failure> {
    let deadline = Instant::now() + ABSENCE;
    loop {
        match call().await {
            Err(Failure::Unreachable { .. }) if Instant::now() < deadline => tokio::time::sleep(RETRY).await,
            outcome => return outcome,
        }
    }
}

fn status(agent: &AgentInfo) -> String {
    let state = format!("{:?}", agent.state).to_lowercase();
    match (agent.queue_position, agent.pid, agent.max_steps) {
        (Some(place), _, _) => format!("{state}, place {place}"),
        (_, Some(pid), Some(most)) => format!("{state}, step {} of {most}, init {pid}", agent.step),
        (_, Some(pid), None) => format!("{state}, init {pid}"),
        _ => state,
    }
}

/// Tells the service manager; started by hand, there is none.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
