//! From the wire's rules to those that are judged by.

use aether_net::{HostPattern, Otherwise, PROXY_PORT, Policy, Rule, SERVICE};
use aether_protocol::{
    ApiError, NetworkMode, NetworkRules,
    network::{NetworkOtherwise, NetworkRule},
};

/// Compiles a policy.
///
/// # Errors
/// `Invalid` naming the host that is none.
pub(crate) fn compile(mode: &NetworkMode) -> Result<Policy, ApiError> {
    mode.check()?;
    let NetworkRules { allow, deny, presets, otherwise, open } = mode.rules();
    let mut rules = allow.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    for name in presets {
        rules.extend(aether_net::preset(name.name()).unwrap_or_default());
    }
    Ok(Policy {
        allow: rules,
        deny: deny.iter().map(|host| pattern(host)).collect::<Result<_, _>>()?,
        open: open.iter().map(|host| pattern(host)).collect::<Result<_, _>>()?,
        otherwise: match otherwise {
            NetworkOtherwise::Deny => Otherwise::Deny,
            NetworkOtherwise::Ask => Otherwise::Ask,
            NetworkOtherwise::Allow => Otherwise::Allow,
        },
    })
}

/// Is TLS opened for some hosts?
pub(crate) fn opens_tls(mode: &NetworkMode) -> bool {
    matches!(mode, NetworkMode::Rules(rules) if !rules.open.is_empty())
}

/// Variables by which programs that bring certificates of their own find those of the sandbox.
pub(crate) fn trust(mode: &NetworkMode) -> Vec<(String, String)> {
    const ALL: &str = "/etc/ssl/certs/ca-certificates.crt";
    const VARIABLES: [(&str, &str); 8] = [
        ("SSL_CERT_FILE", ALL),
        ("CURL_CA_BUNDLE", ALL),
        ("GIT_SSL_CAINFO", ALL),
        ("REQUESTS_CA_BUNDLE", ALL),
        ("PIP_CERT", ALL),
        ("CARGO_HTTP_CAINFO", ALL),
        ("npm_config_cafile", ALL),
        ("NODE_EXTRA_CA_CERTS", "/etc/ssl/certs/aether.pem"),
    ];
    let wanted: &[(&str, &str)] = if opens_tls(mode) { &VARIABLES } else { &[] };
    wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Variables by which programs find the proxy, on a kernel where it is the only way out.
pub(crate) fn proxy() -> Vec<(String, String)> {
    let proxy = format!("http://{SERVICE}:{PROXY_PORT}");
    let names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let to_it = names.map(|name| (name.to_owned(), proxy.clone()));
    let own = ["NO_PROXY", "no_proxy"].map(|name| (name.to_owned(), "localhost,127.0.0.1,::1".to_owned()));
    to_it.into_iter().chain(own).collect()
}

fn rule(rule: &NetworkRule) -> Result<Rule, ApiError> {
    let methods: Vec<String> = rule.methods.iter().map(|method| method.to_ascii_uppercase()).collect();
    if let Some(path) = rule.paths.iter().find(|path| !path.starts_with('/')) {
        return Err(ApiError::invalid(format!("network: {path:?} is no beginning of a path"), "begin it with '/'"));
    }
    if rule.ports.contains(&0) {
        return Err(ApiError::invalid("network: 0 is not a port", "give 1 to 65535"));
    }
    if let Some(program) = &rule.program {
        aether_protocol::spec::check_guest_path("network: program", program)?;
    }
    let (ports, paths, program) = (rule.ports.clone(), rule.paths.clone(), rule.program.clone());
    Ok(Rule { host: pattern(&rule.host)?, ports, methods, paths, program, preset: None })
}

fn pattern(text: &str) -> Result<HostPattern, ApiError> {
    HostPattern::parse(text).map_err(|error| {
        let shown: String = text.chars().take(80).collect();
        ApiError::invalid(format!("network: {shown:?} is no host: {error}"), "give a name, *.suffix or an address")
    })
}
