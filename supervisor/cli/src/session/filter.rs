//! What of an agent's output may reach a person's terminal.
//!
//! A terminal obeys what it reads: it can be told to change the clipboard, to send its title back as if typed, to write files.
//! Agents print what the network tells them, so only what draws passes.

use std::collections::BTreeSet;

use super::scan::{Scanner, Token};

/// For terminals of agents: everything that draws passes; clipboard, titles, files and answers with chosen content do not.
#[derive(Debug)]
pub(crate) struct ScreenFilter {
    scanner: Scanner,
    /// DEC private modes that the program turned on and not off again.
    modes: BTreeSet<u16>,
    /// The program sent a sequence that a terminal may remember.
    touched: bool,
}

/// For logs: text, line ends, tabs and colours.
#[derive(Debug)]
pub(crate) struct LogFilter {
    scanner: Scanner,
    /// A carriage return that may belong to a line end.
    returned: bool,
}

/// Modes that disturb the person's shell when a program leaves them on: application cursor keys, mouse reports, focus
/// reports, alternate screens, bracketed paste, synchronized output (xterm's control sequences, "DEC private mode set").
const DISTURBING: [u16; 15] = [1, 9, 47, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004, 2026];

/// Modes in which a terminal reports by itself: its colours (2031), and its size, at once (2048).
const REPORTING: [u16; 2] = [2031, 2048];

/// What programs leave in many ways: colours, character set, a hidden cursor, no wrapping, inserting.
const PLAIN: &[u8] = b"\x1b[?25h\x1b[?7h\x1b[4l\x1b(B\x0f\x1b[0m";

/// Instead of a full reset (RIS): soft reset, no margins, an empty screen.
const CLEAN: &[u8] = b"\x1b[!p\x1b[r\x1b[H\x1b[2J";

impl ScreenFilter {
    pub(crate) const fn new() -> Self {
        Self { scanner: Scanner::new(), modes: BTreeSet::new(), touched: false }
    }

    /// Appends to `out` what of `bytes` may be shown.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let (modes, touched) = (&mut self.modes, &mut self.touched);
        self.scanner.push(bytes, |token| match token {
            Token::Text(text) => out.extend_from_slice(text),
            // BEL to SI: bell, movement, character sets. Not ENQ, which makes the terminal answer.
            Token::Control(byte) if (0x07..=0x0f).contains(&byte) => out.push(byte),
            Token::Control(_) => {}
            // DECID: the terminal would answer.
            Token::Escape(b"Z") => {}
            // `ESC %` and `ESC SP` change how bytes are decoded; this filter would then read another stream than the terminal.
            Token::Escape([b'%' | b' ', ..]) => {}
            // RIS also clears what the person had on the terminal before, in many even beyond the screen.
            Token::Escape(b"c") => {
                *touched = true;
                undo(modes, out);
                modes.clear();
                out.extend_from_slice(CLEAN);
            }
            Token::Escape(sequence) => {
                *touched = true;
                out.push(0x1b);
                out.extend_from_slice(sequence);
            }
            Token::Csi(sequence) if harmless(sequence) => {
                *touched = true;
                remember(modes, sequence);
                out.extend_from_slice(b"\x1b[");
                out.extend_from_slice(sequence);
            }
            Token::Osc(command) if draws(command) => {
                out.extend_from_slice(b"\x1b]");
                out.extend_from_slice(command.as_bytes());
                out.extend_from_slice(b"\x1b\\");
            }
            Token::Csi(_) | Token::Osc(_) => {}
        });
    }

    /// What brings the terminal back when the person leaves while the program still draws.
    pub(crate) fn undo(&self) -> Option<Vec<u8>> {
        if !self.touched {
            return None;
        }
        let mut out = Vec::new();
        undo(&self.modes, &mut out);
        Some(out)
    }
}

