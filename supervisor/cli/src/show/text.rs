//! Text of others made safe and fitting for one line of a terminal.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Text without control characters: blanks for line breaks and tabs, nothing for the rest, also not for the invisible
/// characters that reorder a line.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\n' | '\t' | '\r' => {
                if !line.ends_with(' ') {
                    line.push(' ');
                }
            }
            c if c.is_control() || reorders(c) => {}
            c => line.push(c),
        }
    }
    line
}

/// At most `columns` wide, with an ellipsis where something was cut.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide >= columns {
            break;
        }
        used += wide;
        cut.push(c);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// A text in lines of at most so many columns, between words.
pub(crate) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A file name as shown: control characters as `\xNN`, so that a name cannot draw on the terminal.
pub(crate) fn file_name(name: &str) -> String {
    let mut shown = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_control() || reorders(c) {
            shown.push_str(&c.escape_unicode().to_string());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Explicit directional characters (Unicode TR 9), which show text in another order than it has.
const fn reorders(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_keeps_no_controls() {
        assert_eq!(one_line(" a\r\n\tb\x1b]0;t\x07c\u{202e}d\n"), "a b]0;tcd");
    }

    #[test]
    fn fits_by_columns_not_bytes() {
        for (text, columns, fitted) in
            [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 5, "日本…"), ("日本語", 4, "日…"), ("x", 0, "")]
        {
            assert_eq!(fit(text, columns), fitted);
        }
    }

    #[test]
    fn names_cannot_draw() {
        assert_eq!(file_name("a\x1b[2Jb"), "a\\u{1b}[2Jb");
    }
}
