//! Who may come in: the operator by token, cookie or one-time link over TCP, people of this host by their uid over the socket.
//!
//! Nothing here knows routes. [`Auth`] is what the daemon holds; [`hosts::Hosts`] guards against other web sites.

pub mod cookie;
pub mod failures;
pub mod hosts;
pub mod links;
pub mod peer;
pub mod token;

pub use failures::Failures;
pub use hosts::Hosts;
pub use links::Links;
pub use token::Token;

use axum::http::{HeaderMap, header};

/// Owner of what is made over TCP.
pub const OPERATOR: &str = "operator";

/// Everything that decides about a sign-in.
#[derive(Debug)]
pub struct Auth {
    token: Token,
    /// One-time links handed out.
    pub links: Links,
    /// Failed sign-ins of the last minute.
    pub failures: Failures,
}

impl Auth {
    /// With the operator's token.
    pub fn new(token: Token) -> Self {
        Self { token, links: Links::default(), failures: Failures::default() }
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
        match cookie::read(headers) {
            Some(value) if self.token.matches_session(value) => Credential::Cookie,
            Some(_) => Credential::Wrong,
            None => Credential::None,
        }
    }
}

/// Result of looking at a request's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The token itself, which no browser sends by itself.
    Bearer,
    /// The session cookie.
    Cookie,
    /// Something that is not valid.
    Wrong,
    /// Nothing.
    None,
}