fn undo(modes: &BTreeSet<u16>, out: &mut Vec<u8>) {
    for mode in DISTURBING.iter().filter(|mode| modes.contains(mode)) {
        out.extend_from_slice(format!("\x1b[?{mode}l").as_bytes());
    }
    out.extend_from_slice(PLAIN);
}

/// Does a control sequence only draw? Not those that make a terminal answer, as if the person had typed it: reports of status,
/// attributes, modes, sizes, titles and the like (xterm's control sequences; kitty's keyboard protocol). Nor those that move
/// or resize the window, print, run macros, forget what has scrolled away, or mark what was pasted.
///
/// An answer would go to whoever reads the terminal when it comes: to the agent, or, once the person has left, to their shell.
fn harmless(sequence: &[u8]) -> bool {
    let Some((last, rest)) = sequence.split_last() else { return false };
    let (private, between) = (rest.first().copied().filter(|byte| (b'<'..=b'?').contains(byte)), rest.last().copied());
    let between = between.filter(|byte| (0x20..=0x2f).contains(byte));
    match (last, private, between) {
        // DSR; `CSI > n` only sets.
        (b'n', private, _) => private == Some(b'>'),
        // ED 3: what has scrolled away is the person's, from before as well.
        (b'J', ..) => !rest.split(|byte| !byte.is_ascii_digit()).any(|part| number(part) == Some(3)),
        // Key codes and the marks around pasted text, which only come from a terminal.
        (b'~', _, None) => false,
        // DA, printing.
        (b'c' | b'i', ..) => false,
        // XTVERSION, DECRQM, kitty's and DEC's questions about the keyboard and the terminal's state.
        (b'q', Some(_), _) | (b'p', _, Some(b'$')) | (b'u', Some(_), _) | (b'u', _, Some(_)) | (b'w', _, Some(b'$')) => false,
        // DECREQTPARM, XTSMGRAPHICS, XTQMODKEYS, checksums, macros, the locator, XTREPORTSGR, DECRQDE.
        (b'x', _, None) | (b'S' | b'm', Some(b'?'), _) | (b'y' | b'z', _, Some(_)) | (b'|', ..) | (b'v', _, Some(b'"')) => false,
        // Window operations; those with numbers 22 and 23 keep a title aside.
        (b't', _, None) => matches!(number(rest), Some(22 | 23)),
        (b'h', Some(b'?'), _) => !modes(rest).any(|mode| REPORTING.contains(&mode)),
        _ => true,
    }
}

/// The number that parameters begin with.
fn number(params: &[u8]) -> Option<u32> {
    let digits: Vec<u8> = params.iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}

/// The DEC private modes that parameters name.
fn modes(params: &[u8]) -> impl Iterator<Item = u16> {
    let text = params.strip_prefix(b"?").and_then(|params| std::str::from_utf8(params).ok()).unwrap_or_default();
    text.split(';').filter_map(|mode| mode.parse().ok())
}

fn remember(modes: &mut BTreeSet<u16>, sequence: &[u8]) {
    let Some((last @ (b'h' | b'l'), params)) = sequence.split_last() else { return };
    for mode in self::modes(params).filter(|mode| DISTURBING.contains(mode)) {
        if *last == b'h' {
            modes.insert(mode);
        } else {
            modes.remove(&mode);
        }
    }
}

/// Colours (4, 10 to 12 and their resets), links to the web (8) and prompt marks (133). Not links that open files or start programs
/// of the person's computer, titles (0 to 2), not the clipboard (52),
/// fonts (50) or files (1337), and no questions.
fn draws(command: &str) -> bool {
    let (number, rest) = command.split_once(';').unwrap_or((command, ""));
    match number {
        "8" => rest.split_once(';').is_some_and(|(_, address)| web(address)),
        "133" => true,
        "4" | "10" | "11" | "12" => !rest.contains('?'),
        "104" | "110" | "111" | "112" => true,
        _ => false,
    }
}

