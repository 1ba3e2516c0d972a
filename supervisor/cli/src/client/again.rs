//! A supervisor that is restarted answers again in a moment. What it surely did not do is asked once more; what it may have done is not,
//! unless it carries a key by which the supervisor knows that it did it.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use hyper::{
    Method, StatusCode, header,
    http::{HeaderMap, HeaderName},
};

use crate::failure::Failure;

/// How long a socket is waited for at which nobody listens: a service manager starts a service again within less.
const ABSENCE: Duration = Duration::from_secs(3);

/// Between two tries.
pub(crate) const RETRY: Duration = Duration::from_millis(100);

/// A request without success.
pub(super) struct Unanswered {
    pub(super) failure: Failure,
    /// Nothing was done, and it may be asked again.
    pub(super) again: bool,
}

impl From<Failure> for Unanswered {
    fn from(failure: Failure) -> Self {
        Self { failure, again: false }
    }
}

/// Does the supervisor say that it did nothing, and will be back?
pub(super) fn comes_back(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::SERVICE_UNAVAILABLE && headers.contains_key(header::RETRY_AFTER)
}

/// By which the supervisor knows a request that it carried out already.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// A new key.
pub(crate) fn key() -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::garbled(&format!("no random number: {error}")))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// May a request whose answer was lost be asked again, whatever was done?
pub(super) fn is_safe(method: &Method, headers: &HeaderMap) -> bool {
    matches!(*method, Method::GET | Method::HEAD) || headers.contains_key(KEY)
}

/// How long is left, while something is tried again and again.
pub(super) struct Patience {
    end: Instant,
    refused: bool,
}

impl Patience {
    /// For requests, as long as that.
    pub(super) fn of_requests(most: Duration) -> Self {
        Self { end: Instant::now() + most, refused: false }
    }

    /// For a socket at which nobody listens, no longer than that.
    pub(super) fn of_sockets(most: Duration) -> Self {
        Self { end: Instant::now() + ABSENCE.min(most), refused: false }
    }

    /// A pause before the next try; false when there is none.
    pub(super) async fn lasts(&self) -> bool {
        let left = Instant::now() + RETRY < self.end;
        if left {
            tokio::time::sleep(RETRY).await;
        }
        left
    }

    /// Is a connection that failed like that worth another try? Where a socket is left and nobody listens, somebody did. Whoever binds it
    /// again removes it first; where there was none, there is no service.
    pub(super) fn is_away(&mut self, error: ErrorKind) -> bool {
        self.refused |= error == ErrorKind::ConnectionRefused;
        match error {
            // So many wait to be let in that there is no room for one more (EAGAIN).
            ErrorKind::ConnectionRefused | ErrorKind::WouldBlock => true,
            ErrorKind::NotFound => self.refused,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_surely_not_done_is_asked_again() {
        let mut headers = HeaderMap::new();
        assert!(!comes_back(StatusCode::SERVICE_UNAVAILABLE, &headers), "a disk that fails is no restart");
        headers.insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
        assert!(comes_back(StatusCode::SERVICE_UNAVAILABLE, &headers));
        assert!(!comes_back(StatusCode::TOO_MANY_REQUESTS, &headers));
        let mut headers = HeaderMap::new();
        let safe =
            |headers: &HeaderMap| [Method::GET, Method::POST, Method::DELETE, Method::PUT].map(|one| is_safe(&one, headers));
        assert_eq!(safe(&headers), [true, false, false, false]);
        headers.insert(KEY, header::HeaderValue::from_static("k"));
        assert!(safe(&headers)[1], "the supervisor knows whether it did it");
        let keys = [key().expect("a key"), key().expect("a key")];
        assert!(keys[0] != keys[1] && keys.iter().all(|key| key.len() == 32), "{keys:?}");
    }

    #[test]
    fn a_service_that_never_was_is_not_waited_for() {
        let mut patience = Patience::of_sockets(ABSENCE);
        assert!(!patience.is_away(ErrorKind::NotFound));
        assert!(!patience.is_away(ErrorKind::PermissionDenied));
        assert!(patience.is_away(ErrorKind::WouldBlock));
        assert!(patience.is_away(ErrorKind::ConnectionRefused));
        assert!(patience.is_away(ErrorKind::NotFound), "it is being bound again");
    }
}
