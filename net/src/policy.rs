//! The one place where it is decided what an agent may reach.

use std::{fmt, net::IpAddr};

use crate::{Class, Host, HostPattern, class_of};

/// What an agent may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Destinations allowed.
    pub allow: Vec<Rule>,
    /// Hosts denied, whatever allows them.
    pub deny: Vec<HostPattern>,
    /// Hosts whose TLS is opened, so that requests within it can be judged.
    pub open: Vec<HostPattern>,
    /// Destinations that nothing names.
    pub otherwise: Otherwise,
}

/// What happens to destinations that nothing names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// They are denied.
    Deny,
    /// A person is asked.
    Ask,
    /// They are allowed when they are public.
    Allow,
}

/// Destinations allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Which hosts.
    pub host: HostPattern,
    /// Which ports; 80 and 443 when empty.
    pub ports: Vec<u16>,
    /// Which HTTP methods; every one when empty.
    pub methods: Vec<String>,
    /// Beginnings of paths; every one when empty.
    pub paths: Vec<String>,
    /// The only program that may, by its path inside; every one when absent.
    pub program: Option<String>,
    /// The preset it comes from.
    pub preset: Option<&'static str>,
}

/// Ports of a rule that names none.
const WEB: [u16; 2] = [80, 443];

/// A destination, with what is known of it so far.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Where to.
    pub host: &'a Host,
    /// Port.
    pub port: u16,
    /// What the connection carries.
    pub seen: Seen<'a>,
    /// The addresses that would be connected to, once they are known.
    pub addresses: &'a [IpAddr],
    /// The addresses of this host itself.
    pub own: &'a [IpAddr],
    /// The program that connects, if that is known.
    pub program: Option<&'a str>,
}

impl Policy {
    /// Does what it says about a host depend on the program?
    pub fn names_program(&self, host: &Host) -> bool {
        self.allow.iter().any(|rule| rule.program.is_some() && rule.host.matches(host))
    }
}

/// What is visible of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen<'a> {
    /// Nothing yet: could anything on this connection be allowed?
    Nothing,
    /// Bytes that show no request: TLS, or a protocol of their own.
    Opaque,
    /// A request of plain HTTP.
    Request {
        /// Its method.
        method: &'a str,
        /// Its path, without the query.
        path: &'a str,
    },
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may, and what allows it.
    Allow(Reason),
    /// It may not, and why.
    Deny(Reason),
    /// A person decides.
    Ask,
}

/// Why, in words for people and agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A rule names it.
    Rule(String),
    /// A preset names it.
    Preset(&'static str),
    /// The network is open.
    Open,
    /// A person allowed it.
    Person,
    /// Nothing names it.
    Unlisted,
    /// The host is allowed, this port is not.
    Port(Vec<u16>),
    /// The host is allowed, but only requests of certain methods and paths, and this is none.
    Request,
    /// The host is allowed, but only requests that can be read, and this connection cannot.
    Hidden,
    /// The host is allowed to another program.
    Program {
        /// To which.
        only: String,
        /// The one that connects, if that is known.
        by: Option<String>,
    },
    /// The host is on the list of denied ones.
    Listed(String),
    /// An address that is never reached.
    Special(IpAddr, &'static str),
    /// An address of this host.
    Own(IpAddr),
    /// The connection names another host than the one it was made to.
    Fronting(String),
    /// It has no name where one is needed, or its name is no name.
    Malformed(String),
    /// A person said no.
    Refused,
    /// Nobody decided in time.
    Unanswered,
    /// Too much at a time.
    Limit(&'static str),
    /// Too many names are looked up.
    Lookups(String),
    /// The grant of a secret refused it.
    Secret(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "allowed by the rule {rule}"),
            Self::Preset(name) => write!(f, "allowed by the preset {name}"),
            Self::Open => f.write_str("the network is open"),
            Self::Person => f.write_str("a person allowed it"),
            Self::Unlisted => f.write_str("no rule allows it"),
            Self::Port(ports) => {
                let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
                write!(f, "the host is allowed on port {ports} only")
            }
            Self::Request => f.write_str("no rule of this host allows this method and path"),
            Self::Hidden => {
                f.write_str("the rules of this host are about methods and paths, which this connection does not show")
            }
            Self::Program { only, by: Some(by) } => write!(f, "only {only} may connect there, and this is {by}"),
            Self::Program { only, by: None } => {
                write!(f, "only {only} may connect there, and which program this is cannot be told")
            }
            Self::Listed(pattern) => write!(f, "{pattern} is denied"),
            Self::Special(address, what) => write!(f, "{address} is {what}, which no policy reaches"),
            Self::Own(address) => write!(f, "{address} is an address of the host itself, which no policy reaches"),
            Self::Fronting(name) => write!(f, "the connection asks for {name} at another host's address"),
            Self::Malformed(what) => f.write_str(what),
            Self::Refused => f.write_str("a person denied it"),
            Self::Unanswered => f.write_str("nobody decided in time"),
            Self::Limit(what) => f.write_str(what),
            Self::Lookups(what) => f.write_str(what),
            Self::Secret(why) => f.write_str(why),
        }
    }
}

