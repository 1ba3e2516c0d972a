//! A check as a value: what it is called and what it is for are said once, the verdict follows from the facts.

use aether_protocol::{Finding, FindingGroup, FindingStatus};
use aether_sandbox::host::Feature;

/// A check without a verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Check {
    pub(crate) group: FindingGroup,
    pub(crate) name: &'static str,
    /// The layer or the feature that depends on it.
    pub(crate) meaning: &'static str,
}

impl Check {
    pub(crate) fn ok(self, detail: impl Into<String>) -> Finding {
        self.finding(FindingStatus::Ok, detail.into(), String::new())
    }

    pub(crate) fn warning(self, detail: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.finding(FindingStatus::Warning, detail.into(), fix.into())
    }

    pub(crate) fn failure(self, detail: impl Into<String>, fix: impl Into<String>) -> Finding {
        self.finding(FindingStatus::Failure, detail.into(), fix.into())
    }

    /// Not looked at; `how` says how to have it looked at.
    pub(crate) fn skipped(self, detail: impl Into<String>, how: impl Into<String>) -> Finding {
        self.finding(FindingStatus::Skipped, detail.into(), how.into())
    }

    /// Not looked at, because the caller is not root.
    pub(crate) fn needs_root(self) -> Finding {
        self.skipped("only root can try this", "sudo aether doctor")
    }

    /// What was measured: `otherwise` when it does not work.
    pub(crate) fn measured(self, feature: Option<&Feature>, otherwise: FindingStatus) -> Finding {
        match feature {
            None => self.needs_root(),
            Some(feature) if feature.works => self.ok(feature.detail.clone()),
            Some(feature) => self.finding(otherwise, feature.detail.clone(), feature.fix.clone()),
        }
    }

    fn finding(self, status: FindingStatus, detail: String, fix: String) -> Finding {
        Finding { name: self.name.to_owned(), group: self.group, status, detail, meaning: self.meaning.to_owned(), fix }
    }
}
