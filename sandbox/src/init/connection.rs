//! A client's connection: frames in, frames out, never blocking.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use nix::sys::socket::{setsockopt, sockopt};

use super::stream::Answer;
use crate::{
    sys::{epoll::Interest, fdpass},
    wire::init::{FromInit, InitReply, MAX_FRAME, MAX_PLACES, ToInit},
};

/// Above so many unsent bytes nothing more is taken from the client.
const MAX_UNSENT: usize = 4 << 20;
/// Requests that wait for their answer, per connection.
pub(super) const MAX_WAITING: usize = 1024;
const LENGTH: usize = 4;

/// One client.
pub(super) struct Connection {
    stream: UnixStream,
    received: Vec<u8>,
    /// What came beside the bytes and was not taken yet.
    descriptors: Vec<OwnedFd>,
    /// So many bytes at the beginning of `received` are done with.
    taken: usize,
    unsent: VecDeque<Frame>,
    unsent_bytes: usize,
    /// The socket takes nothing until epoll says so.
    pub(super) blocked: bool,
    /// Requests without an answer yet.
    pub(super) waiting: usize,
    /// What epoll was last told.
    pub(super) interest: Interest,
}

struct Frame {
    bytes: Vec<u8>,
    sent: usize,
    descriptor: Option<OwnedFd>,
}

/// Why a connection ends.
#[derive(Debug)]
pub(super) enum Closed {
    /// The client went away.
    Gone,
    /// It sent something that is no frame of ours.
    Malformed,
}

impl From<io::Error> for Closed {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl Connection {
    /// Takes an accepted stream.
    pub(super) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        // As much as the host allows (net.core.wmem_max), so that a long answer is sent at once as a rule.
        setsockopt(&stream, sockopt::SndBuf, &MAX_UNSENT)?;
        let (received, unsent) = (Vec::new(), VecDeque::new());
        let (descriptors, interest) = (Vec::new(), Interest::Read);
        Ok(Self { stream, received, descriptors, taken: 0, unsent, unsent_bytes: 0, blocked: false, waiting: 0, interest })
    }

    /// Does it have more to take than it should?
    pub(super) fn congested(&self) -> bool {
        self.unsent_bytes > MAX_UNSENT
    }

    /// Has it something to send, as far as known to a socket with room?
    pub(super) fn can_send(&self) -> bool {
        !self.blocked && !self.unsent.is_empty()
    }

    /// What to wait for now.
    pub(super) fn wanted(&self) -> Interest {
        match (self.congested(), self.unsent.is_empty()) {
            (true, _) => Interest::Write,
            (false, true) => Interest::Read,
            (false, false) => Interest::ReadWrite,
        }
    }

    /// Takes what has arrived. At most one buffer full, so that nobody keeps the loop for himself.
    pub(super) fn receive(&mut self, scratch: &mut [u8]) -> Result<(), Closed> {
        match fdpass::receive(self.stream.as_fd(), scratch, &mut self.descriptors) {
            Ok(0) => Err(Closed::Gone),
            Ok(_) if self.descriptors.len() > MAX_PLACES => Err(Closed::Malformed),
            Ok(count) => {
                self.received.extend_from_slice(&scratch[..count]);
                Ok(())
            }
            Err(error) if again(&error) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes what came beside the requests so far: only one kind has anything beside it, and comes alone on its connection.
    pub(super) fn descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.descriptors)
    }

