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

/// Who decides when nobody does.
const NOBODY: &str = "nobody";

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
            // Somebody else who waited for the same was first to find that nobody decided.
            Ok(Some(Word { decision: Decision::Deny, by, .. })) if by == NOBODY => Err(Reason::Unanswered),
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
                    .decide(id, Word { decision: Decision::Deny, by: NOBODY.to_owned(), reason: None })
                    .is_ok()
                {
                    self.tell(ApprovalDecided {
                        pid: about.number,
                        id,
                        decision: Decision::Deny,
                        by: NOBODY.to_owned(),
                        reason: None,
                    });
                }
                Err(Reason::Unanswered)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, TcpListener, UdpSocket},
        sync::Mutex,
    };

    use aether_net::{Otherwise, Policy};
    use aether_protocol::{AgentEvent, AgentId, network::NetworkDestination};
    use tokio::{net::TcpStream, time::Instant};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        egress::{About, Egress, World},
        links::init::NetworkSockets,
    };

    /// One agent in its third step; keeps what is told of it.
    #[derive(Default)]
    struct Alone(Mutex<Vec<AgentEvent>>);

    #[async_trait::async_trait]
    impl World for Alone {
        async fn tell(&self, _: &AgentId, events: Vec<AgentEvent>) {
            lock(&self.0).extend(events);
        }

        async fn keep(&self, _: &AgentId, _: Vec<NetworkDestination>) {}

        fn about(&self, _: &AgentId) -> Option<About> {
            Some(About { number: 7, name: "one".into(), step: Some(3) })
        }

        async fn program(&self, _: &AgentId, _: SocketAddr, _: SocketAddr) -> Option<String> {
            Some("/usr/bin/curl".into())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_decides_is_denied_when_its_time_is_over() {
        let (world, egress, id) = (Arc::new(Alone::default()), Egress::default(), AgentId::from_random([1; 12]));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let stream = TcpStream::connect(listener.local_addr().expect("its address")).await.expect("a connection");
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let sockets = NetworkSockets { tcp4: listener.into(), udp4: udp.into(), tcp6: None, udp6: None };
        let policy = Policy { allow: Vec::new(), deny: Vec::new(), open: Vec::new(), otherwise: Otherwise::Ask };
        egress.serve(world.clone(), &id, (policy, Vec::new()), sockets, CancellationToken::new());
        let net = egress.of(&id).expect("its network");
        let (from, host, begun) = (Caller::of(&stream), Host::parse("a.test").expect("a host"), Instant::now());
        let permit = || net.permit(&from, &host, 443, Seen::Nothing, &[]);
        let shown = async {
            tokio::time::sleep(PATIENCE / 2).await;
            egress.approvals().list()
        };
        let (first, second, shown) = tokio::join!(permit(), permit(), shown);
        assert_eq!((first, second), (Err(Reason::Unanswered), Err(Reason::Unanswered)));
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
        assert_eq!(shown.len(), 1, "two connections to one destination are one question");
        assert_eq!((shown[0].pid, shown[0].step), (7, Some(3)));
        let ApprovalWish::Connect(wish) = &shown[0].wish else { panic!("{shown:?}") };
        assert_eq!((wish.host.as_str(), wish.port, wish.program.as_deref()), ("a.test", 443, Some("/usr/bin/curl")));
        assert!(egress.approvals().list().is_empty(), "nobody is asked any more");
        tokio::time::sleep(PATIENCE).await;
        let decided = lock(&world.0).iter().filter(|event| matches!(event, AgentEvent::ApprovalDecided(_))).count();
        assert_eq!(decided, 1, "that is told once");
    }
}
