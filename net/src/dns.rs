//! DNS messages (RFC 1035, RFC 6891, RFC 8914): one question in, one answer out. Nothing here asks anybody else.

use std::net::Ipv4Addr;

use crate::HostName;

/// Largest message that is read, bytes.
pub const MAX_MESSAGE: usize = 4096;
/// How long an answer may be kept, seconds: long enough to connect, short enough to be asked again after a restart.
const TTL: u32 = 30;

/// Response codes.
const FORMERR: u8 = 1;
const NXDOMAIN: u8 = 3;
const NOTIMP: u8 = 4;
const REFUSED: u8 = 5;

/// Extended error "Blocked" (RFC 8914, 4.16).
const BLOCKED: u16 = 15;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const TYPE_OPT: u16 = 41;
const TYPE_SVCB: u16 = 64;
const TYPE_HTTPS: u16 = 65;
const CLASS_IN: u16 = 1;

/// A question that could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    id: u16,
    flags: u16,
    /// The question's bytes, to be repeated in the answer.
    question: Vec<u8>,
    /// Name asked for; `None` when it is no host's.
    pub name: Option<HostName>,
    kind: u16,
    extended: bool,
}

/// What a message turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A question.
    Query(Query),
    /// Not one that can be answered with an address; this is the answer.
    Bad(Vec<u8>),
    /// Nothing that deserves an answer.
    Junk,
}

/// Reads a message.
pub fn read(message: &[u8]) -> Message {
    let Some((head, rest)) = message.split_first_chunk::<12>() else { return Message::Junk };
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let (id, flags, questions, additional) = (word(0), word(2), word(4), word(10));
    // An answer is never answered: two resolvers would talk for ever.
    if flags & 0x8000 != 0 || message.len() > MAX_MESSAGE {
        return Message::Junk;
    }
    let refuse = |code| Message::Bad(header(id, flags, code, [0, 0, 0]));
    if (flags >> 11) & 0xf != 0 {
        return refuse(NOTIMP);
    }
    if questions != 1 {
        return refuse(FORMERR);
    }
    let Some((labels, name_length)) = labels(rest) else { return refuse(FORMERR) };
    let Some(&[k1, k2, c1, c2]) = rest.get(name_length..name_length + 4) else { return refuse(FORMERR) };
    let question = rest[..name_length + 4].to_vec();
    let extended = additional > 0 && has_opt(&rest[name_length + 4..]);
    let query = Query { id, flags, question, name: HostName::parse(&labels).ok(), kind: u16::from_be_bytes([k1, k2]), extended };
    if u16::from_be_bytes([c1, c2]) == CLASS_IN {
        Message::Query(query)
    } else {
        Message::Bad(query.refused("only class IN is served"))
    }
}

