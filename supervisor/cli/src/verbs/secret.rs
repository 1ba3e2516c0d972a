//! `aether secret`

use std::io::{IsTerminal as _, Read as _, Write as _};

use aether_protocol::{
    Grant, GrantSpec, SecretInfo, SecretName, SecretPlace, SecretSet, Timestamp,
    secret::{BasicPlace, HeaderPlace, QueryPlace},
};
use clap::{ArgGroup, Args, Subcommand};
use serde_json::value::RawValue;

use super::{Context, control::Tally};
use crate::{
    client::encode,
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::one_line,
        units,
    },
    terminal::{self, Hidden},
};

/// Largest value read, bytes: one more than the service takes.
const MOST: u64 = (16 << 10) + 2;

/// Keep secrets outside of sandboxes, and lend their use to agents
///
/// Examples:
///   aether secret set OPENAI_API_KEY
///   pass show github | aether secret set GITHUB_TOKEN
///   aether secret grant GITHUB_TOKEN --agent builder --host api.github.com --path /repos/me --bearer
///   aether secret ls
///
/// A value is read from the terminal, or from standard input; never from the command line, where others could see it.
/// An agent sees a placeholder. The value is added on the way out, where a grant says so, and scrubbed from answers.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Secret {
    #[command(subcommand)]
    verb: SecretVerb,
}

#[derive(Debug, Subcommand)]
enum SecretVerb {
    /// Set a secret, or replace its value; its grants stay
    Set {
        /// Name, for example GITHUB_TOKEN
        #[arg(value_name = "NAME")]
        name: SecretName,
    },
    /// List secrets, who used them last, and their grants; values are never shown
    Ls,
    /// Remove secrets with their grants
    Rm {
        /// Names
        #[arg(value_name = "NAME", required = true)]
        names: Vec<SecretName>,
    },
    /// Have a secret added to an agent's requests to one host
    Grant(GrantArgs),
    /// Take grants back
    #[command(group = ArgGroup::new("which").required(true).multiple(true).args(["id", "agent"]))]
    Revoke {
        /// The secret
        #[arg(value_name = "NAME")]
        name: SecretName,
        /// The grant, by the number that ls shows
        #[arg(value_name = "GRANT", conflicts_with = "agent")]
        id: Option<u64>,
        /// Every grant of this agent
        #[arg(long, value_name = "A")]
        agent: Option<String>,
        /// Only those for this host
        #[arg(long, value_name = "HOST", requires = "agent")]
        host: Option<String>,
    },
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("place").required(true).args(["bearer", "header", "basic", "query"]))]
struct GrantArgs {
    /// The secret
    #[arg(value_name = "NAME")]
    name: SecretName,
    /// Whose requests
    #[arg(long, value_name = "A")]
    agent: String,
    /// To which host, exactly
    #[arg(long, value_name = "HOST")]
    host: String,
    /// Only with this method
    #[arg(long, value_name = "METHOD")]
    method: Option<String>,
    /// Only for paths below this one
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// As Authorization: Bearer VALUE
    #[arg(long)]
    bearer: bool,
    /// As a header of this name
    #[arg(long, value_name = "HEADER")]
    header: Option<String>,
    /// As the password of this user (Authorization: Basic)
    #[arg(long, value_name = "USER")]
    basic: Option<String>,
    /// As this parameter of the query
    #[arg(long, value_name = "PARAMETER")]
    query: Option<String>,
}

impl Secret {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        match self.verb {
            SecretVerb::Set { name } => set(context, name).await,
            SecretVerb::Ls => list(context).await,
            SecretVerb::Rm { names } => remove(context, &names).await,
            SecretVerb::Grant(args) => grant(context, args).await,
            SecretVerb::Revoke { name, id: Some(id), .. } => revoke(context, &name, &[id]).await,
            SecretVerb::Revoke { name, id: None, agent, host } => {
                let ids = grants_of(context, &name, agent.as_deref().unwrap_or_default(), host.as_deref()).await?;
                revoke(context, &name, &ids).await
            }
        }
    }
}

async fn set(context: &Context, name: SecretName) -> Result<u8, Failure> {
    let value = if std::io::stdin().is_terminal() {
        eprint!("Value of {name} (not shown): ");
        let hidden = Hidden::enter().map_err(|error| unread(&error))?;
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        drop(hidden);
        eprintln!();
        read.map_err(|error| unread(&error))?;
        line
    } else {
        let mut text = String::new();
        std::io::stdin().lock().take(MOST).read_to_string(&mut text).map_err(|error| unread(&error))?;
        text
    };
    // The line's end is the terminal's, or the tool's that printed the value.
    let value = value.strip_suffix('\n').map_or(value.as_str(), |line| line.strip_suffix('\r').unwrap_or(line)).to_owned();
    if value.is_empty() {
        return Err(Failure::usage(
            "there is no value",
            format!("type it, or send it on standard input: aether secret set {name} < FILE"),
        ));
    }
    let answer = context.client.post("/api/v1/secrets", &SecretSet { name: name.clone(), value }).await?;
    let info: SecretInfo = answer.data()?;
    let mut out = std::io::stdout().lock();
    if context.json {
        writeln!(out, "{}", answer.raw()?)?;
    } else {
        writeln!(out, "{} version {}", info.name, info.version)?;
    }
    Ok(0)
}

