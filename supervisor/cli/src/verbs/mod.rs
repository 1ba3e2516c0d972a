//! One file per verb; its doc comment is its help.

mod agent_unit;
mod approvals;
mod attach;
mod audit;
mod backup;
mod budget;
mod completion;
mod control;
mod cp;
mod doctor;
mod events;
mod exec;
mod forward;
mod goal_args;
mod inspect;
mod logs;
mod ls;
mod man;
mod memory;
mod model_args;
mod models;
mod network;
mod network_args;
mod plan;
mod port;
mod profile;
mod ps;
mod rate;
mod restore;
mod rm;
mod run;
mod secret;
mod secret_args;
mod signal;
mod signin;
mod stats;
mod steer;
mod stop;
mod templates;
mod verify_report;
mod version;

use std::time::Duration;

use clap::Subcommand;

use crate::{args::Cli, client::Client, failure::Failure};

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Run(Box<run::Run>),
    Ps(ps::Ps),
    Inspect(inspect::Inspect),
    Logs(logs::Logs),
    Events(events::Events),
    Stats(stats::Stats),
    Exec(exec::Exec),
    Attach(attach::Attach),
    Stop(stop::Stop),
    Kill(control::Kill),
    Pause(control::Pause),
    Resume(control::Resume),
    Steer(steer::Steer),
    Rm(rm::Rm),
    Signal(signal::Signal),
    Cp(cp::Cp),
    Ls(ls::Ls),
    Network(network::Network),
    Port(port::Port),
    Forward(forward::Forward),
    Approvals(approvals::Approvals),
    Budget(budget::BudgetVerb),
    Secret(secret::Secret),
    Templates(templates::Templates),
    Plan(plan::PlanVerb),
    Memory(memory::MemoryVerb),
    Profile(profile::Profile),
    Rate(rate::Rate),
    Models(models::Models),
    Doctor(doctor::Doctor),
    Audit(audit::Audit),
    Backup(backup::Backup),
    Restore(restore::Restore),
    #[command(hide = true)]
    AgentUnit(agent_unit::AgentUnit),
    VerifyReport(verify_report::VerifyReport),
    #[command(name = "signin")]
    SignIn(signin::SignIn),
    Version(version::Version),
    Completion(completion::Completion),
    #[command(hide = true)]
    Man(man::Man),
}

/// What every verb has at hand.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) json: bool,
}

impl Context {
    /// Refuses `--json` where there is no object to print.
    pub(crate) fn no_json(&self, verb: &str) -> Result<(), Failure> {
        if self.json {
            return Err(Failure::usage(format!("--json has no meaning for {verb}"), "leave it out"));
        }
        Ok(())
    }
}

/// Runs the verb and returns the exit status.
pub(crate) async fn run(cli: Cli) -> Result<u8, Failure> {
    let context = Context { client: Client::new(cli.socket, Duration::from_secs(cli.patience.into())), json: cli.json };
    match cli.verb {
        Verb::Run(verb) => verb.run(&context).await,
        Verb::Ps(verb) => verb.run(&context).await,
        Verb::Inspect(verb) => verb.run(&context).await,
        Verb::Logs(verb) => verb.run(&context).await,
        Verb::Events(verb) => verb.run(&context).await,
        Verb::Stats(verb) => verb.run(&context).await,
        Verb::Exec(verb) => verb.run(&context).await,
        Verb::Attach(verb) => verb.run(&context).await,
        Verb::Stop(verb) => verb.run(&context).await,
        Verb::Kill(verb) => verb.run(&context).await,
        Verb::Pause(verb) => verb.run(&context).await,
        Verb::Resume(verb) => verb.run(&context).await,
        Verb::Steer(verb) => verb.run(&context).await,
        Verb::Rm(verb) => verb.run(&context).await,
        Verb::Signal(verb) => verb.run(&context).await,
        Verb::Cp(verb) => verb.run(&context).await,
        Verb::Ls(verb) => verb.run(&context).await,
        Verb::SignIn(verb) => verb.run(&context).await,
        Verb::Network(verb) => verb.run(&context).await,
        Verb::Port(verb) => verb.run(&context).await,
        Verb::Forward(verb) => verb.run(&context).await,
        Verb::Approvals(verb) => verb.run(&context).await,
        Verb::Budget(verb) => verb.run(&context).await,
        Verb::Secret(verb) => verb.run(&context).await,
        Verb::Templates(verb) => verb.run(&context).await,
        Verb::Plan(verb) => verb.run(&context).await,
        Verb::Memory(verb) => verb.run(&context).await,
        Verb::Profile(verb) => verb.run(&context).await,
        Verb::Rate(verb) => verb.run(&context).await,
        Verb::Models(verb) => verb.run(&context).await,
        Verb::Doctor(verb) => verb.run(&context).await,
        Verb::Audit(verb) => verb.run(&context).await,
        Verb::Backup(verb) => verb.run(&context).await,
        Verb::Restore(verb) => verb.run(&context),
        Verb::AgentUnit(verb) => verb.run(&context).await,
        Verb::VerifyReport(verb) => verb.run(&context),
        Verb::Version(verb) => verb.run(&context).await,
        Verb::Completion(verb) => verb.run(&context),
        Verb::Man(verb) => verb.run(&context),
    }
}

/// `K=V` of `--env`.
fn parse_env(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("an environment variable is given as NAME=VALUE".to_owned()),
    }
}
