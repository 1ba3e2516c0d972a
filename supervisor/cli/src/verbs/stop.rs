//! `aether stop`

use clap::Args;

use super::{
    Context,
    control::{Tally, Targets},
};
use crate::failure::Failure;

/// Ask agents to end (SIGTERM), and end them after a grace time.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    /// Grace time (10 when absent)
    #[arg(long, value_name = "SECONDS")]
    grace: Option<u32>,
    #[command(flatten)]
    targets: Targets,
}

impl Stop {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let mut tally = Tally::default();
        for agent in &self.targets.agents {
            let outcome = context.client.stop(agent, self.grace).await;
            tally.count(context, agent, outcome)?;
        }
        tally.finish()
    }
}
