//! The kept output of an agent: a bounded ring on the disk, readable while it is written and after the end.
//!
//! Records of both streams in the order in which they were seen, in segments `<id>.<n>.log`: one byte stream, eight bytes
//! offset, four bytes length (little-endian), then the bytes. The oldest segment goes when the ring is full.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, IoSlice, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Chunk, OutputStream, StartAt, Streams};

/// Size of a segment, bytes.
const SEGMENT: u64 = 4 << 20;
/// Segments kept.
const SEGMENTS: u64 = 4;
/// Head of a record, bytes.
const HEAD: usize = 13;
/// Longest record, bytes.
const LONGEST: usize = 1 << 20;

/// How far a log is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Bytes of output written so far, both streams.
    pub(crate) bytes: u64,
    /// Nothing follows.
    pub(crate) finished: bool,
}

/// The log of one agent.
#[derive(Debug)]
pub(crate) struct OutputLog {
    base: PathBuf,
    writer: Mutex<Writer>,
    progress: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct Writer {
    file: Option<File>,
    segment: u64,
    length: u64,
    next: [u64; 2],
}

/// Where a reader is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    segment: u64,
    at: u64,
}

impl OutputLog {
    /// The log `id` below `dir`, with what it already holds.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub(crate) fn open(dir: &Path, id: &str) -> io::Result<Self> {
        let base = dir.join(id);
        let mut writer = Writer::default();
        let mut bytes = 0;
        if let Some((_, last)) = span(&base)? {
            let mut cursor = Cursor::default();
            while let Some(record) = read_record(&base, &mut cursor)? {
                bytes += record.bytes.len() as u64;
                writer.next[index(record.stream)] = record.offset + record.bytes.len() as u64;
            }
            // A record that a crash cut off is overwritten.
            writer.segment = last;
            writer.length = if cursor.segment == last { cursor.at } else { 0 };
        }
        Ok(Self { base, writer: Mutex::new(writer), progress: watch::Sender::new(Progress { bytes, finished: false }) })
    }

    /// The log of an agent that has printed nothing yet: nothing is looked for on the disk.
    pub(crate) fn fresh(dir: &Path, id: &str) -> Self {
        Self { base: dir.join(id), writer: Mutex::default(), progress: watch::Sender::new(Progress::default()) }
    }

    /// Appends output. What cannot be written is lost and logged; the agent is not held up by a full disk.
    pub(crate) fn append(&self, stream: OutputStream, offset: u64, bytes: &[u8]) {
        for (n, part) in bytes.chunks(LONGEST).enumerate() {
            let offset = offset + (n * LONGEST) as u64;
            if let Err(error) = self.lock().append(&self.base, stream, offset, part) {
                tracing::warn!(%error, log = %self.base.display(), "output could not be kept");
            }
            self.progress.send_modify(|p| p.bytes += part.len() as u64);
        }
    }

    /// Appends after what is there already, for output that has no offsets of its own.
    pub(crate) fn print(&self, stream: OutputStream, bytes: &[u8]) {
        let offset = self.next_offset(stream);
        self.append(stream, offset, bytes);
    }

    /// Offset after the last byte kept of a stream.
    pub(crate) fn next_offset(&self, stream: OutputStream) -> u64 {
        self.lock().next[index(stream)]
    }

    /// Nothing follows.
    pub(crate) fn finish(&self) {
        self.lock().file = None;
        self.progress.send_modify(|p| p.finished = true);
    }

    /// Follows how far it is.
    pub(crate) fn watch(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// How far it is.
    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    /// The next record at or after a cursor that has bytes wanted; `None` at the end of what is written.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub(crate) fn next(&self, cursor: &mut Cursor, streams: Streams, from: &mut StartAt) -> io::Result<Option<Chunk>> {
        while let Some(mut record) = read_record(&self.base, cursor)? {
            let start = match record.stream {
                OutputStream::Stdout => &mut from.stdout,
                OutputStream::Stderr => &mut from.stderr,
            };
            let end = record.offset + record.bytes.len() as u64;
            let wanted = start.unwrap_or(0);
            if !streams.has(record.stream) || end <= wanted {
                continue;
            }
            if record.offset < wanted {
                let skip = usize::try_from(wanted - record.offset).unwrap_or(usize::MAX).min(record.bytes.len());
                record.bytes = record.bytes.slice(skip..);
                record.offset = wanted;
            }
            *start = Some(end);
            return Ok(Some(record));
        }
        Ok(None)
    }

    /// A cursor whose records hold about the last `bytes` bytes.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub(crate) fn tail(&self, bytes: u64) -> io::Result<Cursor> {
        let mut starts = std::collections::VecDeque::new();
        let (mut cursor, mut held) = (Cursor::default(), 0);
        loop {
            let before = cursor;
            let Some(record) = read_record(&self.base, &mut cursor)? else { break };
            starts.push_back((before, record.bytes.len() as u64));
            held += record.bytes.len() as u64;
            while starts.front().is_some_and(|(_, length)| held - length >= bytes) {
                held -= starts.pop_front().map_or(0, |(_, length)| length);
            }
        }
        Ok(starts.front().map_or(cursor, |(start, _)| *start))
    }

    /// Removes it from the disk.
    pub(crate) fn remove(&self) {
        self.finish();
        let last = self.lock().segment;
        for n in last.saturating_sub(SEGMENTS)..=last {
            let _ = fs::remove_file(segment(&self.base, n));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    fn append(&mut self, base: &Path, stream: OutputStream, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.length >= SEGMENT {
            self.file = None;
            self.segment += 1;
            self.length = 0;
            if let Some(old) = self.segment.checked_sub(SEGMENTS) {
                let _ = fs::remove_file(segment(base, old));
            }
        }
        if self.file.is_none() {
            let path = segment(base, self.segment);
            let mut file = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(path)?;
            file.set_len(self.length)?;
            file.seek(SeekFrom::End(0))?;
            self.file = Some(file);
        }
        let mut head = [0; HEAD];
        head[0] = index(stream) as u8;
        head[1..9].copy_from_slice(&offset.to_le_bytes());
        head[9..].copy_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.next[index(stream)] = offset + bytes.len() as u64;
        if let Some(file) = &mut self.file {
            if let Err(error) = write_both(file, &head, bytes) {
                // A record cut off by a full disk must not hide those after it.
                self.file = None;
                return Err(error);
            }
            self.length += (HEAD + bytes.len()) as u64;
        }
        Ok(())
    }
}

/// Head and bytes by one call as a rule, so that a reader hardly ever sees the one without the other.
fn write_both(file: &mut File, head: &[u8], bytes: &[u8]) -> io::Result<()> {
    let written = file.write_vectored(&[IoSlice::new(head), IoSlice::new(bytes)])?;
    match written.checked_sub(head.len()) {
        Some(of_bytes) => file.write_all(&bytes[of_bytes..]),
        None => file.write_all(&head[written..]).and_then(|()| file.write_all(bytes)),
    }
}

const fn index(stream: OutputStream) -> usize {
    match stream {
        OutputStream::Stdout => 0,
        OutputStream::Stderr => 1,
    }
}

fn segment(base: &Path, n: u64) -> PathBuf {
    let mut name = base.as_os_str().to_owned();
    name.push(format!(".{n}.log"));
    PathBuf::from(name)
}

/// First and last segment there is.
fn span(base: &Path) -> io::Result<Option<(u64, u64)>> {
    let (Some(dir), Some(stem)) = (base.parent(), base.file_name().and_then(|n| n.to_str())) else { return Ok(None) };
    let mut found: Option<(u64, u64)> = None;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|n| n.strip_prefix(stem)?.strip_prefix('.')?.strip_suffix(".log")?.parse().ok());
        if let Some(n) = number {
            found = Some(found.map_or((n, n), |(first, last)| (first.min(n), last.max(n))));
        }
    }
    Ok(found)
}

