//! One output stream: its ring, its readers, and when it holds its program back.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::ring::Ring;
use crate::wire::init::{HOLD_SECONDS, Pace};

/// Bytes read after the program has ended, before the stream counts as ended although somebody still writes: more than a pipe holds.
const LAST_BYTES: usize = 1 << 20;

/// A stream. It knows no descriptor: whoever owns that asks [`Stream::room`] before reading.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) ring: Ring,
    readers: Vec<Reader>,
    /// Hold back for a reader that is yet to come.
    expected_until: Option<Instant>,
    /// Reading is suspended at most until then.
    stalled_until: Option<Instant>,
    /// The program has ended; so many more bytes belong to it at most.
    left: Option<usize>,
    end: Option<u64>,
}

/// Somebody who follows a stream.
#[derive(Debug)]
struct Reader {
    id: u32,
    connection: u32,
    offset: u64,
    pace: Pace,
    overtaken: bool,
    waiting: VecDeque<(u64, usize)>,
}

/// An answer to a read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer<'r> {
    pub(super) connection: u32,
    pub(super) tag: u64,
    pub(super) offset: u64,
    /// The bytes, in two pieces.
    pub(super) data: [&'r [u8]; 2],
    pub(super) end: bool,
}

impl Stream {
    /// A stream that, with `expected_until`, holds back from the start for a reader that attaches before then.
    pub(super) fn new(expected_until: Option<Instant>) -> Self {
        Self { ring: Ring::default(), readers: Vec::new(), expected_until, stalled_until: None, left: None, end: None }
    }

    /// Bytes that may be read from the program now with a ring of `limit` bytes; zero suspends it.
    pub(super) fn room(&mut self, limit: usize, now: Instant) -> usize {
        let expected = self.expected_until.filter(|until| *until > now);
        let slowest = match (expected, self.end) {
            (_, Some(_)) => None,
            (Some(_), None) => Some(self.ring.oldest()),
            (None, None) => {
                self.readers.iter().filter(|reader| reader.holds()).map(|reader| reader.offset.max(self.ring.oldest())).min()
            }
        };
        let room = slowest.map_or(usize::MAX, |offset| limit.saturating_sub((self.ring.newest() - offset) as usize));
        if room > 0 {
            self.stalled_until = None;
        } else if self.stalled_until.is_none() {
            self.stalled_until = Some(expected.unwrap_or(now + Duration::from_secs(HOLD_SECONDS)));
        }
        room
    }

