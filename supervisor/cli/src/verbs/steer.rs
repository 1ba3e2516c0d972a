//! `aether steer`

use std::io::Write as _;

use aether_protocol::{AgentInfo, Program};
use clap::{ArgGroup, Args, builder::NonEmptyStringValueParser};
use serde_json::json;

use super::Context;
use crate::{client::agents::uri, failure::Failure};

/// Change what a built-in agent works with, from its next step on
///
/// Examples:
///   aether steer builder --tools read_file,list_files
///   aether steer builder --all-tools
///   aether steer builder --model openai/gpt-5.2
///   aether steer builder --say "look into the tests first"
///   aether steer builder --more-steps
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, group = ArgGroup::new("what").required(true).multiple(true).args(["tools", "all_tools", "model", "say", "more_steps"]))]
pub(crate) struct Steer {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Leave it only these tools (and complete)
    #[arg(long, value_name = "TOOL,…", value_delimiter = ',', conflicts_with = "all_tools", value_parser = NonEmptyStringValueParser::new())]
    tools: Option<Vec<String>>,
    /// Give it every tool there is
    #[arg(long)]
    all_tools: bool,
    /// Which model it asks
    #[arg(long, value_name = "PROVIDER/MODEL", value_parser = NonEmptyStringValueParser::new())]
    model: Option<String>,
    /// Write to it: it reads the message before its next step
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    say: Option<String>,
    /// Let it go on past its step limit, by 25 steps
    #[arg(long)]
    more_steps: bool,
}

impl Steer {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let mut answer = None;
        if self.tools.is_some() || self.all_tools || self.model.is_some() {
            let body = json!({ "tools": self.tools, "allTools": self.all_tools, "model": self.model });
            answer = Some(context.client.post(&uri(&self.agent, "/steer"), &body).await?);
        }
        if let Some(say) = &self.say {
            answer = Some(context.client.post(&uri(&self.agent, "/message"), &json!({ "content": say })).await?);
        }
        if self.more_steps {
            answer = Some(context.client.post(&uri(&self.agent, "/continue"), &json!({})).await?);
        }
        let Some(answer) = answer else { return Ok(0) };
        let text = if context.json { answer.raw()?.to_owned() } else { state(&answer.data()?) };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(0)
    }
}

/// What it works with now, one line.
fn state(info: &AgentInfo) -> String {
    let tools = match &info.spec.program {
        Program::Goal(goal) => goal.tools.as_ref().map_or_else(|| "all".to_owned(), |tools| tools.join(", ")),
        Program::Command(_) => "none of ours".to_owned(),
    };
    let model = info.model.as_deref().unwrap_or("none");
    let steps = info.max_steps.map_or_else(String::new, |max| format!(", step {} of {max}", info.step));
    format!("{}: tools {tools}; model {model}{steps}", info.name)
}
