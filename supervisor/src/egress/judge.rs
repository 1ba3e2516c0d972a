//! Asks the one function, and a person where that says so, and writes down what came of it.

use std::net::IpAddr;

use aether_net::{Host, Question, Reason, Seen, Verdict, verdict};
use aether_protocol::{
    Decision,
    event::{ApprovalDecided, ApprovalRequested},
    network::{ApprovalWish, ConnectWish, NetworkVerdict},
};

use super::{agent::AgentNet, lock};
use crate::approvals::{Asker, PATIENCE};

impl AgentNet {
    /// The verdict of the moment, with the words that people gave for the moment. Waits for nobody.
    pub(super) fn verdict(&self, host: &Host, port: u16, seen: Seen<'_>, addresses: &[IpAddr]) -> Verdict {
        let Some(own) = self.shared.own.now() else {
            return Verdict::Deny(Reason::Malformed("the addresses of the host itself cannot be read".to_owned()));
        };
        match verdict(&self.policy(), &Question { host, port, seen, addresses, own: &own }) {
            Verdict::Ask => match self.word(host, port) {
                Some(Decision::Deny) => Verdict::Deny(Reason::Refused),
                Some(Decision::Once | Decision::Always) => Verdict::Allow(Reason::Person),
                None => Verdict::Ask,
            },
            other => other,
        }
    }

    /// As [`AgentNet::verdict`], held until a person decides where that is asked for. Denials are recorded.
    pub(super) async fn permit(&self, host: &Host, port: u16, seen: Seen<'_>, addresses: &[IpAddr]) -> Result<Reason, Reason> {
        let outcome = match self.verdict(host, port, seen, addresses) {
            Verdict::Allow(reason) => Ok(reason),
            Verdict::Deny(reason) => Err(reason),
            Verdict::Ask => self.hold(host, port).await,
        };
        outcome.inspect_err(|reason| self.record(host, port, NetworkVerdict::Denied, reason))
    }

    /// Denies for a reason that is not the policy's.
    pub(super) fn deny(&self, host: &Host, port: u16, reason: Reason) -> Reason {
        self.record(host, port, NetworkVerdict::Denied, &reason);
        reason
    }

    /// Writes a verdict down.
    pub(super) fn record(&self, host: &Host, port: u16, verdict: NetworkVerdict, reason: &Reason) {
        let number = self.world.about(self.id()).map_or(0, |about| about.number);
        let event = lock(&self.ledger).decided(number, &host.to_string(), port, verdict, &reason.to_string());
        if let Some(event) = event {
            self.tell(event);
        }
    }

    /// Waits for a person, but not for ever.
    async fn hold(&self, host: &Host, port: u16) -> Result<Reason, Reason> {
        let gone = Reason::Malformed("the agent is ending".to_owned());
        let about = self.world.about(self.id()).ok_or_else(|| gone.clone())?;
        let asker = Asker { agent: self.id().clone(), number: about.number, name: about.name, step: about.step };
        let wish = ApprovalWish::Connect(ConnectWish { host: host.to_string(), port });
        let Some(waiting) = self.shared.approvals.ask(asker, wish) else {
            return Err(Reason::Limit("too many requests of this agent wait for a person"));
        };
        let id = waiting.shown.id;
        if waiting.new {
            self.record(host, port, NetworkVerdict::Held, &Reason::Unlisted);
            self.tell(ApprovalRequested { pid: about.number, approval: waiting.shown.clone() });
        }
        match tokio::time::timeout(PATIENCE, waiting.word()).await {
            Ok(Some(word)) => {
                self.remember(host, port, word.decision);
                match word.decision {
                    Decision::Once | Decision::Always => Ok(Reason::Person),
                    Decision::Deny => Err(Reason::Refused),
                }
            }
            Ok(None) => Err(gone),
            Err(_) => {
                // Whoever of those who wait comes first says so, once.
                if self.shared.approvals.decide(id, Decision::Deny, "nobody").is_ok() {
                    self.tell(ApprovalDecided { pid: about.number, id, decision: Decision::Deny, by: "nobody".to_owned(), reason: None });
                }
                Err(Reason::Unanswered)
            }
        }
    }
}
