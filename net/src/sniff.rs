//! What the first bytes of a connection say about it.

use crate::{Host, HostName, NameError};

/// First bytes that are looked at before a connection counts as unreadable.
pub const MAX_FIRST: usize = 16 * 1024;

/// What a connection carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum First {
    /// More bytes are needed.
    More,
    /// TLS, with the name it asks for.
    Tls(Result<Option<HostName>, NameError>),
    /// Plain HTTP/1.
    Http,
    /// Plain HTTP/2 without an upgrade, which cannot be read here.
    Http2,
    /// Something else.
    Other,
}

/// Looks at the first bytes.
pub fn first(bytes: &[u8]) -> First {
    match bytes {
        [] => First::More,
        [0x16, ..] => tls(bytes),
        _ => http(bytes),
    }
}

/// A method of letters and a space (RFC 9110 knows no other; extensions are of capital letters as well), then a path or an address.
fn http(bytes: &[u8]) -> First {
    // Servers pass over empty lines before a request (RFC 9112, 2.2), so they hide none here.
    let bytes = bytes.trim_ascii_start();
    if bytes.is_empty() {
        return First::More;
    }
    let length = bytes.iter().take_while(|b| b.is_ascii_uppercase() || **b == b'-').count();
    match bytes.get(length..) {
        Some([]) if length <= 20 => First::More,
        Some([b' ']) if length > 0 => First::More,
        Some([b' ', b'*', ..]) if bytes.starts_with(b"PRI ") => First::Http2,
        Some([b' ', b'/' | b'*' | b'h' | b'H', ..]) if length > 0 && length <= 20 => First::Http,
        _ => First::Other,
    }
}

/// The server name of a `ClientHello` (RFC 8446, 4.1.2; RFC 6066, 3), which may be spread over several records.
fn tls(bytes: &[u8]) -> First {
    let mut hello = Vec::new();
    let mut rest = bytes;
    loop {
        let more = if bytes.len() >= MAX_FIRST { First::Other } else { First::More };
        let Some(([kind, major, _, high, low], body)) = rest.split_first_chunk::<5>().map(|(h, b)| (*h, b)) else { return more };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind != 0x16 || major != 3 || length == 0 || length > 16 * 1024 {
            return First::Other;
        }
        let taken = body.len().min(length);
        hello.extend(&body[..taken]);
        if let Some((&[1, a, b, c], message)) = hello.split_first_chunk::<4>() {
            let whole = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
            if message.len() >= whole {
                return server_name(&message[..whole]).map_or(First::Other, First::Tls);
            }
            if whole > 64 * 1024 {
                return First::Other;
            }
        } else if hello.first().is_some_and(|kind| *kind != 1) {
            return First::Other;
        }
        if taken < length {
            return more;
        }
        rest = &body[taken..];
    }
}

/// `None`: not a `ClientHello`.
fn server_name(hello: &[u8]) -> Option<Result<Option<HostName>, NameError>> {
    let rest = hello.get(34..)?;
    let (_session, rest) = sized(rest, 1)?;
    let (_ciphers, rest) = sized(rest, 2)?;
    let (_compression, rest) = sized(rest, 1)?;
    if rest.is_empty() {
        return Some(Ok(None));
    }
    let (mut extensions, _) = sized(rest, 2)?;
    let mut found = None;
    while !extensions.is_empty() {
        let (kind, rest) = extensions.split_first_chunk::<2>()?;
        let (body, rest) = sized(rest, 2)?;
        if *kind == [0, 0] {
            // Given twice, a server may take the one we did not.
            if found.is_some() {
                return None;
            }
            let (list, _) = sized(body, 2)?;
            let (kind, rest) = list.split_first()?;
            let (name, after) = sized(rest, 2)?;
            if *kind != 0 || !after.is_empty() {
                return None;
            }
            found = Some(std::str::from_utf8(name).map_err(|_| NameError::Character).and_then(HostName::parse));
        }
        extensions = rest;
    }
    Some(found.transpose())
}

/// A part with its length before it, and what follows.
fn sized(bytes: &[u8], width: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(width)?;
    let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    rest.split_at_checked(length)
}

