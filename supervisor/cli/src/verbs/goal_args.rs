//! What `aether run` takes for the built-in agent.

use aether_protocol::{AgentName, GoalSpec};
use clap::{Args, builder::NonEmptyStringValueParser};

use crate::failure::Failure;

/// A goal, and how it is worked on.
#[derive(Debug, Args)]
pub(super) struct GoalArgs {
    /// What the built-in agent should do
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    goal: Option<String>,
    /// Start from this template (aether templates lists them); the goal may follow as it is
    #[arg(long, value_name = "NAME", conflicts_with = "command", value_parser = NonEmptyStringValueParser::new())]
    template: Option<String>,
    /// The memory it uses: yours of this name, kept when the agent is removed; one of its own otherwise
    #[arg(id = "mind", long = "use-memory", value_name = "NAME", conflicts_with = "command")]
    mind: Option<AgentName>,
    /// Its role, for example Coder
    #[arg(long, conflicts_with = "command")]
    role: Option<String>,
    /// Which model it asks
    #[arg(long, value_name = "PROVIDER/MODEL", conflicts_with = "command")]
    model: Option<String>,
    /// Stop after so many steps
    #[arg(long, value_name = "N", conflicts_with = "command", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_steps: Option<u32>,
    /// Give it only these tools, for example read_file,list_files
    #[arg(long, value_name = "TOOL,…", value_delimiter = ',', conflicts_with = "command", value_parser = NonEmptyStringValueParser::new())]
    tools: Option<Vec<String>>,
    /// Start it under this agent: it gets no more than that one has, a part of its budget, and ends with it
    #[arg(long, value_name = "AGENT", conflicts_with = "command", value_parser = NonEmptyStringValueParser::new())]
    pub(super) parent: Option<String>,
    /// It goes on when its parent ends
    #[arg(long, requires = "parent")]
    pub(super) outlive: bool,
    /// The goal, with a template
    #[arg(value_name = "GOAL", conflicts_with = "command", value_parser = NonEmptyStringValueParser::new())]
    words: Option<String>,
}

impl GoalArgs {
    /// A goal was given, one way or the other.
    pub(super) const fn is_some(&self) -> bool {
        self.goal.is_some() || self.words.is_some()
    }

    /// The goal; absent where a program runs.
    ///
    /// # Errors
    /// Words that belong to nothing.
    pub(super) fn spec(&self) -> Result<Option<GoalSpec>, Failure> {
        if let (Some(words), None) = (&self.words, &self.template) {
            let hint = format!("put -- before a program (aether run -- {words}), or give a goal with --goal or --template");
            return Err(Failure::usage(format!("unexpected argument {words:?}"), hint));
        }
        if self.goal.is_some() && self.words.is_some() {
            return Err(Failure::usage("there are two goals", "give it with --goal or as it is, not both"));
        }
        let Some(goal) = self.goal.as_ref().or(self.words.as_ref()) else { return Ok(None) };
        Ok(Some(GoalSpec {
            goal: goal.clone(),
            role: self.role.clone(),
            model: self.model.clone(),
            max_steps: self.max_steps,
            tools: self.tools.clone(),
            memory: self.mind.clone(),
            template: self.template.clone(),
            outside: None,
        }))
    }
}
