//! Aligned columns.

use super::{
    style::{Style, Tone},
    text::{fit, width},
};

/// A table: one header line, then rows. The last column may be cut to the width of the terminal.
pub(crate) struct Table {
    header: Vec<&'static str>,
    right: Vec<bool>,
    /// May be left out where there is no room.
    spare: Vec<bool>,
    rows: Vec<Vec<Cell>>,
}

/// Columns that the last one shall have before others are left out for it.
const READABLE: usize = 16;

/// One cell.
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Tone::Plain, text)
    }
}

impl Table {
    /// Columns by name; a name that starts with `>` makes its column align right, one that starts with `?` is left out where
    /// the terminal is narrow, the first such one first.
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        let spare = columns.iter().map(|name| name.starts_with('?')).collect();
        let right = columns.iter().map(|name| name.trim_start_matches('?').starts_with('>')).collect();
        let header = columns.iter().map(|name| name.trim_start_matches(['?', '>'])).collect();
        Self { header, right, spare, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// The lines, each with its line end.
    pub(crate) fn render(&self, style: Style, columns: Option<usize>) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|name| width(name)).collect();
        for row in &self.rows {
            for (cell, column) in row.iter().zip(&mut widths) {
                *column = (*column).max(width(&cell.text));
            }
        }
        let last = widths.len() - 1;
        let mut before: usize = widths[..last].iter().map(|column| column + 2).sum();
        let mut left_out = vec![false; widths.len()];
        if let Some(columns) = columns {
            for at in 0..last {
                if self.spare[at] && before + widths[last].min(READABLE) > columns {
                    left_out[at] = true;
                    before -= widths[at] + 2;
                }
            }
        }
        let room = columns.map_or(usize::MAX, |columns| columns.saturating_sub(before).max(8));
        let mut out = String::new();
        let header: Vec<Cell> = self.header.iter().map(|name| Cell::new(Tone::Faint, *name)).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            for (at, cell) in row.iter().enumerate().filter(|(at, _)| !left_out[*at]) {
                let text = if at == last { fit(&cell.text, room) } else { cell.text.clone() };
                let pad = " ".repeat(widths[at].saturating_sub(width(&text)));
                if self.right[at] {
                    out.push_str(&pad);
                }
                out.push_str(&style.paint(cell.tone, &text));
                if at != last {
                    if !self.right[at] {
                        out.push_str(&pad);
                    }
                    out.push_str("  ");
                }
            }
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligns_and_cuts_the_last_column() {
        let mut table = Table::new(&["NAME", ">MEM", "WHAT"]);
        table.row(vec!["a".into(), "512 MiB".into(), "sleep infinity".into()]);
        table.row(vec!["日本".into(), "1 KiB".into(), "x".into()]);
        let style = Style::off();
        assert_eq!(table.render(style, None), "NAME      MEM  WHAT\na     512 MiB  sleep infinity\n日本    1 KiB  x\n");
        let mut spare = Table::new(&["NAME", "?ID", "?>MEM", "WHAT"]);
        spare.row(vec!["a".into(), "abcdefghijkl".into(), "512 MiB".into(), "sleep infinity".into()]);
        assert_eq!(
            spare.render(style, Some(50)),
            "NAME  ID                MEM  WHAT\na     abcdefghijkl  512 MiB  sleep infinity\n"
        );
        assert_eq!(spare.render(style, Some(40)), "NAME      MEM  WHAT\na     512 MiB  sleep infinity\n");
        assert_eq!(spare.render(style, Some(20)), "NAME  WHAT\na     sleep infinity\n");
        assert_eq!(table.render(style, Some(23)), "NAME      MEM  WHAT\na     512 MiB  sleep i…\n日本    1 KiB  x\n");
    }
}
