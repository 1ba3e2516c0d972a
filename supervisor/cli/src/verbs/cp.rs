//! `aether cp`

use clap::Args;

use super::Context;
use crate::{
    failure::Failure,
    transfer::{
        copy_in, copy_out,
        remote::{Files, Place},
    },
};

/// Copy files and whole directories into and out of an agent, also after its end
///
/// Examples:
///   aether cp builder:report.md .
///   aether cp ./src builder:Projects/
///   tar c . | aether cp - builder:backup.tar
///
/// Paths inside begin at the agent's home unless they begin with /.
/// "-" is standard input or output. An existing directory takes the copy inside it.
/// Modes are kept (set-uid bits never); links stay links.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Cp {
    /// From: PATH here or A:PATH inside
    #[arg(value_name = "FROM", value_parser = Place::parse)]
    from: Place,
    /// To: A:PATH inside or PATH here
    #[arg(value_name = "TO", value_parser = Place::parse)]
    to: Place,
}

impl Cp {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        context.no_json("cp")?;
        match (&self.from, &self.to) {
            (Place::Agent { agent, path }, Place::Local(local)) => {
                copy_out(&Files::of(&context.client, agent).await?, path, local).await
            }
            (Place::Local(local), Place::Agent { agent, path }) => {
                copy_in(&context.client, &Files::of(&context.client, agent).await?, local, path).await
            }
            (Place::Local(_), Place::Local(_)) => {
                Err(Failure::usage("neither path names an agent", "write one of them as A:PATH, for example builder:report.md"))
            }
            (Place::Agent { .. }, Place::Agent { .. }) => {
                Err(Failure::usage("both paths are inside agents", "copy to this host first"))
            }
        }
    }
}
