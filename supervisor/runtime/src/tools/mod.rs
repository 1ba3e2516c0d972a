//! What the built-in agent can do: one file each.

mod complete;
mod cp;
mod keep;
mod list_files;
mod mkdir;
mod mv;
mod read_file;
mod rm;
mod run_command;
mod stat;
mod think;
mod write_file;

use std::sync::{Arc, LazyLock};

use aether_llm::ToolSpec;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{CallOutcome, HandsError, Offered, toolset};

pub use complete::on_record;
use {
    crate::toolset::{Effect, Site, parse},
    complete::Complete,
};
pub(crate) use {complete::ending, keep::keep};

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
    fn offered(&self) -> Offered;
    async fn call(&self, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError>;
}

struct Entry<T>(std::marker::PhantomData<fn() -> T>);

#[async_trait]
impl<T: Tool> AnyTool for Entry<T> {
    fn offered(&self) -> Offered {
        Offered::new::<T::Args>(T::NAME, T::DESCRIPTION, T::EFFECT)
    }

    async fn call(&self, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        match toolset::arguments::<T::Args>(T::NAME, args) {
            Ok(args) => T::run(args, site).await,
            Err(wrong) => Ok(wrong),
        }
    }
}

/// A built-in tool.
pub(crate) struct BuiltIn {
    pub(crate) offered: Offered,
    tool: Box<dyn AnyTool>,
}

impl BuiltIn {
    fn new<T: Tool + 'static>() -> Self {
        let tool = Box::new(Entry::<T>(std::marker::PhantomData));
        Self { offered: tool.offered(), tool }
    }

    pub(crate) async fn call(&self, args: &Value, site: &Site<'_>) -> Result<CallOutcome, HandsError> {
        self.tool.call(args, site).await
    }
}

static TABLE: LazyLock<Vec<BuiltIn>> = LazyLock::new(|| {
    vec![
        BuiltIn::new::<read_file::ReadFile>(),
        BuiltIn::new::<write_file::WriteFile>(),
        BuiltIn::new::<list_files::ListFiles>(),
        BuiltIn::new::<mkdir::Mkdir>(),
        BuiltIn::new::<rm::Rm>(),
        BuiltIn::new::<stat::Stat>(),
        BuiltIn::new::<mv::Mv>(),
        BuiltIn::new::<cp::Cp>(),
        BuiltIn::new::<run_command::RunCommandTool>(),
        BuiltIn::new::<think::Think>(),
        BuiltIn::new::<Complete>(),
    ]
});

/// The built-in tools, in the order in which models are told of them.
pub(crate) fn table() -> &'static [BuiltIn] {
    &TABLE
}

/// The built-in tools as a model is told about them.
pub fn specs() -> Vec<Arc<ToolSpec>> {
    table().iter().map(|tool| tool.offered.spec.clone()).collect()
}

/// The name of the tool that ends the work: no list of tools can leave it out.
pub const COMPLETE: &str = Complete::NAME;

/// The name of the tool that `name` stands for; models like other names for some.
pub fn canonical(name: &str) -> &str {
    match name {
        "finish" | "done" | "end" | "exit" => COMPLETE,
        "search" | "web_search" | "web_fetch" | "fetch" => "browse_web",
        "bash" | "shell" | "exec" => run_command::RunCommandTool::NAME,
        other => other,
    }
}

fn done(text: impl Into<String>) -> CallOutcome {
    CallOutcome::done(text)
}

fn failed(text: impl Into<String>) -> CallOutcome {
    CallOutcome::failed(text)
}
