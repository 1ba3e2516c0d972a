//! `A:PATH`, and the file calls of the API.

use aether_protocol::FileEntry;
use hyper::{Response, body::Incoming};

use crate::{
    client::{Answer, Body, Client, agents::uri, encode},
    failure::Failure,
};

/// A place of `cp` and `ls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this host; `-` is standard input or output.
    Local(String),
    /// Inside an agent.
    Agent { agent: String, path: String },
}

impl Place {
    /// Reads it. A path of this host that has a colon in its first part is written with `./` before it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a place is PATH on this host or A:PATH inside an agent".to_owned());
        }
        Ok(match text.split_once(':') {
            Some((agent, path)) if !agent.is_empty() && !agent.contains('/') && !agent.starts_with('.') => {
                Self::Agent { agent: agent.to_owned(), path: path.to_owned() }
            }
            _ => Self::Local(text.to_owned()),
        })
    }
}

/// The files of one agent.
pub(crate) struct Files<'a> {
    client: &'a Client,
    agent: String,
    home: String,
}

impl<'a> Files<'a> {
    pub(crate) async fn of(client: &'a Client, agent: &str) -> Result<Self, Failure> {
        let info = client.agent(agent).await?;
        Ok(Self { client, agent: info.id.to_string(), home: info.home })
    }

    /// The id of the agent.
    pub(crate) fn agent(&self) -> &str {
        &self.agent
    }

    /// Absolute path inside; relative ones begin at the home.
    pub(crate) fn resolve(&self, path: &str) -> String {
        let path = match path {
            "~" => "",
            _ => path.strip_prefix("~/").unwrap_or(path),
        };
        if path.starts_with('/') { path.to_owned() } else { join(&self.home, path) }
    }

    /// One file.
    pub(crate) async fn stat(&self, path: &str) -> Result<FileEntry, Failure> {
        self.client.get(&self.address("stat", path)).await.map_err(|failure| about(path, failure))?.data()
    }

    /// The entries of a directory, by name, as many as one answer takes: its begin, or what follows the cursor of the answer before.
    pub(crate) async fn page(&self, path: &str, after: Option<&str>) -> Result<Answer, Failure> {
        let after = after.map(|cursor| format!("&after={}", encode(cursor))).unwrap_or_default();
        let address = format!("{}{after}", self.address("entries", path));
        self.client.get(&address).await.map_err(|failure| about(path, failure))
    }

    /// All entries of a directory, by name.
    pub(crate) async fn entries(&self, path: &str) -> Result<Vec<FileEntry>, Failure> {
        let (mut entries, mut after) = (Vec::new(), None);
        loop {
            let answer = self.page(path, after.as_deref()).await?;
            entries.append(&mut answer.data()?);
            after = answer.next()?;
            if after.is_none() {
                return Ok(entries);
            }
        }
    }

    /// The bytes of a file.
    pub(crate) async fn download(&self, path: &str) -> Result<Response<Incoming>, Failure> {
        self.client.stream(&self.address("files", path)).await.map_err(|failure| about(path, failure))
    }

    /// Writes a file.
    pub(crate) async fn upload(&self, path: &str, mode: Option<u32>, body: Body) -> Result<(), Failure> {
        let mode = mode.map(|mode| format!("&mode={mode:04o}")).unwrap_or_default();
        let answer = self.client.put(&format!("{}{mode}", self.address("files", path)), body).await;
        answer.map(|_| ()).map_err(|failure| about(path, failure))
    }

    /// Makes a directory; one that is there is fine.
    pub(crate) async fn mkdir(&self, path: &str) -> Result<(), Failure> {
        let body = serde_json::json!({ "path": path, "recursive": true });
        self.client.post(&uri(&self.agent, "/mkdir"), &body).await.map(|_| ()).map_err(|failure| about(path, failure))
    }

    fn address(&self, what: &str, path: &str) -> String {
        uri(&self.agent, &format!("/{what}?path={}", encode(path)))
    }
}

/// Names the path in an error that does not: of a whole tree it matters which file it was.
fn about(path: &str, mut failure: Failure) -> Failure {
    if let Failure::Api(error) = &mut failure
        && !error.message.contains(path)
    {
        error.message = format!("{path}: {}", error.message);
    }
    failure
}

/// `name` below `directory`.
pub(crate) fn join(directory: &str, name: &str) -> String {
    if name.is_empty() { directory.to_owned() } else { format!("{}/{name}", directory.trim_end_matches('/')) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart() {
        let local = |text: &str| Ok(Place::Local(text.to_owned()));
        let agent = |agent: &str, path: &str| Ok(Place::Agent { agent: agent.to_owned(), path: path.to_owned() });
        for (text, expected) in [
            ("a:/x", agent("a", "/x")),
            ("a:", agent("a", "")),
            ("builder-1:dir/f:g", agent("builder-1", "dir/f:g")),
            ("./a:b", local("./a:b")),
            ("/a:b", local("/a:b")),
            ("dir/a:b", local("dir/a:b")),
            (":x", local(":x")),
            ("-", local("-")),
        ] {
            assert_eq!(Place::parse(text), expected, "{text}");
        }
        assert!(Place::parse("").is_err());
    }

    #[test]
    fn paths_are_joined() {
        for (directory, name, joined) in [("/", "a", "/a"), ("/a/", "b", "/a/b"), ("/a", "", "/a")] {
            assert_eq!(join(directory, name), joined);
        }
    }
}
