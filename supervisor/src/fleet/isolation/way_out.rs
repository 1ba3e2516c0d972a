//! The way out of an agent in the words of the report: what the policy of the moment lets it reach, and what is added or read on the way.

use aether_protocol::{
    AgentSpec, Grant, NetworkMode, NetworkRules,
    network::{NetworkOtherwise, NetworkRule, NetworkWord},
};

/// One fact a line.
pub(super) fn way_out(spec: &AgentSpec, grants: &[Grant]) -> Vec<String> {
    let mut facts = match &spec.network {
        NetworkMode::Word(NetworkWord::None) => vec!["none".to_owned()],
        NetworkMode::Word(NetworkWord::Open) => vec!["every public address".to_owned()],
        NetworkMode::Rules(rules) => of_rules(rules),
    };
    facts.extend(spec.models.iter().map(|provider| format!("models of {} through the gateway", provider.name())));
    facts.extend(grants.iter().map(|grant| {
        let method = grant.method.as_deref().map(|method| format!("{method} ")).unwrap_or_default();
        format!("secret {} added to {method}{}{}", grant.secret, grant.host, grant.path.as_deref().unwrap_or("/"))
    }));
    facts.into_iter().map(|fact| format!("way out: {fact}")).collect()
}

fn of_rules(rules: &NetworkRules) -> Vec<String> {
    let NetworkRules { allow, deny, presets, otherwise, open } = rules;
    let mut facts: Vec<String> = allow.iter().map(|rule| format!("allowed {}", of_rule(rule))).collect();
    facts.extend(presets.iter().map(|preset| format!("allowed preset {}", preset.name())));
    facts.extend(deny.iter().map(|host| format!("denied {host}")));
    facts.extend(open.iter().map(|host| format!("TLS opened for {host}")));
    facts.push(match otherwise {
        NetworkOtherwise::Deny => "everything else denied".to_owned(),
        NetworkOtherwise::Ask => "a person decides about everything else".to_owned(),
        NetworkOtherwise::Allow => "everything else that is public allowed".to_owned(),
    });
    facts
}

fn of_rule(rule: &NetworkRule) -> String {
    let NetworkRule { host, ports, methods, paths, program } = rule;
    let ports = if ports.is_empty() { vec![80, 443] } else { ports.clone() };
    let ports = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(",");
    let mut text = format!("{host}:{ports}");
    for (word, list) in [("methods", methods), ("paths", paths)] {
        if !list.is_empty() {
            text = format!("{text} {word} {}", list.join(","));
        }
    }
    program.iter().for_each(|program| text = format!("{text} by {program}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_out_is_said_whole() {
        let facts = |network: &str| {
            let text =
                format!(r#"{{"program": {{"type": "command", "argv": ["true"]}}, "network": {network}, "models": ["openai"]}}"#);
            way_out(&serde_json::from_str(&text).expect("spec"), &[])
        };
        assert_eq!(facts(r#""none""#), ["way out: none", "way out: models of openai through the gateway"]);
        assert_eq!(
            facts(
                r#"{"allow": [{"host": "a.test", "paths": ["/v1/"], "program": "/usr/bin/curl"}], "deny": ["*.b.test"],
                    "presets": ["npm"], "open": ["a.test"]}"#
            ),
            [
                "way out: allowed a.test:80,443 paths /v1/ by /usr/bin/curl",
                "way out: allowed preset npm",
                "way out: denied *.b.test",
                "way out: TLS opened for a.test",
                "way out: everything else denied",
                "way out: models of openai through the gateway"
            ]
        );
    }
}
