//! HTTP: one router for the Unix socket and TCP. Handlers translate; what happens, happens in the [`Fleet`].

mod agents;
mod answer;
mod approvals;
mod attach;
mod audit;
mod body;
mod caller;
pub mod connection;
mod edge;
mod error;
mod events;
mod health;
mod kernel;
pub mod metrics;
mod minds;
mod openapi;
mod ports;
mod previews;
mod query;
mod secrets;
mod session;
mod system;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod ui;

use std::sync::Arc;

use axum::{Router, http::StatusCode, middleware, response::IntoResponse};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    auth::{Auth, Hosts, Token},
    fleet::Fleet,
};

pub use connection::serve;
pub use error::Failure;

/// Largest body of a request that is read as a whole, and largest WebSocket message.
pub const MAX_BODY: usize = 12 << 20;

/// What the edge needs to know besides the fleet.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The operator's token.
    pub token: Token,
    /// The service's own uid, allowed on the Unix socket.
    pub service_uid: u32,
    /// Group whose members are allowed on the Unix socket.
    pub group: String,
    /// Names besides the loopback ones that TCP requests may be addressed to.
    pub host_names: Vec<String>,
}

/// What every handler shares. Cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Shared>);

struct Shared {
    fleet: Fleet,
    auth: Auth,
    setup: Setup,
    hosts: std::sync::OnceLock<Hosts>,
    metrics: metrics::Metrics,
    stopping: CancellationToken,
    sessions: TaskTracker,
    denials: audit::denied::Denials,
    figures: kernel::Figures,
    previews: crate::previews::Previews,
    /// Held while the sessions are written, so that an older list never replaces a newer one.
    keeping: tokio::sync::Mutex<()>,
}

impl ApiState {
    /// For one daemon.
    pub fn new(fleet: Fleet, setup: Setup) -> Self {
        let auth = Auth::new(setup.token.clone());
        let (hosts, metrics) = (std::sync::OnceLock::new(), metrics::Metrics::install());
        Self(Arc::new(Shared {
            fleet,
            auth,
            setup,
            hosts,
            metrics,
            stopping: CancellationToken::new(),
            sessions: TaskTracker::new(),
            denials: audit::denied::Denials::default(),
            figures: kernel::Figures::default(),
            previews: crate::previews::Previews::default(),
            keeping: tokio::sync::Mutex::default(),
        }))
    }

    /// A one-time sign-in link; `None` while there is no TCP listener.
    ///
    /// # Errors
    /// When the kernel has no randomness to give.
    pub fn sign_in_link(&self) -> std::io::Result<Option<String>> {
        let Some(hosts) = self.0.hosts.get() else { return Ok(None) };
        let code = self.0.auth.links.issue()?;
        Ok(Some(format!("{}/signin?code={code}", hosts.origin())))
    }

    fn fleet(&self) -> &Fleet {
        &self.0.fleet
    }

    fn auth(&self) -> &Auth {
        &self.0.auth
    }

    fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }
}

/// The whole surface, behind the edge's checks.
pub fn router(state: ApiState) -> Router {
    // The document that comes with them is in the program as text.
    let (documented, _) = openapi::routes(&state).split_for_parts();
    documented
        .merge(openapi::route())
        .fallback(ui::serve)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(middleware::from_fn_with_state(state.clone(), edge::pass))
        .with_state(state)
}

async fn method_not_allowed() -> axum::response::Response {
    let error = aether_protocol::ApiError::invalid("this path does not take this method", "see /api/v1/openapi.json");
    let mut response = Failure(error).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}
