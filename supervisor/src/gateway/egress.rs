//! What the way out asks: serve the gateway's address, add credentials to plain requests.

use std::sync::Arc;

use aether_gateway::{Alarm, Desk, Gateway, put};
use aether_protocol::AgentId;
use aether_secrets::{PLACEHOLDER, Scrubber};

use super::FleetDesk;
use crate::egress::seam::{self, Scrub, Stream};

/// The gateway behind its address.
pub(crate) struct Doors(pub(crate) Arc<Gateway>);

#[async_trait::async_trait]
impl seam::Gateway for Doors {
    async fn serve(&self, agent: AgentId, _port: u16, stream: Box<dyn Stream>) {
        self.0.clone().serve(agent, stream).await;
    }
}

/// Adds granted secrets to requests that leave as plain HTTP.
pub(crate) struct Injector(pub(crate) FleetDesk);

impl seam::Credentials for Injector {
    fn inject(&self, agent: &AgentId, host: &str, _port: u16, parts: &mut hyper::http::request::Parts) -> Result<(), String> {
        let path = parts.uri.path().to_owned();
        let Some(key) = self.0.granted(agent, host, parts.method.as_str(), &path) else {
            let held = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(PLACEHOLDER);
            if held(parts.uri.to_string().as_bytes()) || parts.headers.values().any(|value| held(value.as_bytes())) {
                self.0.alarm(agent, Alarm::NotGranted, host);
                return Err(format!(
                    "the placeholder stands for a secret that is not granted for {} {host}{path}: aether secret grant NAME --agent A --host {host}",
                    parts.method
                ));
            }
            return Ok(());
        };
        // Packed answers could not be scrubbed.
        parts.headers.insert("accept-encoding", hyper::http::HeaderValue::from_static("identity"));
        put(&key, parts)
    }

    fn scrubber(&self, agent: &AgentId, host: &str) -> Option<Box<dyn Scrub>> {
        let scrubber = self.0.scrubber(agent, host)?;
        Some(Box::new(Out(scrubber)))
    }
}

/// As the way out takes it.
struct Out(Scrubber);

impl Scrub for Out {
    fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.push(bytes)
    }

    fn finish(&mut self) -> Vec<u8> {
        self.0.finish()
    }
}