    /// When [`Stream::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.stalled_until
    }

    /// Overtakes whoever has held the stream back for too long. Says whether something changed.
    pub(super) fn expire(&mut self, limit: usize, now: Instant) -> bool {
        if self.stalled_until.is_none_or(|until| until > now) {
            return false;
        }
        self.stalled_until = None;
        self.expected_until = self.expected_until.filter(|until| *until > now);
        let newest = self.ring.newest();
        for reader in &mut self.readers {
            reader.overtaken |= newest - reader.offset.min(newest) >= limit as u64;
        }
        true
    }

    /// Bytes of the program have arrived.
    pub(super) fn push(&mut self, bytes: &[u8], limit: usize) {
        self.ring.push(bytes, limit);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(bytes.len());
            if *left == 0 {
                self.finish();
            }
        }
    }

    /// The program has ended: what it has written and nobody has read yet still follows.
    pub(super) fn program_ended(&mut self) {
        self.left = self.left.or(Some(LAST_BYTES));
    }

    /// There is nothing to read now. Says whether that is the end.
    pub(super) fn drained(&mut self) -> bool {
        if self.left.is_some() {
            self.finish();
        }
        self.end.is_some()
    }

    /// Nothing follows.
    pub(super) fn finish(&mut self) {
        self.end = self.end.or(Some(self.ring.newest()));
    }

    /// Adds a reader from `from` on, or from the oldest byte held. Returns its offset.
    pub(super) fn attach(&mut self, id: u32, connection: u32, from: Option<u64>, pace: Pace) -> u64 {
        let oldest = self.ring.oldest();
        let offset = from.unwrap_or(oldest).clamp(oldest, self.ring.newest());
        if pace == Pace::Hold {
            self.expected_until = None;
        }
        self.stalled_until = None;
        self.readers.push(Reader { id, connection, offset, pace, overtaken: false, waiting: VecDeque::new() });
        offset
    }

    /// Asks for the next bytes of a reader; false when there is no such reader.
    pub(super) fn ask(&mut self, id: u32, tag: u64, max: usize) -> bool {
        let Some(reader) = self.readers.iter_mut().find(|reader| reader.id == id) else { return false };
        reader.waiting.push_back((tag, max.max(1)));
        true
    }

    /// The next answer that can be given; `ready` tells whether a connection takes one now.
    pub(super) fn answer(&mut self, ready: impl Fn(u32) -> bool) -> Option<Answer<'_>> {
        let (ring, end) = (&self.ring, self.end);
        for reader in &mut self.readers {
            let Some((tag, max)) = reader.waiting.front().copied() else { continue };
            let ended = end.is_some_and(|end| reader.offset >= end);
            if (reader.offset >= ring.newest() && !ended) || !ready(reader.connection) {
                continue;
            }
            let (offset, data) = ring.read(reader.offset, max);
            reader.waiting.pop_front();
            reader.offset = offset + (data[0].len() + data[1].len()) as u64;
            reader.overtaken = false;
            let end = end.is_some_and(|end| reader.offset >= end);
            return Some(Answer { connection: reader.connection, tag, offset, data, end });
        }
        None
    }

    /// Ends a reader; returns the tags it had not answered.
    pub(super) fn detach(&mut self, id: u32) -> Vec<(u32, u64)> {
        let Some(at) = self.readers.iter().position(|reader| reader.id == id) else { return Vec::new() };
        let reader = self.readers.swap_remove(at);
        reader.waiting.iter().map(|(tag, _)| (reader.connection, *tag)).collect()
    }

    /// Ends every reader of a connection; returns their numbers.
    pub(super) fn detach_all(&mut self, connection: u32) -> Vec<u32> {
        self.readers.extract_if(.., |reader| reader.connection == connection).map(|reader| reader.id).collect()
    }

    /// Ends every reader; returns their numbers and the requests they had not answered.
    pub(super) fn close(&mut self) -> (Vec<u32>, Vec<(u32, u64)>) {
        let ids: Vec<u32> = self.readers.iter().map(|reader| reader.id).collect();
        let unanswered = ids.iter().flat_map(|id| self.detach(*id)).collect();
        (ids, unanswered)
    }

    /// Is `id` a reader of this connection?
    pub(super) fn belongs(&self, id: u32, connection: u32) -> bool {
        self.readers.iter().any(|reader| reader.id == id && reader.connection == connection)
    }

    /// Has the program ended, and does the stream not know yet whether all of its output is here?
    pub(super) fn ending(&self) -> bool {
        self.left.is_some() && self.end.is_none()
    }
}