/// May it? The only function that says so. Asked before anything is looked up (nothing of a name leaves before it is allowed), with
/// the addresses before one of them is connected to, and for every request that can be read.
pub fn verdict(policy: &Policy, question: &Question<'_>) -> Verdict {
    // What no policy reaches comes first, so that no rule and no person can allow it.
    let literal = if let Host::Address(address) = question.host { std::slice::from_ref(address) } else { &[] };
    for address in literal.iter().chain(question.addresses) {
        let address = address.to_canonical();
        if let Class::Special(what) = class_of(address) {
            return Verdict::Deny(Reason::Special(address, what));
        }
        if question.own.contains(&address) {
            return Verdict::Deny(Reason::Own(address));
        }
    }
    let denies = |pattern: &&HostPattern| {
        let canonical = |address: &IpAddr| Host::Address(address.to_canonical());
        pattern.matches(question.host) || question.addresses.iter().any(|address| pattern.matches(&canonical(address)))
    };
    if let Some(pattern) = policy.deny.iter().find(denies) {
        return Verdict::Deny(Reason::Listed(pattern.to_string()));
    }
    let mut nearest = Reason::Unlisted;
    for rule in policy.allow.iter().filter(|rule| rule.host.matches(question.host)) {
        match rule.covers(question) {
            Ok(reason) => return Verdict::Allow(reason),
            Err(reason) => nearest = reason,
        }
    }
    match (policy.otherwise, nearest) {
        (Otherwise::Allow, _) => Verdict::Allow(Reason::Open),
        // A host that a rule names is known: what the rule leaves out was left out on purpose.
        (Otherwise::Ask, Reason::Unlisted) => Verdict::Ask,
        (_, nearest) => Verdict::Deny(nearest),
    }
}

impl Rule {
    fn covers(&self, question: &Question<'_>) -> Result<Reason, Reason> {
        let ports: &[u16] = if self.ports.is_empty() { &WEB } else { &self.ports };
        if !ports.contains(&question.port) {
            return Err(Reason::Port(ports.to_vec()));
        }
        if let Some(only) = self.program.as_ref().filter(|only| question.program != Some(only.as_str())) {
            return Err(Reason::Program { only: only.clone(), by: question.program.map(str::to_owned) });
        }
        if !(self.methods.is_empty() && self.paths.is_empty()) {
            match question.seen {
                Seen::Nothing => {}
                Seen::Opaque => return Err(Reason::Hidden),
                Seen::Request { method, path } => {
                    let methods = self.methods.is_empty() || self.methods.iter().any(|allowed| allowed == method);
                    let paths = self.paths.is_empty() || (plain(path) && self.paths.iter().any(|start| path.starts_with(start)));
                    if !(methods && paths) {
                        return Err(Reason::Request);
                    }
                }
            }
        }
        Ok(match self.preset {
            Some(name) => Reason::Preset(name),
            None => Reason::Rule(self.host.to_string()),
        })
    }
}

/// Does the server read the same path as we do? With dot segments, doubled or encoded separators nobody can say.
fn plain(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    let odd = ["//", "\\", "%2e", "%2f", "%5c", "%25", "%00", ";"].iter().any(|odd| lower.contains(odd));
    !odd && !path.split('/').any(|segment| segment == "." || segment == "..")
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
