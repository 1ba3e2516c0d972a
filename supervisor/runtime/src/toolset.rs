//! Tools that live in rooms of their own: memory, plans, messages, the web.

use std::sync::Arc;

use aether_llm::ToolSpec;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{CallOutcome, Goal, Hands, HandsError, text};

/// What a tool does to the world: decides whether a call of unknown outcome may be made again, and which calls run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing; making it again is harmless.
    None,
    /// Changes something.
    Changes,
    /// Changes something, and finds it done when the same call (step and position) is made again: its outcome is never unknown.
    Once,
}

/// A tool that a model may be told about. Cheap to copy: every step of every agent has a list of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Offered {
    /// Name, description and schema.
    pub spec: Arc<ToolSpec>,
    /// What it does to the world.
    pub effect: Effect,
}

impl Offered {
    /// A tool whose arguments are `A`: the schema follows from the type, and its comments are what the model reads.
    pub fn new<A: JsonSchema>(name: &str, description: &str, effect: Effect) -> Self {
        let mut parameters = schemars::schema_for!(A).to_value();
        if let Some(object) = parameters.as_object_mut() {
            object.remove("$schema");
            object.remove("title");
        }
        Self { spec: Arc::new(ToolSpec { name: name.into(), description: description.into(), parameters }), effect }
    }
}

/// Reads the arguments of a call.
///
/// # Errors
/// The answer for the model: what was wrong, and the right shape.
pub fn arguments<A: DeserializeOwned + JsonSchema>(tool: &str, args: &Value) -> Result<A, CallOutcome> {
    parse::<A>(args).map_err(|problem| {
        let offered = Offered::new::<A>(tool, "", Effect::None);
        let schema = &offered.spec.parameters;
        CallOutcome::failed(format!("wrong arguments for {tool}: {problem}. The arguments are: {schema}"))
    })
}

pub(crate) fn parse<A: DeserializeOwned>(args: &Value) -> Result<A, String> {
    match args {
        Value::String(text) => Err(format!("{:?} is not a JSON object", text::one_line(text, 120))),
        Value::Null => serde_json::from_value(Value::Object(serde_json::Map::new())).map_err(|e| e.to_string()),
        other => A::deserialize(other).map_err(|e| e.to_string()),
    }
}

/// Where a call happens.
#[derive(Clone, Copy)]
pub struct Site<'a> {
    /// Effects inside the sandbox.
    pub hands: &'a dyn Hands,
    /// What the agent is for.
    pub goal: &'a Goal,
    /// Number of the step, from 1.
    pub step: u32,
    /// Place of the call within its step, from 0.
    pub position: u32,
    /// Where text from outside came from that the model has read before this call.
    pub taint: &'a [String],
}

impl Site<'_> {
    /// Absolute path: `~` is the home, relative ones start in the working directory.
    pub fn path(&self, path: &str) -> String {
        match path.strip_prefix('~') {
            Some("") => self.goal.home.clone(),
            Some(rest) if rest.starts_with('/') => format!("{}{rest}", self.goal.home),
            _ if path.starts_with('/') => path.to_owned(),
            _ if path.is_empty() || path == "." => self.goal.workdir.clone(),
            _ => format!("{}/{}", self.goal.workdir.trim_end_matches('/'), path.trim_start_matches("./")),
        }
    }
}

/// Tools beside the built-in ones. A name that is taken is not offered a second time: the built-in tools come first, then the
/// toolsets in their order.
#[async_trait]
pub trait Toolset: Send + Sync {
    /// Its tools, asked before every step.
    fn offered(&self) -> Vec<Offered>;

    /// Makes a call of one of its tools. What the agent did wrong is an outcome.
    ///
    /// # Errors
    /// [`HandsError::Refused`] becomes a failed outcome; [`HandsError::Lost`] interrupts the loop, which then knows of no outcome.
    async fn call(&self, tool: &str, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError>;

    /// What the model must have before its eyes at `step`, whatever of the past is summed up: a plan, what is remembered. It stands
    /// right after the goal in every request.
    async fn pinned(&self, step: u32) -> Option<String> {
        let _ = step;
        None
    }
}
