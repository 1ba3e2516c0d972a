//! `aether templates`

use std::io::Write as _;

use aether_protocol::Template;
use clap::{Args, builder::NonEmptyStringValueParser};
use serde_json::value::RawValue;

use super::Context;
use crate::{
    client::encode,
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
    },
    terminal,
};

/// List the templates of agents, or show one
///
/// Examples:
///   aether templates
///   aether templates code-developer
///   aether run --template code-developer --mount ./src:/home/agent/project "make the failing test pass"
///
/// A template says what the agent is told and which tools it has. It grants nothing: network, directories and limits are yours
/// to give. Own ones are files templates.d/NAME.toml beside the service's configuration.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Templates {
    /// Template
    #[arg(value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
}

impl Templates {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        match self.name {
            Some(name) => show(context, &name).await,
            None => list(context).await,
        }
    }
}

async fn list(context: &Context) -> Result<u8, Failure> {
    let answer = context.client.get("/api/v1/templates").await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        for raw in answer.data::<Vec<Box<RawValue>>>()? {
            writeln!(out, "{}", raw.get())?;
        }
        return Ok(0);
    }
    let mut table = Table::new(&["TEMPLATE", "CATEGORY", ">STEPS", "WHAT IT DOES"]);
    for template in answer.data::<Vec<Template>>()? {
        table.row(vec![
            Cell::new(Tone::Strong, one_line(&template.id)),
            one_line(&template.category).into(),
            template.max_steps.to_string().into(),
            one_line(&template.description).into(),
        ]);
    }
    write!(out, "{}", table.render(Style::stdout(), terminal::output_columns()))?;
    Ok(0)
}

async fn show(context: &Context, name: &str) -> Result<u8, Failure> {
    let answer = context.client.get(&format!("/api/v1/templates/{}", encode(name))).await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        writeln!(out, "{}", answer.raw()?)?;
        return Ok(0);
    }
    let template: Template = answer.data()?;
    writeln!(out, "{}", Style::stdout().paint(Tone::Strong, &one_line(&template.name)))?;
    writeln!(out, "{}\n", one_line(&template.description))?;
    writeln!(out, "role          {}", one_line(&template.role))?;
    writeln!(out, "instructions  {}", one_line(&template.instructions))?;
    writeln!(out, "tools         {}", one_line(&template.tools.join(", ")))?;
    writeln!(out, "steps         {}", template.max_steps)?;
    writeln!(out, "from          {}", one_line(&template.source))?;
    for goal in &template.goals {
        writeln!(out, "goal          {}", one_line(goal))?;
    }
    Ok(0)
}
