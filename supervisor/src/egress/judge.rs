//! Asks the one function, and a person where that says so, and writes down what came of it.

use std::{net::IpAddr, sync::Arc};

use aether_net::{Host, Question, Reason, Seen, Verdict, verdict};
use aether_protocol::{
    Decision,
    event::{ApprovalDecided, ApprovalRequested},
    network::{ApprovalWish, ConnectWish, NetworkVerdict},
};

use super::{agent::AgentNet, caller::Caller, lock};
use crate::approvals::{Asker, PATIENCE, Word};

impl AgentNet {
    /// The verdict of the moment, with the words that people gave for the moment. Waits for nobody.
    pub(super) fn verdict(
        &self,
        program: Option<&Arc<str>>,
        host: &Host,
        port: u16,
        seen: Seen<'_>,
        addresses: &[IpAddr],
    ) -> Verdict {
        let Some(own) = self.shared.own.now() else {
            return Verdict::Deny(Reason::Malformed("the addresses of the host itself cannot be read".to_owned()));
        };
        match verdict(
            &self.policy(),
            &Question { host, port, seen, addresses, own: &own, program: program.map(|program| &**program) },
        ) {
            Verdict::Ask => match self.word(program, host, port) {
                Some(Decision::Deny) => Verdict::Deny(Reason::Refused),
                Some(Decision::Once | Decision::Always) => Verdict::Allow(Reason::Person),
                None => Verdict::Ask,
            },
            other => other,
        }
    }

    /// As [`AgentNet::verdict`], held until a person decides where that is asked for. Denials are recorded.
    pub(super) async fn permit(
        &self,
        from: &Caller,
        host: &Host,
        port: u16,
        seen: Seen<'_>,
        addresses: &[IpAddr],
    ) -> Result<Reason, Reason> {
        if self.policy().names_program(host) {
            from.find(self).await;
        } else {
            from.note(self, host, port).await;
        }
        let verdict = match self.verdict(from.known(), host, port, seen, addresses) {
            // A person wants to know who asks.
            Verdict::Ask if from.known().is_none() => {
                let program = from.find(self).await;
                self.verdict(program, host, port, seen, addresses)
            }
            other => other,
        };
        let outcome = match verdict {
            Verdict::Allow(reason) => Ok(reason),
            Verdict::Deny(reason) => Err(reason),
            Verdict::Ask => self.hold(from.known(), host, port).await,
        };
        if let Some(program) = from.known() {
            lock(&self.ledger).by(&host.to_string(), port, program);
        }
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
        self.asked.notify_one();
        if let Some(event) = event {
            self.tell(event);
        }
    }

    /// Waits for a person, but not for ever.
    async fn hold(&self, program: Option<&Arc<str>>, host: &Host, port: u16) -> Result<Reason, Reason> {
        let gone = Reason::Malformed("the agent is ending".to_owned());
        let about = self.world.about(self.id()).ok_or_else(|| gone.clone())?;
        let asker = Asker { agent: self.id().clone(), number: about.number, name: about.name, step: about.step };
        let wish = ApprovalWish::Connect(ConnectWish { host: host.to_string(), port, program: program.map(ToString::to_string) });
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
                self.remember(program, host, port, word.decision);
                match word.decision {
                    Decision::Once | Decision::Always => Ok(Reason::Person),
                    Decision::Deny => Err(Reason::Refused),
                }
            }
            Ok(None) => Err(gone),
            Err(_) => {
                // Whoever of those who wait comes first says so, once.
                if self
                    .shared
                    .approvals
                    .decide(id, Word { decision: Decision::Deny, by: "nobody".to_owned(), reason: None })
                    .is_ok()
                {
                    self.tell(ApprovalDecided {
                        pid: about.number,
                        id,
                        decision: Decision::Deny,
                        by: "nobody".to_owned(),
                        reason: None,
                    });
                }
                Err(Reason::Unanswered)
            }
        }
    }
}
