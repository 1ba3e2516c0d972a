//! The first label of a preview's host: `8080-web`, port and agent.

use aether_protocol::{AgentId, AgentName};

/// Longest label of a host, bytes (RFC 1035).
const MOST: usize = 63;

/// The label of a port of an agent: by its name, or by its id where the name is too long for one.
pub(crate) fn label(port: u16, id: &AgentId, name: &AgentName) -> String {
    let by_name = format!("{port}-{name}");
    if by_name.len() <= MOST && !by_name.ends_with('-') { by_name } else { format!("{port}-{id}") }
}

/// Port and agent of a label. Each has one spelling, so that no port has two origins by it.
pub(crate) fn parse(label: &str) -> Option<(u16, &str)> {
    let (port, agent) = label.split_once('-')?;
    let number: u16 = port.parse().ok().filter(|number| *number > 0)?;
    let plain = number.to_string() == port && (agent.parse::<AgentId>().is_ok() || agent.parse::<AgentName>().is_ok());
    plain.then_some((number, agent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_back() {
        let id = AgentId::from_random([7; 12]);
        for name in ["web", "a-b-1", "9"] {
            let name: AgentName = name.parse().unwrap();
            assert_eq!(parse(&label(8080, &id, &name)), Some((8080, name.as_str())));
        }
        for name in ["x".repeat(60), "web-".to_owned()] {
            let name: AgentName = name.parse().unwrap();
            assert_eq!(parse(&label(65535, &id, &name)), Some((65535, id.as_str())));
        }
    }

    #[test]
    fn nothing_else_is_one() {
        for bad in
            ["", "web", "80", "80-", "-web", "0-web", "080-web", "+80-web", "65536-web", "80-Web", "80-a.b", "80-a/b", "80-a_b"]
        {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
