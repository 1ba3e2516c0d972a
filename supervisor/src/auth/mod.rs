//! Who may come in: the operator by token, cookie or one-time link over TCP, people of this host by their uid over the socket.
//!
//! Nothing here knows routes. [`Auth`] is what the daemon holds; [`hosts::Hosts`] guards against other web sites.

pub mod cookie;
pub mod failures;
pub mod hosts;
pub mod links;
pub mod peer;
pub mod sessions;
pub mod token;

pub use failures::Failures;
pub use hosts::Hosts;
pub use links::Links;
pub use sessions::{Session, Sessions};
pub use token::Token;

use axum::http::{HeaderMap, header};

/// Owner of what is made over TCP.
pub const OPERATOR: &str = "operator";

/// Everything that decides about a sign-in.
#[derive(Debug)]
pub struct Auth {
    token: Token,
    /// Browsers that are signed in.
    pub sessions: Sessions,
    /// One-time links handed out.
    pub links: Links,
    /// Failed sign-ins of the last minute.
    pub failures: Failures,
}

impl Auth {
    /// With the operator's token.
    pub fn new(token: Token) -> Self {
        let sessions = Sessions::new(&token);
        Self { token, sessions, links: Links::default(), failures: Failures::default() }
    }

    /// The operator's token.
    pub const fn token(&self) -> &Token {
        &self.token
    }

    /// What a request over TCP shows to prove who it is.
    pub fn credential(&self, headers: &HeaderMap) -> Credential {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let shown = value.to_str().ok().and_then(|text| text.split_once(' '));
            return match shown {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                    if self.token.matches(token.trim()) {
                        Credential::Bearer
                    } else {
                        Credential::Wrong
                    }
                }
                _ => Credential::Wrong,
            };
        }
        // A page on another port of this host can add cookies of this name; it must not sign anybody out by that.
        let mut shown = cookie::read(headers).peekable();
        if shown.peek().is_none() {
            return Credential::None;
        }
        let session = |value| self.token.matches(value).then(Session::of_token).or_else(|| self.sessions.find(value));
        shown.take(cookie::MOST).find_map(session).map_or(Credential::Wrong, Credential::Cookie)
    }
}

/// Result of looking at a request's credentials.
#[derive(Debug, Clone)]
pub enum Credential {
    /// The token itself, which no browser sends by itself.
    Bearer,
    /// The session cookie, or the token in its place.
    Cookie(Session),
    /// Something that is not valid.
    Wrong,
    /// Nothing.
    None,
}
