//! The clock.

use std::{
    io,
    time::{SystemTime, UNIX_EPOCH},
};

use aether_protocol::{Finding, FindingGroup};

use crate::finding::Check;

const CLOCK: Check = Check {
    group: FindingGroup::Limits,
    name: "clock",
    meaning: "times of events and of the audit chain, and TLS to model providers",
};
const SYNC: &str = "timedatectl set-ntp true";
/// 2026-01-01: this version cannot have been built earlier.
const EARLIEST: u64 = 1_767_225_600;
/// 2100-01-01.
const LATEST: u64 = 4_102_444_800;

pub(super) struct Facts {
    /// Seconds since 1970.
    now: u64,
    synchronised: io::Result<bool>,
}

impl Facts {
    pub(super) fn now() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Self { now, synchronised: aether_sandbox::sys::clock::synchronised() }
    }
}

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    vec![match &facts.synchronised {
        _ if !(EARLIEST..LATEST).contains(&facts.now) => {
            CLOCK.failure(format!("the clock says {} seconds since 1970, which cannot be", facts.now), SYNC)
        }
        Ok(true) => CLOCK.ok("kept at the right time"),
        Ok(false) => CLOCK.warning("nothing tells the kernel that the clock is right", SYNC),
        Err(error) => CLOCK.skipped(format!("adjtimex: {error}"), "run aether doctor outside of the container"),
    }]
}

#[cfg(test)]
mod tests {
    use aether_protocol::FindingStatus::{Failure, Ok as Good, Skipped, Warning};

    use super::*;

    #[test]
    fn a_clock_is_judged() {
        let refused = || Err(io::Error::from_raw_os_error(1));
        for (now, synchronised, status) in [
            (1_800_000_000, Ok(true), Good),
            (1_800_000_000, Ok(false), Warning),
            (1_800_000_000, refused(), Skipped),
            (5, Ok(true), Failure),
            (5_000_000_000, refused(), Failure),
        ] {
            assert_eq!(judge(&Facts { now, synchronised })[0].status, status, "{now}");
        }
    }
}
