//! What an agent may use up, what it used, and what was found when it had used it up.

use serde::{Deserialize, Serialize};

use crate::{Timestamp, error::ApiError};

/// What may be used up. Absent means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Budget {
    /// Tokens of models, read and written, by the loop and through the gateway.
    #[ts(type = "number | null", optional)]
    pub tokens: Option<u64>,
    /// Cost of models, millionths of a US dollar. Models without a price cost nothing here.
    #[ts(type = "number | null", optional)]
    pub cost_microusd: Option<u64>,
    /// Steps of the built-in agent.
    #[ts(type = "number | null", optional)]
    pub steps: Option<u64>,
    /// Time that it was not paused, seconds.
    #[ts(type = "number | null", optional)]
    pub wall_secs: Option<u64>,
    /// CPU time, seconds.
    #[ts(type = "number | null", optional)]
    pub cpu_secs: Option<u64>,
    /// Bytes sent out of the machine by its connections.
    #[ts(type = "number | null", optional)]
    pub bytes_out: Option<u64>,
}

impl Budget {
    /// The limit of one kind, in the unit in which that is counted ([`Spent::of`]).
    pub fn of(&self, kind: BudgetKind) -> Option<u64> {
        match kind {
            BudgetKind::Tokens => self.tokens,
            BudgetKind::Cost => self.cost_microusd,
            BudgetKind::Steps => self.steps,
            BudgetKind::Wall => self.wall_secs.map(|secs| secs.saturating_mul(1000)),
            BudgetKind::Cpu => self.cpu_secs.map(|secs| secs.saturating_mul(1000)),
            BudgetKind::BytesOut => self.bytes_out,
        }
    }

    /// The same with another limit of one kind, given in the unit in which that is counted; whole seconds, rounded down.
    #[must_use]
    pub const fn with(mut self, kind: BudgetKind, limit: u64) -> Self {
        match kind {
            BudgetKind::Tokens => self.tokens = Some(limit),
            BudgetKind::Cost => self.cost_microusd = Some(limit),
            BudgetKind::Steps => self.steps = Some(limit),
            BudgetKind::Wall => self.wall_secs = Some(limit / 1000),
            BudgetKind::Cpu => self.cpu_secs = Some(limit / 1000),
            BudgetKind::BytesOut => self.bytes_out = Some(limit),
        }
        self
    }

    /// Nothing is limited.
    pub fn is_unlimited(&self) -> bool {
        BudgetKind::ALL.iter().all(|kind| self.of(*kind).is_none())
    }

    /// These limits, and for what they leave open those of `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.or(other.tokens),
            cost_microusd: self.cost_microusd.or(other.cost_microusd),
            steps: self.steps.or(other.steps),
            wall_secs: self.wall_secs.or(other.wall_secs),
            cpu_secs: self.cpu_secs.or(other.cpu_secs),
            bytes_out: self.bytes_out.or(other.bytes_out),
        }
    }

    /// Checks that every limit is one.
    ///
    /// # Errors
    /// [`ErrorCode::Invalid`](crate::ErrorCode::Invalid): a limit of nothing would freeze the agent before it began.
    pub fn check(&self) -> Result<(), ApiError> {
        for kind in BudgetKind::ALL {
            if self.of(kind).is_some_and(|limit| limit == 0 || limit > 1 << 53) {
                let message = format!("the budget of {} is out of range", kind.words());
                return Err(ApiError::invalid(message, "give 1 or more, or leave it out for no limit"));
            }
        }
        Ok(())
    }
}

/// What was used up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Spent {
    /// Tokens of models, read and written.
    #[ts(type = "number")]
    pub tokens: u64,
    /// Cost of models, millionths of a US dollar.
    #[ts(type = "number")]
    pub cost_microusd: u64,
    /// Steps of the built-in agent.
    #[ts(type = "number")]
    pub steps: u64,
    /// Time that it was not paused, milliseconds.
    #[ts(type = "number")]
    pub wall_ms: u64,
    /// CPU time, milliseconds.
    #[ts(type = "number")]
    pub cpu_ms: u64,
    /// Bytes sent out of the machine.
    #[ts(type = "number")]
    pub bytes_out: u64,
}