fn read_record(base: &Path, cursor: &mut Cursor) -> io::Result<Option<Chunk>> {
    loop {
        match File::open(segment(base, cursor.segment)) {
            Ok(mut file) => {
                file.seek(SeekFrom::Start(cursor.at))?;
                if let Some(record) = parse(&mut file)? {
                    cursor.at += (HEAD + record.bytes.len()) as u64;
                    return Ok(Some(record));
                }
                if !segment(base, cursor.segment + 1).exists() {
                    return Ok(None);
                }
                *cursor = Cursor { segment: cursor.segment + 1, at: 0 };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // The ring went on without this reader: go on at the oldest segment, if there is a later one.
                match span(base)? {
                    Some((first, _)) if first > cursor.segment => *cursor = Cursor { segment: first, at: 0 },
                    _ => return Ok(None),
                }
            }
            Err(error) => return Err(error),
        }
    }
}

fn parse(file: &mut File) -> io::Result<Option<Chunk>> {
    let mut head = [0; HEAD];
    if !fill(file, &mut head)? {
        return Ok(None);
    }
    let stream = if head[0] == 0 { OutputStream::Stdout } else { OutputStream::Stderr };
    let mut offset = [0; 8];
    offset.copy_from_slice(&head[1..9]);
    let mut length = [0; 4];
    length.copy_from_slice(&head[9..]);
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Ok(None);
    }
    let mut bytes = vec![0; length];
    let whole = fill(file, &mut bytes)?;
    Ok(whole.then(|| Chunk { stream, offset: u64::from_le_bytes(offset), bytes: Bytes::from(bytes), end: false }))
}