fn unread(error: &std::io::Error) -> Failure {
    Failure::local(format!("the value cannot be read: {error}"), "send it as UTF-8 text on standard input")
}

async fn list(context: &Context) -> Result<u8, Failure> {
    let answer = context.client.get("/api/v1/secrets").await?;
    let mut out = std::io::stdout().lock();
    if context.json {
        for raw in answer.data::<Vec<Box<RawValue>>>()? {
            writeln!(out, "{}", raw.get())?;
        }
        return Ok(0);
    }
    let mut table = Table::new(&["NAME", ">VERSION", "SET", ">USED", "LAST BY", ">GRANT", "AGENT", "MAY ASK", "AS"]);
    let now = Timestamp::now();
    for info in answer.data::<Vec<SecretInfo>>()? {
        let name = Cell::new(Tone::Strong, info.name.as_str());
        let (version, set) = (Cell::from(info.version.to_string()), Cell::new(Tone::Faint, info.updated_at.0.clone()));
        let (used, last) = (Cell::from(info.times_used.to_string()), last(&info, &now));
        let mut grants = info.grants.iter();
        table.row([vec![name, version, set, used, last], cells(grants.next())].into_iter().flatten().collect());
        for grant in grants {
            table.row([empty(), cells(Some(grant))].into_iter().flatten().collect());
        }
    }
    write!(out, "{}", table.render(Style::stdout(), terminal::output_columns()))?;
    Ok(0)
}

/// Who used a secret last, and how long ago.
fn last(info: &SecretInfo, now: &Timestamp) -> Cell {
    let Some(by) = info.used_by.first() else { return Cell::new(Tone::Faint, "nobody") };
    let ago = units::between(&by.last_at, now).map(|seconds| format!(", {} ago", units::span(seconds))).unwrap_or_default();
    Cell::new(Tone::Plain, one_line(&format!("{}{ago}", by.name)))
}

fn empty() -> Vec<Cell> {
    ["", "", "", "", ""].map(Cell::from).into()
}

fn cells(grant: Option<&Grant>) -> Vec<Cell> {
    let Some(grant) = grant else { return vec!["".into(), "".into(), Cell::new(Tone::Faint, "nobody"), "".into()] };
    let what = format!("{} {}{}", grant.method.as_deref().unwrap_or("any"), grant.host, grant.path.as_deref().unwrap_or("/"));
    vec![
        grant.id.to_string().into(),
        grant.agent.as_str().into(),
        one_line(&what).into(),
        Cell::new(Tone::Faint, one_line(&place(&grant.place))),
    ]
}

fn place(place: &SecretPlace) -> String {
    match place {
        SecretPlace::Bearer {} => "bearer".to_owned(),
        SecretPlace::Header(header) => format!("header {}", header.name),
        SecretPlace::Basic(basic) => format!("basic {}", basic.user),
        SecretPlace::Query(query) => format!("query {}", query.name),
    }
}

async fn remove(context: &Context, names: &[SecretName]) -> Result<u8, Failure> {
    let mut tally = Tally::default();
    for name in names {
        let outcome = context.client.delete(&format!("/api/v1/secrets/{}", encode(name.as_str()))).await;
        tally.count(context, name.as_str(), outcome)?;
    }
    tally.finish()
}

async fn grant(context: &Context, args: GrantArgs) -> Result<u8, Failure> {
    let GrantArgs { name, agent, host, method, path, header, basic, query, .. } = args;
    let place = match (header, basic, query) {
        (Some(name), _, _) => SecretPlace::Header(HeaderPlace { name }),
        (_, Some(user), _) => SecretPlace::Basic(BasicPlace { user }),
        (_, _, Some(name)) => SecretPlace::Query(QueryPlace { name }),
        _ => SecretPlace::Bearer {},
    };
    let spec = GrantSpec { agent, host, method, path, place };
    let answer = context.client.post(&format!("/api/v1/secrets/{}/grants", encode(name.as_str())), &spec).await?;
    let made: Grant = answer.data()?;
    let mut out = std::io::stdout().lock();
    if context.json {
        writeln!(out, "{}", answer.raw()?)?;
    } else {
        writeln!(out, "{}", made.id)?;
    }
    Ok(0)
}

/// Numbers of the grants of an agent.
async fn grants_of(context: &Context, name: &SecretName, agent: &str, host: Option<&str>) -> Result<Vec<u64>, Failure> {
    let agent = context.client.agent(agent).await?;
    let secrets: Vec<SecretInfo> = context.client.get("/api/v1/secrets").await?.data()?;
    let grants = secrets.iter().filter(|info| info.name == *name).flat_map(|info| &info.grants);
    let wanted = grants.filter(|grant| grant.agent == agent.id && host.is_none_or(|host| grant.host.eq_ignore_ascii_case(host)));
    let ids: Vec<u64> = wanted.map(|grant| grant.id).collect();
    if ids.is_empty() {
        let cause = format!("{name} is not granted to {}", agent.name);
        return Err(aether_protocol::ApiError::not_found(cause, "aether secret ls shows the grants").into());
    }
    Ok(ids)
}

async fn revoke(context: &Context, name: &SecretName, ids: &[u64]) -> Result<u8, Failure> {
    let mut tally = Tally::default();
    for id in ids {
        let outcome = context.client.delete(&format!("/api/v1/secrets/{}/grants/{id}", encode(name.as_str()))).await;
        tally.count(context, &id.to_string(), outcome)?;
    }
    tally.finish()
}