impl Spent {
    /// What was used of one kind.
    pub const fn of(&self, kind: BudgetKind) -> u64 {
        match kind {
            BudgetKind::Tokens => self.tokens,
            BudgetKind::Cost => self.cost_microusd,
            BudgetKind::Steps => self.steps,
            BudgetKind::Wall => self.wall_ms,
            BudgetKind::Cpu => self.cpu_ms,
            BudgetKind::BytesOut => self.bytes_out,
        }
    }

    /// Both together.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(more.tokens),
            cost_microusd: self.cost_microusd.saturating_add(more.cost_microusd),
            steps: self.steps.saturating_add(more.steps),
            wall_ms: self.wall_ms.saturating_add(more.wall_ms),
            cpu_ms: self.cpu_ms.saturating_add(more.cpu_ms),
            bytes_out: self.bytes_out.saturating_add(more.bytes_out),
        }
    }
}

/// A kind of what is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum BudgetKind {
    /// Tokens of models.
    Tokens,
    /// Millionths of a US dollar.
    Cost,
    /// Steps.
    Steps,
    /// Milliseconds of time.
    Wall,
    /// Milliseconds of CPU time.
    Cpu,
    /// Bytes sent out.
    BytesOut,
}

impl BudgetKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Tokens, Self::Cost, Self::Steps, Self::Wall, Self::Cpu, Self::BytesOut];

    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::Cost => "cost",
            Self::Steps => "steps",
            Self::Wall => "time",
            Self::Cpu => "CPU time",
            Self::BytesOut => "bytes sent out",
        }
    }

    /// A number of this kind, for people.
    pub fn amount(self, n: u64) -> String {
        match self {
            // Whole millionths: exact in a double far beyond any bill. Less than a cent is not nothing.
            Self::Cost if (1..10_000).contains(&n) => format!("${:.5}", n as f64 / 1e6),
            Self::Cost => format!("${:.2}", n as f64 / 1e6),
            Self::Wall | Self::Cpu => format!("{} s", n / 1000),
            Self::Tokens | Self::Steps => grouped(n),
            Self::BytesOut => format!("{} bytes", grouped(n)),
        }
    }
}

/// Whose budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum BudgetScope {
    /// Of one agent in all its life.
    Agent,
    /// Of all agents of one owner, today (UTC).
    OwnerToday,
    /// Of all agents, today (UTC).
    Today,
}

impl BudgetScope {
    /// For people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Agent => "this agent",
            Self::OwnerToday => "its owner today",
            Self::Today => "this service today",
        }
    }
}

/// One limit and how much of it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BudgetLine {
    /// Whose.
    pub scope: BudgetScope,
    /// Of what.
    pub kind: BudgetKind,
    /// Used.
    #[ts(type = "number")]
    pub used: u64,
    /// Limit.
    #[ts(type = "number")]
    pub limit: u64,
}

impl BudgetLine {
    /// From four fifths on a warning is due.
    pub const fn is_near(&self) -> bool {
        self.used.saturating_mul(5) >= self.limit.saturating_mul(4)
    }

    /// Nothing is left.
    pub const fn is_used_up(&self) -> bool {
        self.used >= self.limit
    }

    /// For people: `90 of 100 tokens of this agent`.
    pub fn words(&self) -> String {
        let (used, limit) = (self.kind.amount(self.used), self.kind.amount(self.limit));
        let scope = self.scope.words();
        match self.kind {
            BudgetKind::Tokens | BudgetKind::Steps => format!("{used} of {limit} {} ({scope})", self.kind.words()),
            BudgetKind::Cost => format!("{used} of {limit} ({scope})"),
            BudgetKind::Wall | BudgetKind::Cpu => format!("{used} of {limit} ({}, {scope})", self.kind.words()),
            BudgetKind::BytesOut => format!("{used} of {limit} sent out ({scope})"),
        }
    }
}

