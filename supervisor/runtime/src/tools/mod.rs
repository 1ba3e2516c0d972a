//! What the built-in agent can do: one file each.

mod complete;
mod cp;
mod list_files;
mod mkdir;
mod mv;
mod read_file;
mod rm;
mod run_command;
mod stat;
mod think;
mod write_file;

use aether_llm::ToolSpec;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{CallOutcome, Goal, Hands, HandsError, text};

pub(crate) use complete::ending;

/// What a tool does to the world: decides whether a call of unknown outcome may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing; making it again is harmless.
    None,
    /// Changes something.
    Changes,
}

/// Where a call happens.
pub(crate) struct Site<'a> {
    pub(crate) hands: &'a dyn Hands,
    pub(crate) goal: &'a Goal,
    pub(crate) step: u32,
    pub(crate) position: u32,
}

impl Site<'_> {
    /// Absolute path: `~` is the home, relative ones start in the working directory.
    fn path(&self, path: &str) -> String {
        match path.strip_prefix('~') {
            Some("") => self.goal.home.clone(),
            Some(rest) if rest.starts_with('/') => format!("{}{rest}", self.goal.home),
            _ if path.starts_with('/') => path.to_owned(),
            _ if path.is_empty() || path == "." => self.goal.workdir.clone(),
            _ => format!("{}/{}", self.goal.workdir.trim_end_matches('/'), path.trim_start_matches("./")),
        }
    }
}

/// A tool with the type of its arguments.
#[async_trait]
trait Tool: Send + Sync {
    type Args: DeserializeOwned + JsonSchema + Send;
    const NAME: &'static str;
    const DESCRIPTION: &'static str;
    const EFFECT: Effect;
    async fn run(args: Self::Args, site: &Site<'_>) -> Result<CallOutcome, HandsError>;
}

#[async_trait]
trait AnyTool: Send + Sync {
    fn name(&self) -> &'static str;
    fn effect(&self) -> Effect;
    fn spec(&self) -> ToolSpec;
    async fn call(&self, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError>;
}

struct Entry<T>(std::marker::PhantomData<fn() -> T>);

#[async_trait]
impl<T: Tool> AnyTool for Entry<T> {
    fn name(&self) -> &'static str {
        T::NAME
    }

    fn effect(&self) -> Effect {
        T::EFFECT
    }

    fn spec(&self) -> ToolSpec {
        let mut parameters = schemars::schema_for!(T::Args).to_value();
        if let Some(object) = parameters.as_object_mut() {
            object.remove("$schema");
            object.remove("title");
        }
        ToolSpec { name: T::NAME.into(), description: T::DESCRIPTION.into(), parameters }
    }

    async fn call(&self, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        match parse::<T::Args>(args) {
            Ok(args) => T::run(args, site).await,
            Err(problem) => {
                let schema = self.spec().parameters;
                Ok(failed(format!("wrong arguments for {}: {problem}. The arguments are: {schema}", T::NAME)))
            }
        }
    }
}

fn entry<T: Tool + 'static>() -> &'static dyn AnyTool {
    &Entry::<T>(std::marker::PhantomData)
}

fn table() -> [&'static dyn AnyTool; 11] {
    [
        entry::<read_file::ReadFile>(),
        entry::<write_file::WriteFile>(),
        entry::<list_files::ListFiles>(),
        entry::<mkdir::Mkdir>(),
        entry::<rm::Rm>(),
        entry::<stat::Stat>(),
        entry::<mv::Mv>(),
        entry::<cp::Cp>(),
        entry::<run_command::RunCommandTool>(),
        entry::<think::Think>(),
        entry::<complete::Complete>(),
    ]
}

/// The tools as a model is told about them.
pub fn specs() -> Vec<ToolSpec> {
    table().iter().map(|tool| tool.spec()).collect()
}

/// The name of the tool that `name` stands for; models like other names for some.
pub(crate) fn canonical(name: &str) -> &str {
    match name {
        "finish" | "done" | "end" | "exit" => "complete",
        "bash" | "shell" | "exec" => "run_command",
        other => other,
    }
}

pub(crate) fn effect(name: &str) -> Effect {
    find(name).map_or(Effect::None, AnyTool::effect)
}

/// Makes a call. What the agent did wrong is an outcome; only a lost sandbox is an error.
pub(crate) async fn call(name: &str, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
    let Some(tool) = find(name) else {
        let names: Vec<_> = table().iter().map(|t| t.name()).collect();
        return Ok(failed(format!("there is no tool {name:?}; the tools are {}", names.join(", "))));
    };
    match tool.call(args, site).await {
        Err(HandsError::Refused(why)) => Ok(failed(text::ends(&why, text::OBSERVATION, ""))),
        other => other,
    }
}

fn find(name: &str) -> Option<&'static dyn AnyTool> {
    let name = canonical(name);
    table().into_iter().find(|tool| tool.name() == name)
}

fn parse<T: DeserializeOwned>(args: &Value) -> Result<T, String> {
    match args {
        Value::String(text) => Err(format!("{:?} is not a JSON object", text::one_line(text, 120))),
        Value::Null => serde_json::from_value(Value::Object(serde_json::Map::new())).map_err(|e| e.to_string()),
        other => T::deserialize(other).map_err(|e| e.to_string()),
    }
}

fn done(text: impl Into<String>) -> CallOutcome {
    CallOutcome { ok: true, text: text.into() }
}

fn failed(text: impl Into<String>) -> CallOutcome {
    CallOutcome { ok: false, text: text.into() }
}
