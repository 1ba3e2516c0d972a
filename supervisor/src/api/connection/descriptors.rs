//! Descriptors that came over a connection: queued as they arrive, taken by the request that announces them, else closed.

use std::{
    collections::VecDeque,
    convert::Infallible,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{extract::FromRequestParts, http::request::Parts};

/// Descriptors of one connection that no request has taken yet.
#[derive(Debug, Clone, Default)]
pub struct DescriptorQueue(Arc<Mutex<VecDeque<OwnedFd>>>);

impl DescriptorQueue {
    /// Adds those that just arrived. More than a request may announce are closed.
    pub fn push(&self, arrived: Vec<OwnedFd>) {
        if arrived.is_empty() {
            return;
        }
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = Descriptors::MOST.saturating_sub(queue.len());
        queue.extend(arrived.into_iter().take(room));
    }

    /// Takes the first `wanted` and closes the others.
    pub fn take(&self, wanted: usize) -> Vec<OwnedFd> {
        let queue = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        queue.into_iter().take(wanted).collect()
    }
}

/// The descriptors of one request. A handler takes them; those that no handler takes are closed with the request.
#[derive(Debug, Clone, Default)]
pub struct Descriptors(Arc<Mutex<Vec<OwnedFd>>>);

impl Descriptors {
    /// Most descriptors of one request.
    pub const MOST: usize = aether_sandbox::sys::fdpass::MAX_DESCRIPTORS;

    pub(crate) fn new(descriptors: Vec<OwnedFd>) -> Self {
        Self(Arc::new(Mutex::new(descriptors)))
    }

    /// Takes all of them.
    pub fn take(self) -> Vec<OwnedFd> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Descriptors {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.remove::<Self>().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptors(number: usize) -> Vec<OwnedFd> {
        (0..number).map(|_| std::fs::File::open("/dev/null").unwrap().into()).collect()
    }

    #[test]
    fn a_request_gets_its_own_and_the_rest_is_closed() {
        let queue = DescriptorQueue::default();
        queue.push(descriptors(3));
        assert_eq!(queue.take(2).len(), 2);
        assert_eq!(queue.take(1).len(), 0, "the third one is gone");
    }

    #[test]
    fn a_flood_is_closed() {
        let queue = DescriptorQueue::default();
        queue.push(descriptors(10));
        queue.push(descriptors(10));
        assert_eq!(queue.take(usize::MAX).len(), Descriptors::MOST);
    }
}