/// Host and port of `host`, `host:port`, `[v6]` or `[v6]:port`.
///
/// # Errors
/// When the host is none; a port that is none counts as a bad character.
pub fn authority(text: &str, default_port: u16) -> Result<(Host, u16), NameError> {
    let split = match text.rfind(']') {
        Some(end) => text.split_at(end + 1),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match split.1 {
        "" | ":" => default_port,
        port => {
            let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            digits.and_then(|digits| digits.parse().ok()).filter(|port| *port != 0).ok_or(NameError::Character)?
        }
    };
    Ok((Host::parse(split.0)?, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `ClientHello` with these extensions.
    fn hello(extensions: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut list = Vec::new();
        for (kind, body) in extensions {
            list.extend(kind.to_be_bytes());
            list.extend(u16::try_from(body.len()).expect("short").to_be_bytes());
            list.extend(body);
        }
        let mut message = vec![3, 3];
        message.extend([7; 32]);
        message.extend([0, 0, 2, 0x13, 1, 1, 0]);
        message.extend(u16::try_from(list.len()).expect("short").to_be_bytes());
        message.extend(list);
        let mut whole = vec![1, 0];
        whole.extend(u16::try_from(message.len()).expect("short").to_be_bytes());
        whole.extend(message);
        whole
    }

    fn name(text: &str) -> (u16, Vec<u8>) {
        let length = u16::try_from(text.len()).expect("short");
        let mut body = (length + 3).to_be_bytes().to_vec();
        body.push(0);
        body.extend(length.to_be_bytes());
        body.extend(text.as_bytes());
        (0, body)
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| {
            let length = u16::try_from(part.len()).expect("short").to_be_bytes();
            [&[0x16, 3, 1, length[0], length[1]], part].concat()
        };
        message.chunks(size).flat_map(record).collect()
    }

    #[test]
    fn the_server_name_is_found_also_across_records() {
        let message = hello(&[(10, vec![0, 2, 0, 29]), name("Example.TEST")]);
        for size in [1, 5, 50, 4096] {
            let bytes = records(&message, size);
            assert_eq!(first(&bytes), First::Tls(Ok(HostName::parse("example.test").ok())), "{size}");
            for cut in 1..bytes.len() {
                assert_eq!(first(&bytes[..cut]), First::More, "{size} {cut}");
            }
        }
        assert_eq!(first(&records(&hello(&[]), 4096)), First::Tls(Ok(None)));
        assert!(matches!(first(&records(&hello(&[name("1.2.3.4")]), 4096)), First::Tls(Err(NameError::Numeric))));
    }

    #[test]
    fn two_names_are_none() {
        assert_eq!(first(&records(&hello(&[name("a.test"), name("b.test")]), 4096)), First::Other);
    }

    #[test]
    fn plain_requests_are_told_from_the_rest() {
        for text in [
            "GET / HTTP/1.1\r\n",
            "POST /x HTTP/1.0",
            "OPTIONS * HTTP/1.1",
            "M-SEARCH * HTTP/1.1",
            "\r\n\r\nGET / HTTP/1.1",
            "GET http://a/ HTTP/1.1",
        ] {
            assert_eq!(first(text.as_bytes()), First::Http, "{text}");
        }
        for text in ["G", "GET", "GET ", ""] {
            assert_eq!(first(text.as_bytes()), First::More, "{text}");
        }
        assert_eq!(first(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), First::Http2);
        for text in ["SSH-2.0-OpenSSH", "\x05\x01\x00", "EHLO me\r\n", "get / HTTP/1.1"] {
            assert_eq!(first(text.as_bytes()), First::Other, "{text}");
        }
    }

    #[test]
    fn authorities_are_read() {
        let is = |text: &str, host: &str, port| {
            assert_eq!(authority(text, 80), Ok((Host::parse(host).expect("host"), port)), "{text}")
        };
        is("a.test", "a.test", 80);
        is("a.test:8080", "a.test", 8080);
        is("[2606:4700::1]:443", "2606:4700::1", 443);
        is("[2606:4700::1]", "2606:4700::1", 80);
        for bad in
            ["", ":80", "a.test:x", "a.test:0", "a.test:99999", "a.test:+80", "u@a.test", "a.test:80:80", "[::1", "2130706433"]
        {
            assert!(authority(bad, 80).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(mut bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = first(&bytes);
            if let Some(head) = bytes.first_chunk_mut::<6>() {
                *head = [0x16, 3, 1, 0, 200, 1];
            }
            let _ = first(&bytes);
        }
    }
}
