//! The daemon: whether it serves, the SQLite it is linked with, its port.

use aether_protocol::{Finding, FindingGroup};

use crate::{Host, Service, Subject, finding::Check};

const fn named(name: &'static str, meaning: &'static str) -> Check {
    Check { group: FindingGroup::Service, name, meaning }
}

const DAEMON: Check = named("daemon", "runs the agents and measures this host at its start");
const SQLITE: Check = named("sqlite", "what Aether remembers: agents, events, the audit chain");
const PORT: Check = named("port", "Mission Control in the browser");

/// The first without the loss of data described at <https://sqlite.org/wal.html#walresetbug>.
const SQLITE_WANTED: [u32; 3] = [3, 51, 3];
/// Where `aetherd` listens unless told otherwise.
const TCP_PORT: u16 = 3001;

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let mut findings = vec![daemon(&subject.service), sqlite(aether_store::sqlite_version())];
    if matches!(subject.service, Service::Absent { .. }) {
        findings.push(port(&listeners(&subject.host)));
    }
    findings
}

fn daemon(service: &Service) -> Finding {
    match service {
        Service::Asking(version) => DAEMON.ok(format!("aetherd {version} serves")),
        Service::Absent { cause, hint } => DAEMON.skipped(format!("not asked: {cause}"), hint.clone()),
    }
}

fn sqlite(version: &str) -> Finding {
    let parts: Vec<u32> = version.split('.').filter_map(|part| part.parse().ok()).collect();
    if parts.as_slice() >= SQLITE_WANTED.as_slice() {
        return SQLITE.ok(format!("SQLite {version}, built in"));
    }
    SQLITE.failure(
        format!("SQLite {version} is linked, which can lose committed data in WAL mode"),
        "build Aether with its own Cargo.lock (make build); it brings SQLite 3.51.3 or newer",
    )
}

/// Ports somebody listens on. Only read: to try would be in the way of a daemon that starts right now.
fn listeners(host: &Host) -> Vec<u16> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| host.text(path).unwrap_or_default());
    let port = |line: &str| {
        let mut fields = line.split_whitespace();
        let (local, state) = (fields.nth(1)?, fields.nth(1)?);
        let port = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
        (state == "0A").then_some(port)
    };
    tables.iter().flat_map(|table| table.lines().skip(1)).filter_map(port).collect()
}

fn port(listeners: &[u16]) -> Finding {
    if !listeners.contains(&TCP_PORT) {
        return PORT.ok(format!("{TCP_PORT} is free"));
    }
    PORT.warning(
        format!("another program listens on {TCP_PORT}"),
        format!("ss -ltnp 'sport = :{TCP_PORT}' # names it; or give another port: aetherd --listen 127.0.0.1:0"),
    )
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{Failure, Ok, Warning};

    use super::*;
    use crate::host::Laid;

    #[test]
    fn sqlite_has_a_lowest_version() {
        for (version, status) in
            [("3.51.3", Ok), ("3.53.0", Ok), ("4.0.0", Ok), ("3.51.2", Failure), ("3.40.1", Failure), ("", Failure)]
        {
            assert_eq!(sqlite(version).status, status, "{version}");
        }
        assert_eq!(sqlite(aether_store::sqlite_version()).status, Ok, "the one that is linked");
    }

    #[test]
    fn a_listener_is_found_and_a_connection_is_none() {
        let head = "  sl  local_address rem_address   st tx_queue\n";
        for (line, status) in [
            ("   0: 0100007F:0BB9 00000000:0000 0A 00000000:00000000\n", Warning),
            ("   0: 0100007F:0BB9 0100007F:9C40 01 00000000:00000000\n", Ok),
            ("   0: 0100007F:0BBA 00000000:0000 0A 00000000:00000000\n", Ok),
        ] {
            let laid = Laid::with(&[("/proc/net/tcp", &format!("{head}{line}"))]);
            assert_eq!(port(&listeners(&laid.host())).status, status, "{line}");
        }
    }
}
