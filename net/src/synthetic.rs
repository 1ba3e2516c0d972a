//! Names stand behind addresses of their own, so that a connection made to one tells which name was meant.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

use crate::HostName;

/// First address given: those of the service's own are below.
const FIRST: u32 = Ipv4Addr::new(198, 18, 1, 0).to_bits();
/// How many there are, up to the end of 198.18.0.0/15.
const COUNT: u32 = Ipv4Addr::new(198, 19, 255, 255).to_bits() - FIRST;
/// Names remembered per agent.
const MOST: usize = 4096;

/// The names of one agent. Which address a name has follows from the name, so that it is the same after a restart unless two names
/// meet; an address that is forgotten leads nowhere until its name is looked up again.
#[derive(Debug, Default)]
pub struct Names {
    by_index: BTreeMap<u32, (HostName, u64)>,
    by_name: HashMap<HostName, u32>,
    clock: u64,
}

impl Names {
    /// The address of a name, made when it has none. Beyond 4096 names the one used longest ago is forgotten.
    pub fn address(&mut self, name: &HostName) -> Ipv4Addr {
        self.clock += 1;
        if let Some(index) = self.by_name.get(name)
            && let Some((_, used)) = self.by_index.get_mut(index)
        {
            *used = self.clock;
            return at(*index);
        }
        if self.by_index.len() >= MOST
            && let Some(oldest) = self.by_index.iter().min_by_key(|(_, (_, used))| *used).map(|(index, _)| *index)
            && let Some((name, _)) = self.by_index.remove(&oldest)
        {
            self.by_name.remove(&name);
        }
        // At most MOST of COUNT places are taken: a free one is near.
        let mut index = hash(name.as_str()) % COUNT;
        while self.by_index.contains_key(&index) {
            index = (index + 1) % COUNT;
        }
        self.by_index.insert(index, (name.clone(), self.clock));
        self.by_name.insert(name.clone(), index);
        at(index)
    }

    /// The name behind an address.
    pub fn name(&mut self, address: Ipv4Addr) -> Option<HostName> {
        let index = address.to_bits().checked_sub(FIRST)?;
        self.clock += 1;
        let (name, used) = self.by_index.get_mut(&index)?;
        *used = self.clock;
        Some(name.clone())
    }

    /// Is it one of the addresses that stand for names, whether or not one is behind it now?
    pub fn is_synthetic(address: Ipv4Addr) -> bool {
        address.to_bits().checked_sub(FIRST).is_some_and(|index| index <= COUNT)
    }
}

const fn at(index: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(FIRST + index)
}

/// FNV-1a: the same in every version. Who makes names meet makes only its own lookups slower.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> HostName {
        HostName::parse(text).expect(text)
    }

    #[test]
    fn an_address_leads_back_to_its_name() {
        let mut names = Names::default();
        let first = names.address(&name("a.test"));
        let second = names.address(&name("b.test"));
        assert_ne!(first, second);
        assert_eq!(names.address(&name("A.test.")), first);
        assert_eq!(names.name(first), Some(name("a.test")));
        assert!(Names::is_synthetic(first) && !Names::is_synthetic(crate::SERVICE) && !Names::is_synthetic(crate::GATEWAY));
        assert_eq!(Names::default().address(&name("a.test")), first, "the same for another agent and after a restart");
    }

    #[test]
    fn names_are_bounded_and_those_in_use_stay() {
        let mut names = Names::default();
        let kept = names.address(&name("kept.test"));
        for i in 0..3 * MOST {
            names.address(&name(&format!("n{i}.test")));
            assert_eq!(names.name(kept), Some(name("kept.test")));
        }
        assert_eq!((names.by_index.len(), names.by_name.len()), (MOST, MOST));
    }
}
