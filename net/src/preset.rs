//! Destinations that many need, by one word.

use crate::{HostPattern, Rule};

/// The hosts of each. Only what downloads need: none of them takes what an agent would send out on its own.
const PRESETS: &[(&str, &[&str])] = &[
    ("pypi", &["pypi.org", "files.pythonhosted.org"]),
    ("npm", &["registry.npmjs.org"]),
    ("crates", &["crates.io", "index.crates.io", "static.crates.io"]),
    // Whoever may push somewhere may send anything there: this one is a way out for data.
    (
        "github",
        &["github.com", "api.github.com", "codeload.github.com", "*.githubusercontent.com", "github-cloud.s3.amazonaws.com"],
    ),
    ("debian", &["deb.debian.org", "security.debian.org", "ftp.debian.org"]),
];

/// The rules of a preset; `None` when there is none of this name.
pub fn preset(name: &str) -> Option<Vec<Rule>> {
    let (name, hosts) = PRESETS.iter().find(|(known, _)| *known == name)?;
    let rule = |host: &&str| {
        let host = HostPattern::parse(host).ok()?;
        Some(Rule { host, ports: vec![], methods: vec![], paths: vec![], program: None, preset: Some(name) })
    };
    hosts.iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_made_of_hosts() {
        for (name, hosts) in PRESETS {
            assert_eq!(preset(name).expect(name).len(), hosts.len());
        }
        assert!(preset("everything").is_none());
    }
}