fn fill(file: &mut File, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(log: &OutputLog, streams: Streams, mut from: StartAt) -> Vec<(OutputStream, u64, Vec<u8>)> {
        let mut cursor = Cursor::default();
        let mut seen = Vec::new();
        while let Some(chunk) = log.next(&mut cursor, streams, &mut from).expect("read") {
            seen.push((chunk.stream, chunk.offset, chunk.bytes.to_vec()));
        }
        seen
    }

    #[test]
    fn keeps_order_and_offsets_over_a_restart_and_a_torn_record() {
        let dir = tempfile::tempdir().expect("dir");
        let log = OutputLog::open(dir.path(), "a").expect("open");
        log.append(OutputStream::Stdout, 0, b"one");
        log.append(OutputStream::Stderr, 0, b"err");
        log.append(OutputStream::Stdout, 3, b"two");
        drop(log);
        let path = dir.path().join("a.0.log");
        let torn = fs::metadata(&path).expect("size").len() - 1;
        OpenOptions::new().write(true).open(&path).expect("open").set_len(torn).expect("cut");
        let log = OutputLog::open(dir.path(), "a").expect("open again");
        assert_eq!(log.next_offset(OutputStream::Stdout), 3);
        log.append(OutputStream::Stdout, 3, b"2!");
        let expected = [
            (OutputStream::Stdout, 0, b"one".to_vec()),
            (OutputStream::Stderr, 0, b"err".to_vec()),
            (OutputStream::Stdout, 3, b"2!".to_vec()),
        ];
        assert_eq!(all(&log, Streams::All, StartAt::default()), expected);
        let late = all(&log, Streams::Stdout, StartAt { stdout: Some(1), stderr: None });
        assert_eq!(late, [(OutputStream::Stdout, 1, b"ne".to_vec()), (OutputStream::Stdout, 3, b"2!".to_vec())]);
    }

    #[test]
    fn is_bounded_and_loses_the_oldest() {
        let dir = tempfile::tempdir().expect("dir");
        let log = OutputLog::open(dir.path(), "a").expect("open");
        let piece = vec![b'x'; 512 * 1024];
        for n in 0..64 {
            log.append(OutputStream::Stdout, n * piece.len() as u64, &piece);
        }
        let kept: usize = all(&log, Streams::All, StartAt::default()).iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(kept as u64 <= (SEGMENTS + 1) * SEGMENT && kept as u64 >= (SEGMENTS - 1) * SEGMENT, "{kept}");
        let mut cursor = log.tail(600 * 1024).expect("tail");
        let mut from = StartAt::default();
        let first = log.next(&mut cursor, Streams::All, &mut from).expect("read").expect("record");
        assert_eq!(first.offset, 62 * piece.len() as u64);
        log.remove();
        assert_eq!(fs::read_dir(dir.path()).expect("dir").count(), 0);
    }
}