/// Is it an address of the web, or none (the end of a link)?
fn web(address: &str) -> bool {
    let begins = |scheme: &str| address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    address.is_empty() || begins("https://") || begins("http://")
}

impl LogFilter {
    pub(crate) const fn new() -> Self {
        Self { scanner: Scanner::new(), returned: false }
    }

    /// Appends to `out` what of `bytes` may be shown.
    pub(crate) fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let returned = &mut self.returned;
        self.scanner.push(bytes, |token| {
            if token == Token::Control(b'\r') {
                *returned = true;
                return;
            }
            let shown: &[u8] = match &token {
                Token::Text(text) => text,
                Token::Control(b'\n') => b"\n",
                Token::Control(b'\t') => b"\t",
                Token::Csi([params @ .., b'm']) if params.iter().all(|byte| matches!(byte, b'0'..=b'9' | b';' | b':')) => {
                    out.extend_from_slice(b"\x1b[");
                    out.extend_from_slice(params);
                    b"m"
                }
                _ => return,
            };
            // A lone return would let one line overwrite another; it becomes a line end. Before a real line end it is dropped.
            if std::mem::take(returned) && shown != b"\n" && !shown.ends_with(b"m") {
                out.push(b'\n');
            }
            out.extend_from_slice(shown);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(bytes: &[u8], piece: usize) -> String {
        let (mut filter, mut out) = (ScreenFilter::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            filter.push(piece, &mut out);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn log(bytes: &[u8], piece: usize) -> String {
        let (mut filter, mut out) = (LogFilter::new(), Vec::new());
        for piece in bytes.chunks(piece) {
            filter.push(piece, &mut out);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn what_draws_passes() {
        for text in [
            "plain äöü 日本 🦀\r\n\ttab\x08",
            "\x1b[1;31mred\x1b[0m",
            "\x1b[?1049h\x1b[2J\x1b[H\x1b[1;20r\x1b[2 q\x1b[!p\x1b[s\x1b[u\x1b[>4;2m\x1b[22;0t",
            "\x1b(0lqk\x1b(B\x1b7\x1b8\x1bM",
            "\x1b]8;;https://example.org/ä\x1b\\link\x1b]8;;\x1b\\",
            "\x1b]11;#000000\x1b\\\x1b]104\x1b\\",
            "\x1b[38:2::1:2:3m\x1b[4$x\x1b[>4n",
        ] {
            for piece in 1..=text.len() {
                assert_eq!(screen(text.as_bytes(), piece), text, "pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_reaches_beyond_the_screen_does_not() {
        for bytes in [
            &b"\x1b]52;c;ZXZpbA==\x07"[..],
            b"\x1b]52;c;ZXZpbA==\x1b\\",
            b"\x1b]052;c;ZXZpbA==\x07",
            b"\x1b]50;font\x07",
            b"\x1b]1337;File=name=x:AAAA\x07",
            b"\x1b]0;title\x07\x1b]2;title\x1b\\\x1b]l title\x07",
            b"\x1bktitle\x1b\\",
            b"\x1b[21t\x1b[20t\x1b[021t\x1b[21;0t",
            b"\x1b]11;?\x07\x1b]4;1;?\x07",
            b"\x1bP$qm\x1b\\\x1bP+q544e\x1b\\\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\",
            b"\x1b_Gf=32,t=f;L2V0Yy9wYXNzd2Q=\x1b\\\x1b^x\x1b\\\x1bXx\x1b\\",
            b"\x1b[6n\x1b[5n\x1b[?6n\x1b[?996n\x1b[c\x1b[0c\x1b[>c\x1b[=c\x1bZ",
            b"\x1b[14t\x1b[18t\x1b[8;2;2t\x1b[2t\x1b[>q\x1b[?2026$p\x1b[4$p\x1b[?u\x1b[>1u\x1b[=1u\x1b[0x\x1b[x",
            b"\x1b[?1;1;0S\x1b[?4m\x1b[1$w\x1b[1$u\x1b[#|\x1b[1'|\x1b[\"v\x1b[1*z\x1b[?2048h\x1b[?1;2031h",
            b"\x1b[5i\x1b[1;1;1;1;1;1*y\x05\x00\x7f",
            b"\xc2\x9d52;c;eA==\x07\xc2\x90x\x1b\\",
            b"\x9d\x90\x9b\xff",
            b"\x1b%@\x1b F\x1b%G",
            b"\x1b[3J\x1b[?3J\x1b[0;03J\x1b[201~\x1b[200~\x1b[5~",
            b"\x1b]8;;file:///etc/passwd\x1b\\\x1b]8;;javascript:x\x07\x1b]8;id=1;ssh://h\x07\x1b]8\x07\x1b]8;x\x07",
            b"\x1b]8;;\xc2\x9c\x07",
            b"\x1b]8;;\x9c\x07",
        ] {
            for piece in 1..=bytes.len() {
                let shown = screen(bytes, piece);
                assert!(matches!(shown.as_str(), "" | "\x1b\\"), "{bytes:?} in pieces of {piece}: {shown:?}");
            }
        }
    }

    #[test]
    fn a_full_reset_becomes_a_clean_screen() {
        for piece in 1..=12 {
            let shown = screen(b"\x1b[?1049h\x1bcx", piece);
            let reset = [b"\x1b[?1049h\x1b[?1049l", PLAIN, CLEAN, b"x"].concat();
            assert_eq!(shown.as_bytes(), reset, "pieces of {piece}");
        }
    }

    #[test]
    fn an_abandoned_string_hides_nothing() {
        assert_eq!(screen(b"\x1b]8;;x\x1b]52;c;eA==\x07shown", 3), "shown");
        assert_eq!(screen(b"\x1b]52;c;\x18after", 1), "after");
        assert_eq!(screen(b"a\xe2\x82\x1b[1mb", 1), "a\x1b[1mb");
        let long = [b"\x1b]8;;".as_slice(), &[b'x'; 5000], b"\x07ok"].concat();
        assert_eq!(screen(&long, 100), "ok");
        let long = [b"\x1b[".as_slice(), &[b'1'; 300], b"mok"].concat();
        assert_eq!(screen(&long, 100), "ok");
    }

    #[test]
    fn leaving_undoes_what_disturbs() {
        let (mut filter, mut out) = (ScreenFilter::new(), Vec::new());
        filter.push(b"\x1b[?1049;2004h\x1b[?1000h\x1b[?1000l\x1b[?7h", &mut out);
        assert_eq!(filter.undo().unwrap(), [b"\x1b[?1049l\x1b[?2004l", PLAIN].concat());
        filter.push(b"\x1b[31m", &mut out);
        assert!(filter.undo().is_some_and(|undo| undo.ends_with(b"\x1b[0m")));
        let mut plain = ScreenFilter::new();
        plain.push(b"text\r\n", &mut out);
        assert_eq!(plain.undo(), None);
    }

    #[test]
    fn logs_keep_text_and_colours() {
        for (bytes, shown) in [
            (&b"a\tb\r\nc\n"[..], "a\tb\nc\n"),
            (b"10%\r20%\r\n", "10%\n20%\n"),
            (b"\x1b[1;31mred\x1b[0m\x1b[2J\x1b[H\x1b[?25l", "\x1b[1;31mred\x1b[0m"),
            (b"\x1b]52;c;eA==\x07\x1b]0;t\x07x\x07\x08", "x"),
            (b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
            ("ä\u{9b}31mé".as_bytes(), "ä\x1b[31mé"),
            (b"\x1b[>4;2m", ""),
        ] {
            for piece in 1..=bytes.len() {
                assert_eq!(log(bytes, piece), shown, "{bytes:?} in pieces of {piece}");
            }
        }
    }
}
