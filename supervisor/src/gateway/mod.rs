//! The model gateway and the credentials on the way out, with the fleet behind them.

mod desk;
mod egress;
mod environment;

use std::sync::Arc;

use aether_gateway::{Price, Settings, Upstream};
use aether_protocol::ModelProvider;

pub(crate) use self::{
    desk::FleetDesk,
    egress::{Doors, Injector},
    environment::environment,
};
use crate::config::ModelsConfig;

/// The gateway's settings as they are configured.
pub(crate) fn settings(config: &ModelsConfig) -> Settings {
    let upstream = |provider: ModelProvider| {
        let base_url = config.upstream(provider).base_url.clone()?;
        Some((provider, Upstream { base_url }))
    };
    let prices = config.prices.iter().map(|(name, price)| (name.clone(), Price { input: price.input, output: price.output }));
    Settings {
        upstreams: ModelProvider::ALL.into_iter().filter_map(upstream).collect(),
        hosts: config.hosts.clone(),
        prices: prices.collect(),
        ..Settings::default()
    }
}

/// The gateway of a fleet.
pub(crate) fn open(desk: FleetDesk, config: &ModelsConfig) -> Arc<aether_gateway::Gateway> {
    aether_gateway::Gateway::new(Arc::new(desk), settings(config))
}
