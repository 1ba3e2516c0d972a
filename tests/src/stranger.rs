//! Requests of other users of this host: a small client, run under their ids.

use std::{os::unix::process::CommandExt as _, path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::cli;

/// Sends each `[method, path]` of its standard input over the Unix socket; prints the statuses, 0 where nobody answers.
const CLIENT: &str = r#"
import json, socket, sys
statuses = []
for method, path in json.load(sys.stdin):
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(sys.argv[1])
            s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode())
            statuses.append(int(s.recv(12)[9:12] or 0))
    except OSError:
        statuses.append(0)
json.dump(statuses, sys.stdout)
"#;

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub enum Stranger {
    /// With this uid and gid, and no other group.
    Ids(u32, u32),
    /// With this uid outside, and uid 0 in a user namespace of its own.
    RootInside(u32),
}

/// Sends requests as somebody else; gives their statuses.
///
/// # Panics
/// When the client itself cannot run (it needs `/usr/bin/python3`, and `unshare` of util-linux).
#[track_caller]
pub fn ask(socket: &Path, who: Stranger, requests: &[(String, String)]) -> Vec<u16> {
    let client = ["/usr/bin/python3", "-c", CLIENT, socket.to_str().expect("UTF-8")];
    let mut command = match who {
        Stranger::Ids(uid, gid) => {
            let mut command = Command::new("/usr/bin/setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]).args(client);
            command
        }
        Stranger::RootInside(uid) => {
            let mut command = Command::new("/usr/bin/setpriv");
            command.args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()]);
            command.args(["/usr/bin/unshare", "--user", "--map-root-user"]).args(client);
            command
        }
    };
    command.current_dir("/").process_group(0);
    let input = serde_json::to_vec(requests).expect("JSON");
    let outcome = cli::spawn(command, &input).end(Duration::from_secs(60)).ok();
    let Value::Array(statuses) = outcome.json() else { panic!("no list: {outcome}") };
    assert_eq!(statuses.len(), requests.len());
    statuses.iter().map(|status| u16::try_from(status.as_u64().expect("a status")).expect("a status")).collect()
}
