//! Cuts a byte stream into text and control sequences (ECMA-48, and what xterm and its kin add).
//!
//! Device control, application, privacy and "start of" strings are swallowed whole, also screen's title string: they program
//! keys, move files or reach through a multiplexer, and no program needs them on somebody else's terminal.

/// The longest control sequence that is passed on.
const MAX_SEQUENCE: usize = 256;
/// The longest operating system command that is passed on (hyperlinks are the long ones).
const MAX_COMMAND: usize = 4096;

/// A piece of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// Printable UTF-8.
    Text(&'a [u8]),
    /// A C0 control character.
    Control(u8),
    /// `ESC`, intermediates, final: without the `ESC`.
    Escape(&'a [u8]),
    /// A control sequence without its introducer.
    Csi(&'a [u8]),
    /// An operating system command without introducer and terminator: UTF-8 without control characters.
    Osc(&'a str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ground,
    Utf8 {
        missing: u8,
    },
    Escape,
    Csi,
    Osc,
    Swallow,
    /// `ESC` inside a string: its end when a backslash follows.
    StringEscape {
        osc: bool,
    },
}

/// The scanner; sequences may be split anywhere.
#[derive(Debug)]
pub(crate) struct Scanner {
    state: State,
    held: Vec<u8>,
    overlong: bool,
}

impl Scanner {
    pub(crate) const fn new() -> Self {
        Self { state: State::Ground, held: Vec::new(), overlong: false }
    }

    pub(crate) fn push(&mut self, bytes: &[u8], mut sink: impl FnMut(Token<'_>)) {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Ground {
                let run = bytes[at..].iter().position(|byte| !matches!(byte, 0x20..=0x7e)).unwrap_or(bytes.len() - at);
                if run > 0 {
                    sink(Token::Text(&bytes[at..at + run]));
                    at += run;
                    continue;
                }
            }
            if self.step(bytes[at], &mut sink) {
                at += 1;
            }
        }
    }

    /// Takes one byte; false when it must be looked at again in the new state.
    fn step(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) -> bool {
        match self.state {
            State::Ground => self.ground(byte, sink),
            State::Utf8 { missing } => return self.utf8(byte, missing, sink),
            State::Escape => return self.escape(byte, sink),
            State::Csi => return self.csi(byte, sink),
            State::Osc | State::Swallow => self.string(byte, sink),
            State::StringEscape { osc } => {
                if byte == b'\\' {
                    self.end_string(osc, sink);
                } else {
                    // Terminals abandon the string here and begin anew; so nothing can hide in it.
                    self.enter(State::Escape);
                    return false;
                }
            }
        }
        true
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.held.clear();
        self.overlong = false;
    }

    fn ground(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        match byte {
            0x1b => self.enter(State::Escape),
            0x00..=0x1f => sink(Token::Control(byte)),
            0xc2..=0xf4 => {
                self.enter(State::Utf8 {
                    missing: if byte < 0xe0 {
                        1
                    } else if byte < 0xf0 {
                        2
                    } else {
                        3
                    },
                });
                self.held.push(byte);
            }
            // DEL, and bytes that begin no character: some terminals take 0x80-0x9f for control characters.
            _ => {}
        }
    }

    fn utf8(&mut self, byte: u8, missing: u8, sink: &mut impl FnMut(Token<'_>)) -> bool {
        if byte & 0xc0 != 0x80 {
            self.enter(State::Ground);
            return false;
        }
        self.held.push(byte);
        if missing > 1 {
            self.state = State::Utf8 { missing: missing - 1 };
            return true;
        }
        let held = std::mem::take(&mut self.held);
        self.enter(State::Ground);
        match std::str::from_utf8(&held).ok().and_then(|text| text.chars().next()) {
            Some('\u{9b}') => self.enter(State::Csi),
            Some('\u{9d}') => self.enter(State::Osc),
            Some('\u{90}' | '\u{98}' | '\u{9e}' | '\u{9f}') => self.enter(State::Swallow),
            Some(c) if !c.is_control() => sink(Token::Text(&held)),
            _ => {}
        }
        true
    }

    fn escape(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) -> bool {
        match byte {
            b'[' if self.held.is_empty() => self.enter(State::Csi),
            b']' if self.held.is_empty() => self.enter(State::Osc),
            b'P' | b'X' | b'^' | b'_' | b'k' if self.held.is_empty() => self.enter(State::Swallow),
            0x1b => self.enter(State::Escape),
            0x18 | 0x1a => self.enter(State::Ground),
            0x00..=0x1f => sink(Token::Control(byte)),
            0x20..=0x2f if self.held.len() < 4 => self.held.push(byte),
            0x30..=0x7e => {
                self.held.push(byte);
                sink(Token::Escape(&self.held));
                self.enter(State::Ground);
            }
            _ => {
                self.enter(State::Ground);
                return false;
            }
        }
        true
    }

    fn csi(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) -> bool {
        match byte {
            0x1b => self.enter(State::Escape),
            0x18 | 0x1a => self.enter(State::Ground),
            0x00..=0x1f => sink(Token::Control(byte)),
            0x20..=0x3f => self.hold(byte, MAX_SEQUENCE),
            0x40..=0x7e => {
                self.hold(byte, MAX_SEQUENCE);
                if !self.overlong {
                    sink(Token::Csi(&self.held));
                }
                self.enter(State::Ground);
            }
            _ => {
                self.enter(State::Ground);
                return false;
            }
        }
        true
    }

    fn string(&mut self, byte: u8, sink: &mut impl FnMut(Token<'_>)) {
        let osc = self.state == State::Osc;
        match byte {
            0x1b => self.state = State::StringEscape { osc },
            0x07 => self.end_string(osc, sink),
            0x18 | 0x1a => self.enter(State::Ground),
            _ if osc => self.hold(byte, MAX_COMMAND),
            _ => {}
        }
    }

    fn end_string(&mut self, osc: bool, sink: &mut impl FnMut(Token<'_>)) {
        if osc && !self.overlong {
            // A control character within may end the string for one terminal and not for another.
            if let Ok(text) = std::str::from_utf8(&self.held)
                && !text.chars().any(char::is_control)
            {
                sink(Token::Osc(text));
            }
        }
        self.enter(State::Ground);
    }

    fn hold(&mut self, byte: u8, most: usize) {
        if self.held.len() < most {
            self.held.push(byte);
        } else {
            self.overlong = true;
        }
    }
}
