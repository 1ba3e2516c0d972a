//! The options that say what a network may reach.

use aether_protocol::{
    NetworkMode, NetworkRules,
    network::{NetworkOtherwise, NetworkPreset, NetworkRule, NetworkWord},
};
use clap::{Args, ValueEnum};

use crate::failure::Failure;

/// What its network may reach.
#[derive(Debug, Clone, Args)]
pub(crate) struct NetworkArgs {
    /// What its network may reach: none, allow (what --allow and --preset name), ask (a person decides about the rest)
    /// or open (every public address) [default: none, or allow when something is allowed]
    #[arg(long, value_name = "MODE")]
    net: Option<Net>,
    /// Allow a destination: a name, *.suffix or an address; ports 80 and 443 unless one is given; to one program if one is given
    #[arg(long = "allow", value_name = "HOST[:PORT][=PROGRAM]", value_parser = parse_rule)]
    allow: Vec<NetworkRule>,
    /// Deny a host, whatever else allows it
    #[arg(long = "deny", value_name = "HOST")]
    deny: Vec<String>,
    /// Open the TLS of a host, so that methods and paths hold and secrets can be added: a name or *.suffix. The sandbox trusts
    /// certificates that this machine makes; those of the servers are checked as ever
    #[arg(long = "open-tls", value_name = "HOST")]
    open: Vec<String>,
    /// Allow what package managers and the like need: pypi, npm, crates, github or debian
    #[arg(long = "preset", value_name = "NAME", value_parser = parse_preset)]
    presets: Vec<NetworkPreset>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Net {
    None,
    Allow,
    Ask,
    Open,
}

impl NetworkArgs {
    /// As the wire has it.
    pub(crate) fn mode(&self) -> Result<NetworkMode, Failure> {
        let named = !(self.allow.is_empty() && self.presets.is_empty() && self.open.is_empty());
        let otherwise = match self.net {
            None if !named && self.deny.is_empty() => return Ok(NetworkMode::default()),
            Some(Net::None) if named || !self.deny.is_empty() => {
                return Err(Failure::usage(
                    "--net none reaches nothing, so there is nothing to allow or deny",
                    "leave --net out",
                ));
            }
            Some(Net::None) => return Ok(NetworkMode::default()),
            Some(Net::Open) if self.deny.is_empty() && !named => return Ok(NetworkMode::Word(NetworkWord::Open)),
            None | Some(Net::Allow) => NetworkOtherwise::Deny,
            Some(Net::Ask) => NetworkOtherwise::Ask,
            Some(Net::Open) => NetworkOtherwise::Allow,
        };
        let (allow, deny, presets, open) = (self.allow.clone(), self.deny.clone(), self.presets.clone(), self.open.clone());
        Ok(NetworkRules { allow, deny, presets, otherwise, open }.into())
    }
}

/// `HOST[:PORT][=PROGRAM]`; a bare IPv6 address has no port.
pub(crate) fn parse_rule(text: &str) -> Result<NetworkRule, String> {
    let shape = || "a destination is given as HOST or HOST:PORT, for example api.example.com or [2001:db8::1]:8443".to_owned();
    let (text, program) = match text.split_once('=') {
        Some((text, program)) if program.starts_with('/') => (text, Some(program.to_owned())),
        Some(_) => return Err("a program is given by its path inside, for example github.com=/usr/bin/curl".to_owned()),
        None => (text, None),
    };
    if text.is_empty() || text.contains(['/', '@', ' ']) {
        return Err(shape());
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').ok_or_else(shape)?)),
        None if text.matches(':').count() > 1 => (text, None),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let ports = match port {
        None => Vec::new(),
        Some(port) => vec![port.parse().ok().filter(|port| *port != 0).ok_or_else(|| format!("{port:?} is not a port"))?],
    };
    if host.is_empty() {
        return Err(shape());
    }
    Ok(NetworkRule { host: host.to_owned(), ports, methods: vec![], paths: vec![], program })
}

/// A preset by its name.
pub(crate) fn parse_preset(text: &str) -> Result<NetworkPreset, String> {
    let names = NetworkPreset::ALL.map(NetworkPreset::name).join(", ");
    NetworkPreset::ALL.into_iter().find(|preset| preset.name() == text).ok_or_else(|| format!("the presets are {names}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read() {
        for (text, host, ports) in [
            ("a.test", "a.test", vec![]),
            ("a.test:8080", "a.test", vec![8080]),
            ("*.a.test", "*.a.test", vec![]),
            ("2606:4700::1111", "2606:4700::1111", vec![]),
            ("[2606:4700::1111]:853", "2606:4700::1111", vec![853]),
        ] {
            let rule = parse_rule(text).expect(text);
            assert_eq!((rule.host.as_str(), rule.ports), (host, ports), "{text}");
        }
        let rule = parse_rule("a.test:8080=/usr/bin/curl").expect("program");
        assert_eq!((rule.ports, rule.program.as_deref()), (vec![8080], Some("/usr/bin/curl")));
        for bad in [
            "",
            "a.test=curl",
            "a.test=",
            "=/usr/bin/curl",
            "http://a.test",
            "a.test/x",
            "a.test:0",
            "a.test:http",
            ":80",
            "u@a.test",
        ] {
            assert!(parse_rule(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn naming_something_opens_the_network_for_it_alone() {
        let args = |net, allow: &[&str]| NetworkArgs {
            net,
            allow: allow.iter().map(|text| parse_rule(text).expect("rule")).collect(),
            deny: vec![],
            open: vec![],
            presets: vec![],
        };
        assert!(args(None, &[]).mode().expect("mode").is_none());
        assert_eq!(args(None, &["a.test"]).mode().expect("mode").rules().otherwise, NetworkOtherwise::Deny);
        assert_eq!(args(Some(Net::Ask), &[]).mode().expect("mode").rules().otherwise, NetworkOtherwise::Ask);
        assert_eq!(args(Some(Net::Open), &[]).mode().expect("mode"), NetworkMode::Word(NetworkWord::Open));
        assert!(args(Some(Net::None), &["a.test"]).mode().is_err());
    }
}
