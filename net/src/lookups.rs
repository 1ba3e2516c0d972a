//! How much may be asked of resolvers. A question carries its labels to whoever serves the domain, so who may look up any name below
//! one could send data there in names alone.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher as _, RandomState},
    time::{Duration, Instant},
};

use crate::HostName;

/// Lookups at once, for pages of many hosts.
const BURST: f64 = 100.0;
/// Lookups that are added each second.
const PER_SECOND: f64 = 20.0;
/// A lookup that would have to wait longer than this is refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// Different names below one domain in an hour.
const MOST: usize = 128;
/// Of which so many are worth a word.
const MANY: usize = 64;
/// How long names below a domain are counted together.
const HOUR: Duration = Duration::from_secs(3600);
/// Domains that are counted at a time.
const DOMAINS: usize = 1024;

/// What one agent asked.
#[derive(Debug)]
pub struct Lookups {
    spare: f64,
    filled: Option<Instant>,
    domains: HashMap<String, Domain>,
    /// Names become numbers by a key that nobody knows: an agent must not find names that have the number of another.
    keyed: RandomState,
}

#[derive(Debug)]
struct Domain {
    since: Instant,
    /// Names as numbers: whether one was there before is all that is asked of them.
    names: HashSet<u64>,
}

/// What comes of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// It may be made after this time.
    After(Duration),
    /// As well, and people should hear of it: so many names below this domain are unusual.
    Unusual(Duration, String),
    /// Not below this domain, for up to an hour.
    TooMany(String),
    /// Not now: too many wait.
    TooFast,
}

impl Default for Lookups {
    fn default() -> Self {
        Self { spare: BURST, filled: None, domains: HashMap::new(), keyed: RandomState::new() }
    }
}

impl Lookups {
    /// A name is about to be looked up.
    pub fn ask(&mut self, name: &HostName, now: Instant) -> LookUp {
        let domain = domain(name.as_str());
        let count = match domain {
            Some(domain) if domain != name.as_str() => self.count(domain, name.as_str(), now),
            _ => Some(0),
        };
        let domain = domain.unwrap_or_default().to_owned();
        let Some(count) = count else { return LookUp::TooMany(domain) };
        let since = self.filled.replace(now).map_or(Duration::ZERO, |filled| now.saturating_duration_since(filled));
        self.spare = (self.spare + since.as_secs_f64() * PER_SECOND).min(BURST);
        let wait = Duration::from_secs_f64(((1.0 - self.spare) / PER_SECOND).max(0.0));
        if wait > PATIENCE {
            return LookUp::TooFast;
        }
        self.spare -= 1.0;
        if count == MANY { LookUp::Unusual(wait, domain) } else { LookUp::After(wait) }
    }

    /// How many names below the domain this is the newest of; 0 when it was there before, nothing when there are too many.
    fn count(&mut self, domain: &str, name: &str, now: Instant) -> Option<usize> {
        let old = |one: &Domain| now.saturating_duration_since(one.since) >= HOUR;
        if self.domains.len() >= DOMAINS && !self.domains.contains_key(domain) {
            self.domains.retain(|_, one| !old(one));
            // Those with few names first: forgetting one must not be a way to begin anew.
            if self.domains.len() >= DOMAINS
                && let Some(least) = self.domains.iter().min_by_key(|(_, one)| one.names.len()).map(|(domain, _)| domain.clone())
            {
                self.domains.remove(&least);
            }
        }
        let counted = self.domains.entry(domain.to_owned()).or_insert_with(|| Domain { since: now, names: HashSet::new() });
        if old(counted) {
            *counted = Domain { since: now, names: HashSet::new() };
        }
        let number = self.keyed.hash_one(name);
        if counted.names.contains(&number) {
            return Some(0);
        }
        if counted.names.len() >= MOST {
            return None;
        }
        counted.names.insert(number);
        Some(counted.names.len())
    }
}