/// With a comma before each three digits.
fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let head = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && at % 3 == head {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The budget of an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AgentBudget {
    /// Its own limits, with the configured ones where it has none.
    pub budget: Budget,
    /// What it used.
    pub spent: Spent,
    /// What its children used of its budget, and theirs.
    #[serde(default)]
    pub below: Spent,
    /// What live children may still use of it.
    #[serde(default)]
    pub lent: Spent,
    /// Every limit that holds for it; of those of the agent itself, what its children used and may use counts as used.
    pub lines: Vec<BudgetLine>,
    /// It is frozen because of this.
    pub frozen: Option<String>,
    /// What was found when it was frozen last.
    pub post_mortem: Option<PostMortem>,
    /// What each model was asked so far: by the loop, through the gateway, and to look back.
    #[serde(default)]
    pub by_model: Vec<ModelSpend>,
}

/// What was found when an agent was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PostMortem {
    /// When.
    pub at: Timestamp,
    /// Why it was frozen.
    pub why: String,
    /// What it used.
    pub spent: Spent,
    /// Its last steps, one line each, oldest first.
    pub last_steps: Vec<String>,
    /// What each model cost.
    pub by_model: Vec<ModelSpend>,
    /// What each tool was used for.
    pub by_tool: Vec<ToolSpend>,
    /// Files that its tools changed, as far as its calls say; what commands changed is not known.
    pub files: Vec<String>,
}

/// What one model was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelSpend {
    /// The model, as `PROVIDER/MODEL`; who looked back at a run when it had ended stands apart, as `PROVIDER/MODEL (looking back)`.
    pub model: String,
    /// Answers.
    #[ts(type = "number")]
    pub answers: u64,
    /// Tokens.
    #[ts(type = "number")]
    pub tokens: u64,
    /// Cost, millionths of a US dollar.
    #[ts(type = "number")]
    pub cost_microusd: u64,
}

/// How often a tool was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToolSpend {
    /// The tool.
    pub tool: String,
    /// Calls.
    #[ts(type = "number")]
    pub calls: u64,
    /// Of those, how many failed.
    #[ts(type = "number")]
    pub failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_compared_in_one_unit() {
        let budget: Budget = serde_json::from_str(r#"{"wallSecs":2,"tokens":10}"#).expect("budget");
        assert_eq!((budget.of(BudgetKind::Wall), budget.of(BudgetKind::Cpu)), (Some(2000), None));
        assert!(budget.check().is_ok() && !budget.is_unlimited() && Budget::default().is_unlimited());
        assert!(Budget { steps: Some(0), ..budget }.check().is_err());
        let default = Budget { tokens: Some(1), cpu_secs: Some(3), ..Budget::default() };
        assert_eq!(budget.or(default), Budget { cpu_secs: Some(3), ..budget });
        let line = |used| BudgetLine { scope: BudgetScope::Agent, kind: BudgetKind::Tokens, used, limit: 10 };
        assert_eq!(
            [7, 8, 10].map(|used| (line(used).is_near(), line(used).is_used_up())),
            [(false, false), (true, false), (true, true)]
        );
        assert_eq!(line(9).words(), "9 of 10 tokens (this agent)");
        for (kind, n, text) in [
            (BudgetKind::Tokens, 999, "999"),
            (BudgetKind::Tokens, 1_000, "1,000"),
            (BudgetKind::Steps, 1_234_567, "1,234,567"),
            (BudgetKind::BytesOut, 10_000, "10,000 bytes"),
            (BudgetKind::Cost, 0, "$0.00"),
            (BudgetKind::Cost, 2_560, "$0.00256"),
            (BudgetKind::Cost, 1_500_000, "$1.50"),
        ] {
            assert_eq!(kind.amount(n), text);
        }
        assert!(serde_json::from_str::<Budget>(r#"{"token":1}"#).is_err());
    }
}