    /// The next whole request, unless the client should first take its answers.
    pub(super) fn next_request(&mut self) -> Result<Option<ToInit>, Closed> {
        if self.congested() {
            return Ok(None);
        }
        let left = &self.received[self.taken..];
        let Some(length) = left.first_chunk::<LENGTH>() else { return Ok(self.make_room()) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > MAX_FRAME {
            return Err(Closed::Malformed);
        }
        let Some(body) = left.get(LENGTH..LENGTH + length) else { return Ok(self.make_room()) };
        let (request, rest) = postcard::take_from_bytes(body).map_err(|_| Closed::Malformed)?;
        if !rest.is_empty() {
            return Err(Closed::Malformed);
        }
        self.taken += LENGTH + length;
        Ok(Some(request))
    }

    /// Gives back the memory of what is done with, once no whole request is left.
    fn make_room(&mut self) -> Option<ToInit> {
        if self.taken == self.received.len() {
            self.received = Vec::new();
        } else {
            self.received.drain(..self.taken);
        }
        self.taken = 0;
        None
    }

    /// Queues an answer.
    pub(super) fn reply(&mut self, tag: u64, body: InitReply, descriptor: Option<OwnedFd>) {
        let frame = encode(&FromInit { tag, body }).or_else(|| {
            let step = "answer is larger than a frame".to_owned();
            encode(&FromInit { tag, body: InitReply::Failed { errno: libc::EMSGSIZE, step } })
        });
        if let Some(bytes) = frame {
            self.queue(bytes, descriptor);
        }
    }

    /// Queues bytes of a stream, the answer that there are most of: copied once.
    pub(super) fn output(&mut self, answer: &Answer<'_>) {
        self.waiting = self.waiting.saturating_sub(1);
        if let Some(bytes) = encode_output(answer) {
            self.queue(bytes, None);
        }
    }

    fn queue(&mut self, bytes: Vec<u8>, descriptor: Option<OwnedFd>) {
        self.unsent_bytes += bytes.len();
        self.unsent.push_back(Frame { bytes, sent: 0, descriptor });
    }

    /// Sends what the socket takes.
    pub(super) fn send(&mut self) -> Result<(), Closed> {
        while let (false, Some(frame)) = (self.blocked, self.unsent.front_mut()) {
            let beside: Vec<BorrowedFd<'_>> = frame.descriptor.iter().map(AsFd::as_fd).collect();
            match fdpass::send(self.stream.as_fd(), &frame.bytes[frame.sent..], &beside) {
                Ok(count) => {
                    frame.sent += count;
                    frame.descriptor = None;
                    self.unsent_bytes -= count;
                    if frame.sent == frame.bytes.len() {
                        self.unsent.pop_front();
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if again(&error) => self.blocked = true,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

/// Would it have blocked, or was it interrupted? Both: later.
pub(super) fn again(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

fn encode(reply: &FromInit) -> Option<Vec<u8>> {
    framed(postcard::to_extend(reply, vec![0; LENGTH]).ok()?)
}

/// As [`encode`] would do it: everything before the bytes, their number, the bytes, and whether it is the end.
fn encode_output(answer: &Answer<'_>) -> Option<Vec<u8>> {
    const AROUND: usize = 32;
    let Answer { tag, offset, data: [first, rest], end, .. } = *answer;
    let mut bytes = Vec::with_capacity(AROUND + first.len() + rest.len());
    bytes.extend([0; LENGTH]);
    let mut bytes =
        postcard::to_extend(&FromInit { tag, body: InitReply::Output { offset, data: Vec::new(), end } }, bytes).ok()?;
    // The number of no bytes, and the end.
    bytes.truncate(bytes.len() - 2);
    bytes = postcard::to_extend(&(first.len() + rest.len()), bytes).ok()?;
    bytes.extend_from_slice(first);
    bytes.extend_from_slice(rest);
    bytes.push(end.into());
    framed(bytes)
}

/// A message with its length before it.
fn framed(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let length = bytes.len() - LENGTH;
    if length > MAX_FRAME {
        return None;
    }
    bytes[..LENGTH].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::wire::init::InitRequest;

    fn pair() -> (Connection, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Connection::new(ours).unwrap(), theirs)
    }

    fn frame(request: &ToInit) -> Vec<u8> {
        let body = postcard::to_stdvec(request).unwrap();
        [&u32::try_from(body.len()).unwrap().to_le_bytes()[..], &body].concat()
    }

    #[test]
    fn a_request_may_arrive_byte_by_byte() {
        let (mut connection, mut client) = pair();
        let request = ToInit { tag: 7, body: InitRequest::List };
        let (bytes, mut scratch) = (frame(&request), [0; 16]);
        for byte in &bytes {
            assert!(connection.next_request().unwrap().is_none());
            client.write_all(&[*byte]).unwrap();
            connection.receive(&mut scratch).unwrap();
        }
        assert_eq!(connection.next_request().unwrap(), Some(request));
        assert!(connection.next_request().unwrap().is_none());
    }

    #[test]
    fn more_descriptors_than_anybody_asked_for_close() {
        for (count, fine) in [(MAX_PLACES, true), (MAX_PLACES + 1, false)] {
            let (mut connection, client) = pair();
            fdpass::send(
                client.as_fd(),
                &frame(&ToInit { tag: 1, body: InitRequest::Call { call: 1 } }),
                &vec![client.as_fd(); count],
            )
            .unwrap();
            assert_eq!(connection.receive(&mut [0; 64]).is_ok(), fine, "{count}");
            assert_eq!(connection.descriptors().len(), count);
        }
    }

    #[test]
    fn output_is_encoded_as_every_answer() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 256 << 10] {
            let data: Vec<u8> = (0..length).map(|n| n as u8).collect();
            for (tag, end, cut) in [(1, false, 0), (u64::MAX, true, length), (300, false, length / 3)] {
                let (first, rest) = data.split_at(cut);
                let offset = tag / 3;
                let answer = Answer { connection: 1, tag, offset, data: [first, rest], end };
                let body = InitReply::Output { offset, data: data.clone(), end };
                assert_eq!(encode_output(&answer), encode(&FromInit { tag, body }), "{length} bytes, {tag}");
            }
        }
    }

    #[test]
    fn garbage_closes() {
        for bytes in [&[255, 255, 255, 255][..], &[1, 0, 0, 0, 255], &[4, 0, 0, 0, 1, 7, 0, 0], &[0, 0, 0, 0]] {
            let (mut connection, mut client) = pair();
            client.write_all(bytes).unwrap();
            connection.receive(&mut [0; 16]).unwrap();
            assert!(matches!(connection.next_request(), Err(Closed::Malformed)), "{bytes:?}");
        }
    }

    #[test]
    fn a_client_that_takes_nothing_is_not_served() {
        let (mut connection, mut client) = pair();
        let answer = InitReply::Output { offset: 0, data: vec![0; 1 << 19], end: false };
        for tag in 0..9 {
            connection.reply(tag, answer.clone(), None);
        }
        client.write_all(&frame(&ToInit { tag: 1, body: InitRequest::List })).unwrap();
        connection.receive(&mut [0; 64]).unwrap();
        assert!(connection.next_request().unwrap().is_none());
        assert_eq!(connection.wanted(), Interest::Write);
        connection.send().unwrap();
        let mut taken = vec![0; 1 << 20];
        while connection.congested() {
            connection.blocked = false;
            client.read_exact(&mut taken[..4096]).unwrap();
            connection.send().unwrap();
        }
        assert!(connection.next_request().unwrap().is_some());
    }
}
