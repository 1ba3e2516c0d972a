//! SOCKS 5 (RFC 1928), as far as a sandbox needs it: CONNECT without a password.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::{Host, NameError};

/// A part of the conversation that may not have arrived as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part<T> {
    /// More bytes are needed.
    More,
    /// The part and the bytes it took.
    Whole(T, usize),
}

/// What a client offers: does it take "no authentication"?
pub fn greeting(bytes: &[u8]) -> Part<bool> {
    match bytes {
        [_, count, methods @ ..] if methods.len() >= usize::from(*count) => {
            Part::Whole(methods.iter().take(usize::from(*count)).any(|method| *method == 0), 2 + usize::from(*count))
        }
        _ => Part::More,
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Connect to.
    Connect(Host, u16),
    /// A destination that is none.
    Bad(NameError),
    /// Something else than CONNECT.
    Unsupported,
}

/// Reads a request.
pub fn request(bytes: &[u8]) -> Part<Request> {
    let Some((&[_, command, _, kind], rest)) = bytes.split_first_chunk::<4>() else { return Part::More };
    let (host, used) = match kind {
        1 => match rest.first_chunk::<4>() {
            Some(octets) => (Ok(Host::from(std::net::IpAddr::V4(Ipv4Addr::from(*octets)))), 4),
            None => return Part::More,
        },
        4 => match rest.first_chunk::<16>() {
            Some(octets) => (Ok(Host::from(std::net::IpAddr::V6(Ipv6Addr::from(*octets)))), 16),
            None => return Part::More,
        },
        3 => match rest.split_first().and_then(|(length, name)| name.get(..usize::from(*length))) {
            Some(name) => (std::str::from_utf8(name).map_err(|_| NameError::Character).and_then(Host::parse), 1 + name.len()),
            None => return Part::More,
        },
        _ => return Part::Whole(Request::Unsupported, bytes.len()),
    };
    let Some(&[high, low]) = rest.get(used..used + 2) else { return Part::More };
    let request = match (command, host) {
        (1, Ok(host)) => Request::Connect(host, u16::from_be_bytes([high, low])),
        (1, Err(error)) => Request::Bad(error),
        _ => Request::Unsupported,
    };
    Part::Whole(request, 4 + used + 2)
}

/// Answers of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reply {
    /// Connected.
    Done = 0,
    /// It cannot be done at present.
    Failed = 1,
    /// Not allowed.
    Denied = 2,
    /// The host cannot be reached.
    Unreachable = 4,
    /// Only CONNECT is.
    Unsupported = 7,
}

/// A reply; which address the service connected from is nobody's business inside.
pub const fn reply(reply: Reply) -> [u8; 10] {
    [5, reply as u8, 0, 1, 0, 0, 0, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conversation_is_read_piece_by_piece() {
        assert_eq!(greeting(&[5, 2, 0]), Part::More);
        assert_eq!(greeting(&[5, 2, 2, 0]), Part::Whole(true, 4));
        assert_eq!(greeting(&[5, 1, 2]), Part::Whole(false, 3));
        let mut bytes = vec![5, 1, 0, 3, 6];
        bytes.extend(b"A.test\x01\xbb");
        for cut in 0..bytes.len() {
            assert_eq!(request(&bytes[..cut]), Part::More);
        }
        let host = Host::parse("a.test").expect("host");
        assert_eq!(request(&bytes), Part::Whole(Request::Connect(host, 443), bytes.len()));
        let mapped = [&[5, 1, 0, 4][..], &Ipv4Addr::new(169, 254, 169, 254).to_ipv6_mapped().octets(), &[0, 80]].concat();
        let host = Host::parse("169.254.169.254").expect("host");
        assert_eq!(request(&mapped), Part::Whole(Request::Connect(host, 80), mapped.len()));
        assert_eq!(request(&[5, 2, 0, 1, 1, 2, 3, 4, 0, 80]), Part::Whole(Request::Unsupported, 10));
        assert_eq!(request(b"\x05\x01\x00\x03\x0a2130706433\0\x50"), Part::Whole(Request::Bad(NameError::Numeric), 17));
    }
}