/// The labels of an uncompressed name, joined by dots, and the bytes it took. Bytes that are no character become one that no name has.
fn labels(mut bytes: &[u8]) -> Option<(String, usize)> {
    let (mut name, mut used) = (String::new(), 0);
    loop {
        let (&length, rest) = bytes.split_first()?;
        used += 1;
        match length {
            0 => return Some((name, used)),
            // A pointer has nothing to point to in a question.
            64.. => return None,
            _ => {}
        }
        let (label, rest) = rest.split_at_checked(usize::from(length))?;
        used += label.len();
        if used > 255 {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        // A dot inside a label must not become one between labels.
        name.extend(label.iter().map(|&b| if b.is_ascii_graphic() && b != b'.' { char::from(b) } else { ' ' }));
        bytes = rest;
    }
}

/// Is the first additional record an OPT one (an empty name and its type)?
fn has_opt(records: &[u8]) -> bool {
    matches!(records, [0, high, low, ..] if u16::from_be_bytes([*high, *low]) == TYPE_OPT)
}

impl Query {
    /// Does it ask for an IPv4 address?
    pub const fn wants_address(&self) -> bool {
        self.kind == TYPE_A
    }

    /// The answer: this address. Names have no other records here: no IPv6 addresses, no parameters of services.
    pub fn address(&self, address: Ipv4Addr) -> Vec<u8> {
        match self.kind {
            TYPE_A => {
                let mut answer = self.begin(0, 1);
                // Its name is the one at offset 12.
                answer.extend([0xc0, 12]);
                answer.extend(TYPE_A.to_be_bytes());
                answer.extend(CLASS_IN.to_be_bytes());
                answer.extend(TTL.to_be_bytes());
                answer.extend([0, 4]);
                answer.extend(address.octets());
                self.finish(answer, None)
            }
            TYPE_AAAA | TYPE_HTTPS | TYPE_SVCB => self.finish(self.begin(0, 0), None),
            _ => self.refused("only addresses are served inside a sandbox"),
        }
    }

    /// The answer: there is no such name.
    pub fn unknown(&self) -> Vec<u8> {
        self.finish(self.begin(NXDOMAIN, 0), None)
    }

    /// The answer: no, and why.
    pub fn refused(&self, why: &str) -> Vec<u8> {
        self.finish(self.begin(REFUSED, 0), Some(why))
    }

    fn begin(&self, code: u8, answers: u16) -> Vec<u8> {
        let mut answer = header(self.id, self.flags, code, [1, answers, u16::from(self.extended)]);
        answer.extend(&self.question);
        answer
    }

    fn finish(&self, mut answer: Vec<u8>, why: Option<&str>) -> Vec<u8> {
        if !self.extended {
            return answer;
        }
        answer.push(0);
        answer.extend(TYPE_OPT.to_be_bytes());
        answer.extend([0x10, 0, 0, 0, 0, 0]);
        let option = why.map(|why| {
            let mut option = vec![0, 15];
            option.extend(u16::try_from(why.len() + 2).unwrap_or(2).to_be_bytes());
            option.extend(BLOCKED.to_be_bytes());
            option.extend(why.as_bytes());
            option
        });
        let option = option.unwrap_or_default();
        answer.extend(u16::try_from(option.len()).unwrap_or(0).to_be_bytes());
        answer.extend(option);
        answer
    }
}

/// Questions, answers and additional records are counted; authorities there are none.
fn header(id: u16, flags: u16, code: u8, [questions, answers, additional]: [u16; 3]) -> Vec<u8> {
    // An answer, with "recursion desired" repeated and "recursion available".
    let flags = 0x8080 | (flags & 0x0100) | u16::from(code);
    [id, flags, questions, answers, 0, additional].iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(name: &str, kind: u16, extended: bool) -> Vec<u8> {
        let mut message = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(extended)];
        for label in name.split('.') {
            message.push(u8::try_from(label.len()).expect("short"));
            message.extend(label.as_bytes());
        }
        message.push(0);
        message.extend(kind.to_be_bytes());
        message.extend([0, 1]);
        if extended {
            message.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        }
        message
    }

    fn query(message: &[u8]) -> Query {
        match read(message) {
            Message::Query(query) => query,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_address_is_answered() {
        let asked = question("Example.Test", TYPE_A, false);
        let query = query(&asked);
        assert_eq!(query.name, HostName::parse("example.test").ok());
        let answer = query.address(Ipv4Addr::new(198, 18, 1, 2));
        assert_eq!(answer[..12], [0xab, 0xcd, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(answer[12..asked.len()], asked[12..]);
        assert_eq!(answer[asked.len()..], [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 198, 18, 1, 2]);
    }

    #[test]
    fn other_types_carry_nothing() {
        let any = Ipv4Addr::new(198, 18, 1, 2);
        for kind in [TYPE_AAAA, TYPE_HTTPS] {
            let answer = query(&question("a.test", kind, true)).address(any);
            assert_eq!((answer[3] & 0xf, answer[7]), (0, 0), "{kind}");
        }
        for kind in [16, 10, 255, 15, 2, 12] {
            let answer = query(&question("a.test", kind, true)).address(any);
            assert_eq!((answer[3] & 0xf, answer[7]), (REFUSED, 0), "{kind}");
            assert!(answer.ends_with(b"only addresses are served inside a sandbox"));
        }
    }

    #[test]
    fn damaged_messages_are_refused_or_dropped() {
        assert_eq!(read(b"short"), Message::Junk);
        let mut response = question("a.test", TYPE_A, false);
        response[2] |= 0x80;
        assert_eq!(read(&response), Message::Junk);
        // A name that points to itself, one that points past the end, a cut one, and two questions.
        let head = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for rest in [&[0xc0, 12, 0, 1, 0, 1][..], &[0xc0, 0xff, 0, 1, 0, 1], &[5, b'a'], &[1, b'a'], &[0, 0], &[]] {
            let message = [&head[..], rest].concat();
            assert!(matches!(read(&message), Message::Bad(answer) if answer[3] & 0xf == FORMERR), "{rest:?}");
        }
        let mut two = question("a.test", TYPE_A, false);
        two[5] = 2;
        assert!(matches!(read(&two), Message::Bad(_)));
    }

    #[test]
    fn names_that_are_no_hosts_have_no_name() {
        for odd in ["a b.test", "\u{1}.test", "127.0.0.1", "-\u{7f}.x"] {
            assert_eq!(query(&question(odd, TYPE_A, false)).name, None, "{odd:?}");
        }
        let mut dotted = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3];
        dotted.extend(b"a.b\0\0\x01\0\x01");
        assert_eq!(query(&dotted).name, None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_it(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..600)) {
            match read(&bytes) {
                Message::Query(query) => {
                    proptest::prop_assert!(query.address(Ipv4Addr::LOCALHOST).len() <= bytes.len() + 80);
                }
                Message::Bad(_) | Message::Junk => {}
            }
        }
    }
}
