//! The addresses of this host, which no agent reaches.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use nix::ifaddrs::getifaddrs;

use super::lock;

/// How long a reading counts: an address that comes later is refused this much later.
const FRESH: Duration = Duration::from_secs(1);

/// The addresses of all interfaces.
#[derive(Default)]
pub(super) struct OwnAddresses {
    read: Mutex<Option<(Instant, Arc<[IpAddr]>)>>,
}

impl OwnAddresses {
    /// As they are now. `None` when they cannot be read: nothing can be judged then.
    pub(super) fn now(&self) -> Option<Arc<[IpAddr]>> {
        let mut read = lock(&self.read);
        if let Some((at, addresses)) = &*read
            && at.elapsed() < FRESH
        {
            return Some(addresses.clone());
        }
        let found =
            getifaddrs().inspect_err(|error| tracing::error!(%error, "the addresses of this host cannot be read")).ok()?;
        let addresses: Arc<[IpAddr]> = found
            .filter_map(|interface| {
                let address = interface.address?;
                let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
                v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
            })
            .collect();
        *read = Some((Instant::now(), addresses.clone()));
        Some(addresses)
    }
}
