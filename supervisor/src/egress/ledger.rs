//! What an agent asked for: a row per destination, and events that repeat themselves no more than people can read.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aether_protocol::{
    Timestamp,
    event::NetworkDecided,
    network::{NetworkDestination, NetworkVerdict},
};

/// Rows kept per agent.
pub(super) const ROWS: usize = 1024;
/// A destination's verdict is told again at most this often.
const AGAIN: Duration = Duration::from_secs(10);
/// Events an agent may cause at once, and how many more each second.
const BURST: u32 = 40;
const PER_SECOND: f64 = 10.0;

/// Destinations of one agent.
pub(super) struct Ledger {
    rows: BTreeMap<(String, u16), Row>,
    sent: u64,
    tokens: f64,
    filled: Instant,
    /// Verdicts that were left out because there were too many.
    left_out: u64,
    clock: u64,
}

struct Row {
    shown: NetworkDestination,
    used: u64,
    told: Option<(NetworkVerdict, Instant)>,
    untold: u32,
    /// It is not kept as it is now.
    changed: bool,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), sent: 0, tokens: f64::from(BURST), filled: Instant::now(), left_out: 0, clock: 0 }
    }
}

impl Ledger {
    /// Notes a verdict; the event to be told of it, unless the same was told just now.
    pub(super) fn decided(
        &mut self,
        pid: u64,
        host: &str,
        port: u16,
        verdict: NetworkVerdict,
        reason: &str,
    ) -> Option<NetworkDecided> {
        let row = self.row(host, port);
        row.shown.verdict = verdict;
        reason.clone_into(&mut row.shown.reason);
        row.shown.last_at = Timestamp::now();
        match verdict {
            NetworkVerdict::Allowed => row.shown.allowed += 1,
            NetworkVerdict::Denied => row.shown.denied += 1,
            NetworkVerdict::Held => {}
        }
        row.untold = row.untold.saturating_add(1);
        let same = row.told.is_some_and(|(told, at)| told == verdict && at.elapsed() < AGAIN);
        if same {
            return None;
        }
        if !self.take_token() {
            self.left_out += 1;
            return None;
        }
        let row = self.row(host, port);
        row.told = Some((verdict, Instant::now()));
        let count = std::mem::take(&mut row.untold);
        Some(NetworkDecided { pid, host: host.to_owned(), port, verdict, reason: reason.to_owned(), count })
    }

    /// Is this a destination that was asked for before?
    pub(super) fn knows(&self, host: &str, port: u16) -> bool {
        self.rows.contains_key(&(host.to_owned(), port))
    }

    /// Notes which program asked for it.
    pub(super) fn by(&mut self, host: &str, port: u16, program: &str) {
        let shown = &mut self.row(host, port).shown.program;
        if shown.as_deref() != Some(program) {
            *shown = Some(program.to_owned());
        }
    }

    /// Counts bytes.
    pub(super) fn moved(&mut self, host: &str, port: u16, sent: u64, received: u64) {
        self.sent = self.sent.saturating_add(sent);
        let row = self.row(host, port);
        row.shown.bytes_sent += sent;
        row.shown.bytes_received += received;
    }

    /// Bytes sent in all, also to destinations whose rows are gone.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Every row, last used first.
    pub(super) fn shown(&self) -> Vec<NetworkDestination> {
        let mut rows: Vec<&Row> = self.rows.values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.used));
        rows.into_iter().map(|row| row.shown.clone()).collect()
    }

    /// What was kept of an earlier service, last used first.
    pub(super) fn remembering(kept: Vec<NetworkDestination>) -> Self {
        let mut ledger = Self::default();
        for shown in kept.into_iter().rev() {
            let row = ledger.row(&shown.host, shown.port);
            (row.shown, row.changed) = (shown, false);
        }
        ledger
    }

    /// The rows that changed since this was asked last.
    pub(super) fn changed(&mut self) -> Vec<NetworkDestination> {
        let rows = self.rows.values_mut();
        rows.filter_map(|row| std::mem::take(&mut row.changed).then(|| row.shown.clone())).collect()
    }

    /// How many verdicts were told to nobody for want of tokens, since this was asked last. Repetitions are counted in their own events.
    pub(super) fn left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    fn row(&mut self, host: &str, port: u16) -> &mut Row {
        self.clock += 1;
        let key = (host.to_owned(), port);
        if self.rows.len() >= ROWS
            && !self.rows.contains_key(&key)
            && let Some(oldest) = self.rows.iter().min_by_key(|(_, row)| row.used).map(|(key, _)| key.clone())
        {
            self.rows.remove(&oldest);
        }
        let row = self.rows.entry(key).or_insert_with(|| Row {
            shown: NetworkDestination {
                host: host.to_owned(),
                port,
                verdict: NetworkVerdict::Held,
                reason: String::new(),
                allowed: 0,
                denied: 0,
                bytes_sent: 0,
                bytes_received: 0,
                program: None,
                last_at: Timestamp::now(),
            },
            used: 0,
            told: None,
            untold: 0,
            changed: true,
        });
        (row.used, row.changed) = (self.clock, true);
        row
    }

    fn take_token(&mut self) -> bool {
        let now = Instant::now();
        self.tokens = (self.tokens + now.duration_since(self.filled).as_secs_f64() * PER_SECOND).min(f64::from(BURST));
        self.filled = now;
        let spare = self.tokens >= 1.0;
        if spare {
            self.tokens -= 1.0;
        }
        spare
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_counted_and_other_verdicts_told() {
        let mut ledger = Ledger::default();
        let mut decide = |verdict| ledger.decided(1, "a.test", 443, verdict, "why");
        assert_eq!(decide(NetworkVerdict::Denied).expect("first").count, 1);
        assert_eq!(decide(NetworkVerdict::Denied), None);
        assert_eq!(decide(NetworkVerdict::Denied), None);
        assert_eq!(decide(NetworkVerdict::Allowed).expect("another").count, 3);
        let row = &ledger.shown()[0];
        assert_eq!((row.allowed, row.denied, row.verdict), (1, 3, NetworkVerdict::Allowed));
    }

    #[test]
    fn what_was_kept_is_gone_on_with() {
        let mut ledger = Ledger::default();
        ledger.decided(1, "a.test", 443, NetworkVerdict::Allowed, "why");
        ledger.moved("b.test", 80, 5, 7);
        let kept = ledger.changed();
        assert_eq!((kept.len(), ledger.changed().len()), (2, 0));
        let mut next = Ledger::remembering(ledger.shown());
        assert_eq!((next.shown(), next.changed(), next.sent()), (ledger.shown(), Vec::new(), 0));
        next.moved("b.test", 80, 5, 0);
        let changed = next.changed();
        assert_eq!((changed.len(), changed[0].bytes_sent, changed[0].bytes_received), (1, 10, 7));
    }

    #[test]
    fn neither_events_nor_rows_grow_without_end() {
        let mut ledger = Ledger::default();
        let told = (0..5000).filter(|i| ledger.decided(1, &format!("n{i}.test"), 443, NetworkVerdict::Denied, "why").is_some());
        let told = told.count();
        assert!((40..200).contains(&told), "{told}");
        assert_eq!((ledger.left_out(), ledger.left_out()), (5000 - told as u64, 0));
        assert_eq!(ledger.shown().len(), ROWS);
        assert_eq!(ledger.shown()[0].host, "n4999.test");
    }
}
