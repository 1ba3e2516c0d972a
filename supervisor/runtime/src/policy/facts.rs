//! What is known of a call before it is made.

use serde_json::Value;

use super::pattern;

/// What a call does to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Reads it.
    Read,
    /// Makes or changes it.
    Write,
    /// Takes it away.
    Remove,
}

/// A path that a call touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touch {
    /// How.
    pub act: Act,
    /// Absolute, without `.` and `..`.
    pub path: String,
    /// With everything below it.
    pub tree: bool,
}

/// A call, as rules see it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The tool's own name.
    pub tool: String,
    /// Its arguments.
    pub args: Value,
    /// Paths it touches; links followed and as they were written.
    pub touches: Vec<Touch>,
    /// Directory that commands and relative paths start in.
    pub workdir: String,
    /// Home directory.
    pub home: String,
    /// The agent has read something from outside.
    pub tainted: bool,
    /// The agent has a network.
    pub network: bool,
}

/// A tool: what it does to the paths in which arguments, and whether with all below them.
type FileTool = (&'static str, &'static [(Act, &'static str, bool)]);

/// Tools and what they do to the paths in these arguments. One that is not listed may do anything to its `path`.
const FILE_TOOLS: &[FileTool] = &[
    ("read_file", &[(Act::Read, "path", false)]),
    ("list_files", &[(Act::Read, "path", false)]),
    ("stat", &[(Act::Read, "path", false)]),
    ("write_file", &[(Act::Write, "path", false)]),
    ("mkdir", &[(Act::Write, "path", false)]),
    ("rm", &[(Act::Remove, "path", true)]),
    ("mv", &[(Act::Remove, "source", true), (Act::Read, "source", true), (Act::Write, "destination", true)]),
    ("cp", &[(Act::Read, "source", true), (Act::Write, "destination", true)]),
];

/// What stands for a tool in a rule that asks or denies: the thing that it is used for, however it is done.
pub(super) fn meant(tool: &str) -> Option<&'static [Act]> {
    match tool {
        "read_file" => Some(&[Act::Read]),
        "write_file" => Some(&[Act::Write]),
        "rm" | "mv" => Some(&[Act::Remove]),
        "cp" => Some(&[Act::Read, Act::Write]),
        _ => None,
    }
}

/// Names of the tools for files.
pub(super) fn file_tools() -> impl Iterator<Item = &'static str> {
    FILE_TOOLS.iter().map(|(name, _)| *name)
}

/// The paths of a call as its arguments say, made absolute by `absolute`.
pub fn touches(tool: &str, args: &Value, absolute: &dyn Fn(&str) -> String) -> Vec<Touch> {
    let path = |key: &str| args.get(key).and_then(Value::as_str).map(|path| pattern::normal(&absolute(path)));
    if tool == "run_command" {
        return Vec::new();
    }
    match FILE_TOOLS.iter().find(|(name, _)| *name == tool) {
        Some((_, touches)) => {
            let touch = |(act, key, tree): &(Act, &str, bool)| Some(Touch { act: *act, path: path(key)?, tree: *tree });
            touches.iter().filter_map(touch).collect()
        }
        None => {
            let all = ["path", "source", "destination"].into_iter().filter_map(path);
            all.flat_map(|path| [Act::Read, Act::Write, Act::Remove].map(|act| Touch { act, path: path.clone(), tree: true }))
                .collect()
        }
    }
}

impl Facts {
    /// The command line, where the call is one.
    pub fn command(&self) -> Option<&str> {
        if self.tool == "run_command" { self.args.get("command").and_then(Value::as_str) } else { None }
    }

    /// The destination, where the call names one.
    pub fn host(&self) -> Option<String> {
        let url = self.args.get("url").and_then(Value::as_str)?;
        Some(host_of(url))
    }

    /// An absolute path from a word or a rule.
    pub(super) fn absolute(&self, path: &str) -> String {
        match path.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => pattern::normal(&format!("{}{rest}", self.home)),
            _ if path.starts_with('/') => pattern::normal(path),
            _ => pattern::normal(&format!("{}/{path}", self.workdir)),
        }
    }

    /// Every text among the arguments.
    pub fn texts(&self) -> Vec<&str> {
        let mut found = Vec::new();
        collect(&self.args, &mut found);
        found
    }
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
        _ => {}
    }
}

/// The host of an address such as `https://user@host:443/path`.
pub fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or(address).to_owned(),
        None => host.split(':').next().unwrap_or(host).to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_and_hosts_of_calls() {
        let absolute = |path: &str| format!("/home/agent/{path}");
        let moved = touches("mv", &json!({"source": "a/../b", "destination": "c"}), &absolute);
        let paths: Vec<_> = moved.iter().map(|touch| (touch.act, touch.path.as_str())).collect();
        let expected = [(Act::Remove, "/home/agent/b"), (Act::Read, "/home/agent/b"), (Act::Write, "/home/agent/c")];
        assert_eq!(paths, expected);
        assert_eq!(touches("unheard_of", &json!({"path": "x"}), &absolute).len(), 3, "an unknown tool may do anything");
        for url in ["https://a.test/x", "http://u:p@A.test:80?q", "a.test:443", "https://a.test\\@b.test/"] {
            assert_eq!(host_of(url), "a.test", "{url}");
        }
        assert_eq!(host_of("http://[::1]:80/"), "::1");
    }
}
