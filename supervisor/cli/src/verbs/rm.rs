//! `aether rm`

use clap::Args;

use super::{
    Context,
    control::{Tally, Targets},
};
use crate::{client::agents::uri, failure::Failure};

/// Remove ended agents: their homes, output and history.
#[derive(Debug, Args)]
pub(crate) struct Rm {
    /// End them first when they still live
    #[arg(short = 'f', long)]
    force: bool,
    #[command(flatten)]
    targets: Targets,
}

impl Rm {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let mut tally = Tally::default();
        for agent in &self.targets.agents {
            let outcome = context.client.delete(&uri(agent, &format!("?force={}", self.force))).await;
            tally.count(context, agent, outcome)?;
        }
        tally.finish()
    }
}
