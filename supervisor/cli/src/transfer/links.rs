//! Links inside an agent: the API has no call that makes one, so the agent's own `ln` does.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use tokio_tungstenite::tungstenite::Message;

use crate::{
    client::{Client, agents::ExecRequest, channel::FromProcess},
    failure::Failure,
};

/// Links per call: two arguments each, far below the kernel's limit on arguments for all but absurd paths.
const BATCH: usize = 100;
/// Makes `$2` point to `$1`, and so on.
const SCRIPT: &str = r#"while [ $# -gt 1 ]; do ln -sfn -- "$1" "$2" || exit 1; shift 2; done"#;

/// A symbolic link to make.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) path: String,
    pub(super) points_to: String,
}

/// Makes them; needs a live agent.
pub(super) async fn make_links(client: &Client, agent: &str, links: &[Link]) -> Result<(), Failure> {
    for batch in links.chunks(BATCH) {
        let mut argv = vec!["sh".to_owned(), "-c".to_owned(), SCRIPT.to_owned(), "sh".to_owned()];
        for link in batch {
            argv.extend([link.points_to.clone(), link.path.clone()]);
        }
        let request = ExecRequest { argv, env: BTreeMap::new(), workdir: None, tty: false, stdin: false, cols: None, rows: None };
        let ended = match client.exec(agent, &request).await {
            Ok(process) => status(client, process.as_str()).await?,
            Err(Failure::Api(error)) => {
                return Err(Failure::local(
                    format!("{} symbolic links were left out: {}", links.len(), error.message),
                    "links can be copied into agents that run",
                ));
            }
            Err(failure) => return Err(failure),
        };
        if ended != 0 {
            return Err(Failure::local("some symbolic links were left out: ln failed inside the agent", ""));
        }
    }
    Ok(())
}

async fn status(client: &Client, process: &str) -> Result<u8, Failure> {
    let mut channel = client.attach(process, 0, false).await?;
    while let Some(Ok(message)) = channel.next().await {
        let Message::Binary(frame) = message else { continue };
        match FromProcess::decode(frame)? {
            Some(FromProcess::End { code, .. }) => return Ok(code),
            Some(FromProcess::Refused(error)) => return Err(error.into()),
            _ => {}
        }
    }
    Err(Failure::Unreachable { cause: "the connection to the supervisor broke".to_owned(), hint: "copy again".to_owned() })
}
