//! `aether memory`

use std::io::Write as _;

use aether_protocol::{Memory, MemoryLayer, MindInfo, NewMemory};
use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use serde_json::{json, value::RawValue};

use super::{Context, control::Tally};
use crate::{
    client::{agents::uri, encode},
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
    },
    terminal,
};

/// See and change what agents remember
///
/// Examples:
///   aether memory ls builder
///   aether memory ls builder "how are releases made"
///   aether memory add builder "Releases are made on Fridays" --layer procedural --importance 0.9
///   aether memory forget builder 12
///   aether memory minds
///
/// An agent has a memory of its own, which goes with it. Started with --memory NAME it uses that one, which your other agents
/// with the same name share and which stays. What is not used fades by a hundredth a day.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, name = "memory")]
pub(crate) struct MemoryVerb {
    #[command(subcommand)]
    verb: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show what an agent remembers, the most fitting first
    Ls {
        /// Agent
        #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
        agent: String,
        /// Words to look for; the weightiest memories without any
        #[arg(value_name = "WORDS")]
        query: Option<String>,
        /// Only of this layer: episodic, semantic, procedural or social
        #[arg(long, value_name = "LAYER", value_parser = parse_layer)]
        layer: Option<MemoryLayer>,
        /// Only with this tag
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Have an agent remember something
    Add {
        /// Agent
        #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
        agent: String,
        /// What
        #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        content: String,
        /// episodic, semantic, procedural or social
        #[arg(long, value_name = "LAYER", value_parser = parse_layer, default_value = "semantic")]
        layer: MemoryLayer,
        /// A word to find it by
        #[arg(long = "tag", value_name = "TAG")]
        tags: Vec<String>,
        /// Weight, 0 to 1
        #[arg(long, value_name = "N")]
        importance: Option<f64>,
    },
    /// Have an agent forget memories
    Forget {
        /// Agent
        #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
        agent: String,
        /// Memories, by the numbers that ls shows
        #[arg(value_name = "ID", required = true)]
        memories: Vec<u64>,
    },
    /// Give another agent of the same owner a copy of a memory
    Share {
        /// Agent
        #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
        agent: String,
        /// The memory
        #[arg(value_name = "ID")]
        memory: u64,
        /// The other agent
        #[arg(value_name = "B", value_parser = NonEmptyStringValueParser::new())]
        to: String,
    },
    /// List the memories that there are: named ones, and those of single agents
    Minds,
}

impl MemoryVerb {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        match self.verb {
            What::Ls { agent, query, layer, tags, limit } => {
                let mut at = uri(&agent, &format!("/memory?limit={limit}"));
                for (name, value) in [("q", query.as_deref()), ("layer", layer.map(MemoryLayer::name))] {
                    at.extend(value.map(|value| format!("&{name}={}", encode(value))));
                }
                if !tags.is_empty() {
                    at.push_str(&format!("&tags={}", encode(&tags.join(","))));
                }
                list(context, &at).await
            }
            What::Add { agent, content, layer, tags, importance } => {
                let new = NewMemory { layer, content, tags, importance, expires_in_seconds: None };
                new.check().map_err(|error| Failure::usage(error.message, error.hint))?;
                kept(context, &uri(&agent, "/memory"), &new).await
            }
            What::Forget { agent, memories } => {
                let mut tally = Tally::default();
                for memory in memories {
                    let outcome = context.client.delete(&uri(&agent, &format!("/memory/{memory}"))).await;
                    tally.count(context, &memory.to_string(), outcome)?;
                }
                tally.finish()
            }
            What::Share { agent, memory, to } => {
                kept(context, &uri(&agent, &format!("/memory/{memory}/share")), &json!({ "to": to })).await
            }
            What::Minds => minds(context).await,
        }
    }
}

/// Prints the number of the memory that was kept.
async fn kept(context: &Context, at: &str, body: &impl serde::Serialize) -> Result<u8, Failure> {
    let answer = context.client.post(at, body).await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        writeln!(out, "{}", answer.raw()?)?;
    } else {
        writeln!(out, "{}", answer.data::<Memory>()?.id)?;
    }
    Ok(0)
}

async fn list(context: &Context, at: &str) -> Result<u8, Failure> {
    let answer = context.client.get(at).await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        for raw in answer.data::<Vec<Box<RawValue>>>()? {
            writeln!(out, "{}", raw.get())?;
        }
        return Ok(0);
    }
    let mut table = Table::new(&[">ID", "LAYER", ">WEIGHT", "TAGS", "MEMORY"]);
    for memory in answer.data::<Vec<Memory>>()? {
        table.row(vec![
            Cell::new(Tone::Strong, memory.id.to_string()),
            memory.layer.name().into(),
            format!("{:.2}", memory.strength).into(),
            Cell::new(Tone::Faint, one_line(&memory.tags.join(","))),
            one_line(&memory.content).into(),
        ]);
    }
    write!(out, "{}", table.render(Style::stdout(), terminal::output_columns()))?;
    Ok(0)
}

async fn minds(context: &Context) -> Result<u8, Failure> {
    let answer = context.client.get("/api/v1/minds").await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        for raw in answer.data::<Vec<Box<RawValue>>>()? {
            writeln!(out, "{}", raw.get())?;
        }
        return Ok(0);
    }
    let mut table = Table::new(&["MEMORY", "OWNER", ">EPISODIC", ">SEMANTIC", ">PROCEDURAL", ">SOCIAL"]);
    for mind in answer.data::<Vec<MindInfo>>()? {
        let of = match (&mind.name, &mind.agent) {
            (Some(name), _) => Cell::new(Tone::Strong, name.as_str()),
            (None, Some(agent)) => Cell::from(format!("agent {agent}")),
            (None, None) => Cell::from("-"),
        };
        let held = |layer: MemoryLayer| Cell::from(mind.held.get(layer.name()).copied().unwrap_or(0).to_string());
        let mut row = vec![of, one_line(&mind.owner).into()];
        row.extend(MemoryLayer::ALL.map(held));
        table.row(row);
    }
    write!(out, "{}", table.render(Style::stdout(), terminal::output_columns()))?;
    Ok(0)
}

fn parse_layer(text: &str) -> Result<MemoryLayer, String> {
    let found = MemoryLayer::ALL.into_iter().find(|layer| layer.name() == text);
    found.ok_or_else(|| "the layers are episodic, semantic, procedural and social".to_owned())
}