impl Reader {
    fn holds(&self) -> bool {
        self.pace == Pace::Hold && !self.overtaken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 8;

    #[derive(Debug, PartialEq, Eq)]
    struct Got {
        offset: u64,
        data: Vec<u8>,
        end: bool,
    }

    fn read(stream: &mut Stream, id: u32, max: usize) -> Option<Got> {
        assert!(stream.ask(id, 7, max));
        stream.answer(|_| true).map(|Answer { offset, data, end, .. }| Got { offset, data: data.concat(), end })
    }

    #[test]
    fn a_holding_reader_loses_nothing_until_it_stalls_too_long() {
        let (mut stream, start) = (Stream::new(None), Instant::now());
        stream.attach(1, 1, None, Pace::Hold);
        stream.push(b"12345678", LIMIT);
        assert_eq!(stream.room(LIMIT, start), 0);
        let until = start + Duration::from_secs(HOLD_SECONDS);
        assert_eq!(stream.deadline(), Some(until));
        assert!(!stream.expire(LIMIT, until - Duration::from_millis(1)));
        assert!(stream.expire(LIMIT, until));
        assert_eq!(stream.room(LIMIT, until), usize::MAX);
        stream.push(b"90", LIMIT);
        let answer = read(&mut stream, 1, 100).unwrap();
        assert_eq!((answer.offset, &answer.data[..]), (2, &b"34567890"[..]));
        assert_eq!(stream.room(LIMIT, until), LIMIT, "it holds again once it reads again");
    }

    #[test]
    fn room_grows_with_each_read() {
        let (mut stream, start) = (Stream::new(None), Instant::now());
        stream.attach(1, 1, None, Pace::Hold);
        stream.push(b"12345678", LIMIT);
        assert_eq!(stream.room(LIMIT, start), 0);
        assert_eq!(read(&mut stream, 1, 3).unwrap().data, b"123");
        assert_eq!(stream.room(LIMIT, start), 3);
        assert_eq!(stream.deadline(), None);
    }

    #[test]
    fn output_waits_for_the_expected_reader_only_so_long() {
        let start = Instant::now();
        let until = start + Duration::from_secs(HOLD_SECONDS);
        let mut stream = Stream::new(Some(until));
        stream.push(b"12345678", LIMIT);
        assert_eq!(stream.room(LIMIT, start + Duration::from_secs(3)), 0);
        assert_eq!(stream.deadline(), Some(until));
        assert!(stream.expire(LIMIT, until));
        assert_eq!(stream.room(LIMIT, until), usize::MAX);
    }

    #[test]
    fn a_following_reader_sees_a_gap() {
        let (mut stream, start) = (Stream::new(None), Instant::now());
        stream.attach(1, 1, None, Pace::Follow);
        stream.push(b"1234567890", LIMIT);
        assert_eq!(stream.room(LIMIT, start), usize::MAX);
        assert_eq!(read(&mut stream, 1, 2).unwrap().offset, 2);
    }

    #[test]
    fn the_end_comes_with_the_last_byte() {
        let mut stream = Stream::new(None);
        stream.attach(1, 1, None, Pace::Hold);
        assert_eq!(read(&mut stream, 1, 10), None, "deferred");
        stream.push(b"abc", LIMIT);
        assert!(!stream.answer(|_| true).unwrap().end);
        assert_eq!(stream.detach(1), []);
        stream.attach(2, 1, None, Pace::Hold);
        stream.program_ended();
        assert!(stream.drained());
        assert!(!read(&mut stream, 2, 2).unwrap().end);
        assert!(read(&mut stream, 2, 2).unwrap().end);
        assert_eq!(read(&mut stream, 2, 2).map(|answer| (answer.data, answer.end)), Some((Vec::new(), true)));
    }

    #[test]
    fn one_who_writes_on_cannot_delay_the_end() {
        let mut stream = Stream::new(None);
        stream.attach(1, 1, Some(u64::MAX), Pace::Hold);
        stream.program_ended();
        for _ in 0..LAST_BYTES / 4096 {
            stream.push(&[b'y'; 4096], LIMIT);
        }
        stream.push(b"later", LIMIT);
        assert!(read(&mut stream, 1, 100).unwrap().end);
    }

    #[test]
    fn a_connection_that_takes_nothing_gets_nothing() {
        let mut stream = Stream::new(None);
        stream.attach(1, 1, None, Pace::Follow);
        stream.attach(2, 2, None, Pace::Follow);
        stream.push(b"x", LIMIT);
        assert!(stream.ask(1, 10, 1) && stream.ask(2, 20, 1));
        assert_eq!(stream.answer(|connection| connection == 2).map(|answer| answer.tag), Some(20));
        assert_eq!(stream.answer(|connection| connection == 2), None);
        assert_eq!(stream.detach(1), [(1, 10)]);
    }
}
