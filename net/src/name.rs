//! Host names in one form, and patterns over them.

use std::{fmt, net::IpAddr};

use crate::class::canonical;

/// A name as the resolver takes it: lower case, punycode, no dot at the end, labels of letters, digits, `-` and `_`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// Why a text is no host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing there.
    #[error("the name is empty")]
    Empty,
    /// More than 253 bytes, or a label of more than 63.
    #[error("the name or a part of it is too long")]
    Long,
    /// Something else than letters, digits, `-`, `_` and dots.
    #[error("the name has a character that names do not have")]
    Character,
    /// It ends in a number, so that some programs would read it as an address.
    #[error("an address is written as four decimal numbers, or in the form of IPv6")]
    Numeric,
    /// `*` elsewhere than as the whole first label, or before fewer than two labels.
    #[error("a wildcard is written as *.example.com")]
    Wildcard,
}

impl HostName {
    /// The one form of a name.
    ///
    /// # Errors
    /// When it is none, or could be taken for an address (`0x7f.1`, `2130706433`, `0177.0.0.1`).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > 1024 {
            return Err(NameError::Long);
        }
        // Most names are plain ASCII in lower case already.
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
        let name = if plain && !text.contains("xn--") && !text.contains("XN--") {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_cow(text.as_bytes(), idna::AsciiDenyList::EMPTY).map_err(|_| NameError::Character)?.into_owned()
        };
        // Again: the mapping of characters may bring a dot to the end (U+3002).
        let name = name.strip_suffix('.').map_or(name.clone(), str::to_owned);
        if name.len() > 253 || name.split('.').any(|label| label.len() > 63) {
            return Err(NameError::Long);
        }
        let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
        if !name.split('.').all(|label| !label.is_empty() && label.bytes().all(good)) {
            return Err(NameError::Character);
        }
        if name.rsplit('.').next().is_some_and(is_number) {
            return Err(NameError::Numeric);
        }
        Ok(Self(name))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Would inet_aton(3) take it for a part of an address?
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_hexdigit()));
    hex || label.bytes().all(|b| b.is_ascii_digit())
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a connection wants to go.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// By name.
    Name(HostName),
    /// By address; IPv6 forms of IPv4 addresses are IPv4 here.
    Address(IpAddr),
}

impl Host {
    /// A name, an IPv4 address of four decimal numbers, or an IPv6 address with or without brackets.
    ///
    /// # Errors
    /// As [`HostName::parse`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        match bare.parse::<IpAddr>() {
            Ok(address) => Ok(Self::Address(canonical(address))),
            Err(_) => HostName::parse(text).map(Self::Name),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Address(canonical(address))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Which hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This one.
    Exact(Host),
    /// Every name below this one, not itself.
    Below(HostName),
}

impl HostPattern {
    /// A host, or `*.suffix` with a suffix of at least two labels.
    ///
    /// # Errors
    /// As [`HostName::parse`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        match text.strip_prefix("*.") {
            Some(suffix) => match HostName::parse(suffix)? {
                // A whole top level is `open` by another name.
                name if !name.as_str().contains('.') => Err(NameError::Wildcard),
                name => Ok(Self::Below(name)),
            },
            None if text.contains('*') => Err(NameError::Wildcard),
            None => Host::parse(text).map(Self::Exact),
        }
    }

    /// Is it one of these?
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(exact), host) => exact == host,
            (Self::Below(suffix), Host::Name(name)) => {
                name.as_str().strip_suffix(suffix.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_form() {
        for (text, form) in [
            ("Example.COM", "example.com"),
            ("example.com.", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("ｅｘａｍｐｌｅ。ｃｏｍ", "example.com"),
            ("_dmarc.a-b.test", "_dmarc.a-b.test"),
        ] {
            assert_eq!(HostName::parse(text).map(|name| name.to_string()).as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(64);
        for text in ["", ".", "a..b", "a b", "a/b", "a@b", "a:80", "a\0b", "exa%6dple.com", "xn--a", long.as_str()] {
            assert!(HostName::parse(text).is_err(), "{text:?}");
        }
        for text in ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "1.2.3.4.5", "a.0x1", "①②⑦.0.0.1"] {
            assert_eq!(Host::parse(text), Err(NameError::Numeric), "{text}");
        }
        assert_eq!(Host::parse("127.0.0.1."), Err(NameError::Numeric));
    }

    #[test]
    fn addresses_have_one_form() {
        for (text, form) in [
            ("1.2.3.4", "1.2.3.4"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("[::ffff:a9fe:a9fe]", "169.254.169.254"),
            ("[2001:4860:4860::8888]", "[2001:4860:4860::8888]"),
        ] {
            assert_eq!(Host::parse(text).map(|host| host.to_string()).as_deref(), Ok(form), "{text}");
        }
    }

    #[test]
    fn a_suffix_is_of_whole_labels() {
        let pattern = HostPattern::parse("*.x.com").expect("pattern");
        let is = |text| pattern.matches(&Host::parse(text).expect("host"));
        assert!(is("a.x.com") && is("A.B.X.COM.") && is("_a.x.com"));
        for other in ["x.com", "evilx.com", "x.com.evil.io", "a.x.com.evil.io", "1.2.3.4"] {
            assert!(!is(other), "{other}");
        }
        for bad in ["*", "*.com", "a.*.com", "**.a.b", "*a.b.c", "*."] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }
}
