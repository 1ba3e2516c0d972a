//! What agents may do and use up unless something else was said of one.

use aether_protocol::{Budget, ToolRule, approval::check_rules};
use serde::Deserialize;

use super::values::Size;

/// Calls that wait for a person.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApprovalsConfig {
    /// Rules about the calls of every built-in agent; one of its own can only be stricter.
    pub rules: Vec<ToolRule>,
    /// Seconds after which a call that waits is denied.
    pub patience_secs: u64,
    /// What happens to calls that change something after a text looked like an attempt to give the agent orders.
    pub on_suspicion: OnSuspicion,
}

/// What follows from a suspicion.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnSuspicion {
    /// The next call that changes something waits for a person.
    #[default]
    Ask,
    /// It is shown, and nothing else.
    Show,
}

impl Default for ApprovalsConfig {
    fn default() -> Self {
        Self { rules: Vec::new(), patience_secs: 120, on_suspicion: OnSuspicion::Ask }
    }
}

/// What may be used up. Nothing is limited unless it is said here or of an agent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetsConfig {
    /// By each agent in all its life, unless it has a limit of its own.
    pub agent: BudgetConfig,
    /// By all agents of one owner in a day (UTC).
    pub owner_daily: BudgetConfig,
    /// By all agents in a day (UTC).
    pub daily: BudgetConfig,
}

/// Limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetConfig {
    /// Tokens of models, read and written.
    pub tokens: Option<u64>,
    /// US dollars.
    pub cost_usd: Option<f64>,
    /// Steps of built-in agents.
    pub steps: Option<u64>,
    /// Seconds that agents were not paused.
    pub wall_secs: Option<u64>,
    /// Seconds of CPU time.
    pub cpu_secs: Option<u64>,
    /// Bytes sent out of the machine.
    pub bytes_out: Option<Size>,
}

impl BudgetConfig {
    /// The same, as limits of agents are given.
    pub fn budget(&self) -> Budget {
        Budget {
            tokens: self.tokens,
            // A negative or broken number becomes 0, which the check refuses.
            cost_microusd: self.cost_usd.map(|usd| (usd * 1e6).round() as u64),
            steps: self.steps,
            wall_secs: self.wall_secs,
            cpu_secs: self.cpu_secs,
            bytes_out: self.bytes_out.map(|size| size.0),
        }
    }
}

/// What makes no sense: the key, and why.
pub(super) fn problem(approvals: &ApprovalsConfig, budgets: &BudgetsConfig) -> Option<(&'static str, String)> {
    if let Err(error) = check_rules(&approvals.rules) {
        return Some(("approvals.rules", error.message));
    }
    if !(1..=7 * 86_400).contains(&approvals.patience_secs) {
        return Some(("approvals.patience_secs", "must be 1 to 604800".to_owned()));
    }
    let all = [("budgets.agent", budgets.agent), ("budgets.owner_daily", budgets.owner_daily), ("budgets.daily", budgets.daily)];
    all.into_iter().find_map(|(key, limits)| limits.budget().check().err().map(|error| (key, error.message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_limits_are_read_and_checked() {
        let approvals: ApprovalsConfig =
            toml::from_str("on_suspicion = \"show\"\n[[rules]]\nthen = \"ask\"\ncommand = \"git push*\"\n").expect("approvals");
        assert_eq!((approvals.rules.len(), approvals.on_suspicion), (1, OnSuspicion::Show));
        let budgets: BudgetsConfig = toml::from_str("[agent]\ncost_usd = 1.5\n[daily]\nbytes_out = \"1G\"\n").expect("budgets");
        assert_eq!(budgets.agent.budget().cost_microusd, Some(1_500_000));
        assert_eq!(problem(&approvals, &budgets), None);
        let negative = BudgetsConfig { daily: BudgetConfig { cost_usd: Some(-1.0), ..BudgetConfig::default() }, ..budgets };
        assert_eq!(problem(&approvals, &negative).map(|(key, _)| key), Some("budgets.daily"));
        let relative =
            ApprovalsConfig { rules: vec![ToolRule { path: Some("a".into()), ..approvals.rules[0].clone() }], ..approvals };
        assert_eq!(problem(&relative, &budgets).map(|(key, _)| key), Some("approvals.rules"));
        assert!(toml::from_str::<BudgetsConfig>("[agent]\ntoken = 1\n").is_err());
    }
}
