//! Which tier of models a step gets, by rules, and why.

/// How much a model can do, and costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Quick and cheap.
    Flash,
    /// For most work.
    Standard,
    /// The best there is.
    Frontier,
}

impl Tier {
    /// Every tier, the cheapest first.
    pub const ALL: [Self; 3] = [Self::Flash, Self::Standard, Self::Frontier];

    /// Its name in configuration and in reasons.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flash => "flash",
            Self::Standard => "standard",
            Self::Frontier => "frontier",
        }
    }
}

/// When a tier is taken. Everything that a rule names has to fit; a rule that names nothing fits always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What is taken then.
    pub tier: Tier,
    /// From this step on.
    pub from_step: Option<u32>,
    /// Until this step.
    pub to_step: Option<u32>,
    /// One of these tools is on offer.
    pub tools: Vec<String>,
    /// The conversation has at least so many tokens.
    pub min_tokens: Option<u64>,
    /// The conversation has at most so many tokens.
    pub max_tokens: Option<u64>,
    /// A call of the last step failed, or none did.
    pub last_failed: Option<bool>,
    /// The agent has this role, whatever its case.
    pub role: Option<String>,
}

impl Rule {
    /// One that fits always.
    pub const fn always(tier: Tier) -> Self {
        Self {
            tier,
            from_step: None,
            to_step: None,
            tools: Vec::new(),
            min_tokens: None,
            max_tokens: None,
            last_failed: None,
            role: None,
        }
    }
}

/// What is known of a step before it is thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation<'a> {
    /// Its number, from 1.
    pub step: u32,
    /// Names of the tools on offer.
    pub tools: &'a [String],
    /// Tokens of the conversation, estimated.
    pub tokens: u64,
    /// A call of the last step failed.
    pub last_failed: bool,
    /// Role of the agent.
    pub role: Option<&'a str>,
}

/// The tier of the first rule that fits, and why in words; `standard` when none does.
pub fn choose(rules: &[Rule], now: &Situation<'_>) -> (Tier, String) {
    let found = rules.iter().enumerate().find_map(|(i, rule)| Some((i, rule, fits(rule, now)?)));
    match found {
        Some((i, rule, facts)) if facts.is_empty() => (rule.tier, format!("{}: rule {} (always)", rule.tier.name(), i + 1)),
        Some((i, rule, facts)) => (rule.tier, format!("{}: rule {} ({})", rule.tier.name(), i + 1, facts.join(", "))),
        None => (Tier::Standard, "standard: no rule fits".to_owned()),
    }
}

/// The facts that make a rule fit, or `None` when one is against it.
fn fits(rule: &Rule, now: &Situation<'_>) -> Option<Vec<String>> {
    let mut facts = Vec::new();
    let mut need = |named: bool, holds: bool, fact: &dyn Fn() -> String| {
        if named && holds {
            facts.push(fact());
        }
        !named || holds
    };
    let tool = rule.tools.iter().find(|tool| now.tools.contains(tool));
    let role = rule.role.as_deref().filter(|role| now.role.is_some_and(|own| own.eq_ignore_ascii_case(role)));
    let step = rule.from_step.is_none_or(|from| now.step >= from) && rule.to_step.is_none_or(|to| now.step <= to);
    let tokens = rule.min_tokens.is_none_or(|min| now.tokens >= min) && rule.max_tokens.is_none_or(|max| now.tokens <= max);
    let holds = need(rule.from_step.is_some() || rule.to_step.is_some(), step, &|| format!("step {}", now.step))
        && need(!rule.tools.is_empty(), tool.is_some(), &|| format!("has {}", tool.map_or("", String::as_str)))
        && need(rule.min_tokens.is_some() || rule.max_tokens.is_some(), tokens, &|| format!("about {} tokens", now.tokens))
        && need(rule.last_failed.is_some(), rule.last_failed == Some(now.last_failed), &|| match now.last_failed {
            true => "the last step failed".to_owned(),
            false => "the last step went well".to_owned(),
        })
        && need(rule.role.is_some(), role.is_some(), &|| format!("role {}", role.unwrap_or_default()));
    holds.then_some(facts)
}

/// Rules for where none are configured: the first steps look around and are cheap, a failure or a long conversation is not.
pub fn usual() -> Vec<Rule> {
    vec![
        Rule { last_failed: Some(true), ..Rule::always(Tier::Frontier) },
        Rule { min_tokens: Some(60_000), ..Rule::always(Tier::Frontier) },
        Rule { to_step: Some(3), ..Rule::always(Tier::Flash) },
        Rule::always(Tier::Standard),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(step: u32, tokens: u64, last_failed: bool) -> Situation<'static> {
        Situation { step, tools: &[], tokens, last_failed, role: Some("Coder") }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_is_named() {
        let why = |now: &Situation<'_>| choose(&usual(), now).1;
        assert_eq!(why(&now(1, 500, false)), "flash: rule 3 (step 1)");
        assert_eq!(why(&now(2, 500, true)), "frontier: rule 1 (the last step failed)");
        assert_eq!(why(&now(9, 70_000, false)), "frontier: rule 2 (about 70000 tokens)");
        assert_eq!(why(&now(9, 500, false)), "standard: rule 4 (always)");
        assert_eq!(choose(&[], &now(1, 0, false)), (Tier::Standard, "standard: no rule fits".to_owned()));
    }

    #[test]
    fn everything_that_a_rule_names_has_to_fit() {
        let tools = ["run_command".to_owned()];
        let rule = Rule {
            role: Some("coder".into()),
            tools: vec!["browse".into(), "run_command".into()],
            from_step: Some(2),
            max_tokens: Some(100),
            ..Rule::always(Tier::Frontier)
        };
        let with = Situation { tools: &tools, ..now(2, 50, false) };
        assert_eq!(
            choose(std::slice::from_ref(&rule), &with),
            (Tier::Frontier, "frontier: rule 1 (step 2, has run_command, about 50 tokens, role coder)".to_owned())
        );
        for other in [
            Situation { step: 1, ..with },
            Situation { tools: &[], ..with },
            Situation { tokens: 101, ..with },
            Situation { role: None, ..with },
        ] {
            assert_eq!(choose(std::slice::from_ref(&rule), &other).0, Tier::Standard, "{other:?}");
        }
    }
}