/// The part of a name that somebody registered: its last two labels, or three where the second is like that of `co.uk`.
fn domain(name: &str) -> Option<&str> {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (first, second) = (dots.next()?, dots.next());
    let Some(second) = second else { return Some(name) };
    let (top, under) = (name.len() - first - 1, first - second - 1);
    let at = if top == 2 && under <= 3 { dots.next() } else { Some(second) };
    Some(at.map_or(name, |at| &name[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HostName {
        HostName::parse(text).expect(text)
    }

    #[test]
    fn a_domain_is_what_somebody_registered() {
        for (name, wanted) in [
            ("a.b.attacker.test", Some("attacker.test")),
            ("attacker.test", Some("attacker.test")),
            ("x.attacker.co.uk", Some("attacker.co.uk")),
            ("attacker.co.uk", Some("attacker.co.uk")),
            ("x.example.de", Some("example.de")),
            ("host", None),
        ] {
            assert_eq!(domain(name), wanted, "{name}");
        }
    }

    #[test]
    fn names_that_carry_data_come_to_an_end_and_other_domains_do_not() {
        let (mut lookups, start) = (Lookups::default(), Instant::now());
        let mut told = Vec::new();
        // Slowly enough for the rate.
        for i in 0..200_u32 {
            let now = start + Duration::from_secs(u64::from(i));
            match lookups.ask(&name(&format!("d{i}.x{i}.attacker.test")), now) {
                LookUp::After(wait) => assert!(wait.is_zero() && i < 128, "{i}"),
                LookUp::Unusual(_, domain) => told.push((i, domain)),
                LookUp::TooMany(domain) => assert!(i >= 128 && domain == "attacker.test", "{i}"),
                LookUp::TooFast => panic!("{i}"),
            }
        }
        assert_eq!(told, [(63, "attacker.test".to_owned())]);
        let now = start + Duration::from_secs(200);
        assert_eq!(
            lookups.ask(&name("d0.x0.attacker.test"), now),
            LookUp::After(Duration::ZERO),
            "the same again carries nothing"
        );
        assert_eq!(lookups.ask(&name("attacker.test"), now), LookUp::After(Duration::ZERO));
        assert_eq!(lookups.ask(&name("a.other.test"), now), LookUp::After(Duration::ZERO));
        assert_eq!(lookups.ask(&name("new.attacker.test"), start + HOUR), LookUp::After(Duration::ZERO), "an hour later");
    }

    #[test]
    fn nobody_knows_the_number_of_a_name() {
        let [one, other] = [Lookups::default(), Lookups::default()].map(|lookups| lookups.keyed.hash_one("d0.attacker.test"));
        assert_ne!(one, other, "names of one number would pass for one name");
    }

    #[test]
    fn lookups_have_a_rate() {
        let (mut lookups, start) = (Lookups::default(), Instant::now());
        let mut ask = |i: u32, now| lookups.ask(&name(&format!("n{i}.test")), now);
        let waits: Vec<LookUp> = (0..400).map(|i| ask(i, start)).collect();
        assert!(waits[..100].iter().all(|wait| *wait == LookUp::After(Duration::ZERO)));
        assert_eq!(waits[119], LookUp::After(Duration::from_secs(1)));
        assert_eq!(waits.iter().filter(|wait| **wait == LookUp::TooFast).count(), 100, "ten seconds' worth waits");
        // A second later there is room for twenty more.
        let later = (400..440).filter(|i| ask(*i, start + Duration::from_secs(1)) != LookUp::TooFast).count();
        assert_eq!(later, 20);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_no_way_to_begin_anew() {
        let (mut lookups, start) = (Lookups::default(), Instant::now());
        for i in 0..128_u32 {
            lookups.ask(&name(&format!("d{i}.attacker.test")), start);
        }
        for i in 0..3000_u32 {
            lookups.ask(&name(&format!("a.n{i}.test")), start + Duration::from_secs(u64::from(i) / 20));
        }
        assert!(lookups.domains.len() <= DOMAINS);
        let asked = lookups.ask(&name("more.attacker.test"), start + Duration::from_secs(200));
        assert_eq!(asked, LookUp::TooMany("attacker.test".to_owned()));
    }
}
