//! `aether ls`

use std::io::Write as _;

use aether_protocol::{FileEntry, FileKind};
use clap::Args;

use super::Context;
use crate::{
    failure::Failure,
    show::{
        style::{Style, Tone},
        table::{Cell, Table},
        text::file_name,
        units,
    },
    transfer::remote::{Files, Place},
};

/// List files inside an agent, also after its end.
#[derive(Debug, Args)]
pub(crate) struct Ls {
    /// With mode, owner, size and time
    #[arg(short = 'l', long)]
    long: bool,
    /// Agent and path; relative paths begin at its home
    #[arg(value_name = "A:PATH", value_parser = Place::parse)]
    place: Place,
}

impl Ls {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        let Place::Agent { agent, path } = &self.place else {
            return Err(Failure::usage("the path names no agent", "give it as A:PATH, for example builder:Documents"));
        };
        let files = Files::of(&context.client, agent).await?;
        let path = files.resolve(path);
        let entry = files.stat(&path).await?;
        let mut out = std::io::stdout().lock();
        let entries: Vec<FileEntry> = if entry.kind == FileKind::Directory {
            let mut entries = files.entries(&path).await?;
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            entries
        } else {
            vec![entry]
        };
        if context.json {
            writeln!(out, "{}", serde_json::to_string(&entries).map_err(|error| Failure::garbled(&error.to_string()))?)?;
            return Ok(0);
        }
        let style = Style::stdout();
        if !self.long {
            for entry in &entries {
                writeln!(out, "{}", style.paint(tone(entry), &file_name(&entry.name)))?;
            }
            return Ok(0);
        }
        let mut table = Table::new(&["MODE", ">UID", ">GID", ">SIZE", "MODIFIED", "NAME"]);
        for entry in &entries {
            table.row(row(entry));
        }
        out.write_all(table.render(style, None).as_bytes())?;
        Ok(0)
    }
}

fn row(entry: &FileEntry) -> Vec<Cell> {
    let name = match &entry.link_target {
        Some(target) => format!("{} -> {}", file_name(&entry.name), file_name(target)),
        None => file_name(&entry.name),
    };
    let modified = entry.modified_at.0.get(..19).unwrap_or(&entry.modified_at.0).replace('T', " ");
    vec![
        mode(entry).into(),
        entry.uid.to_string().into(),
        entry.gid.to_string().into(),
        units::size(entry.size).into(),
        modified.into(),
        Cell::new(tone(entry), name),
    ]
}

const fn tone(entry: &FileEntry) -> Tone {
    match entry.kind {
        FileKind::Directory => Tone::Accent,
        FileKind::Symlink => Tone::Faint,
        FileKind::File if entry.mode & 0o111 != 0 => Tone::Good,
        FileKind::File | FileKind::Other => Tone::Plain,
    }
}

/// As `ls -l` writes it.
fn mode(entry: &FileEntry) -> String {
    let kind = match entry.kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::Other => '?',
    };
    let mut text = String::from(kind);
    for shift in [6, 3, 0] {
        let bits = entry.mode >> shift & 7;
        text.extend([if bits & 4 != 0 { 'r' } else { '-' }, if bits & 2 != 0 { 'w' } else { '-' }]);
        let special = match shift {
            6 => (entry.mode & 0o4000 != 0).then_some(('s', 'S')),
            3 => (entry.mode & 0o2000 != 0).then_some(('s', 'S')),
            _ => (entry.mode & 0o1000 != 0).then_some(('t', 'T')),
        };
        text.push(match (special, bits & 1 != 0) {
            (None, true) => 'x',
            (None, false) => '-',
            (Some((run, _)), true) => run,
            (Some((_, no_run)), false) => no_run,
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use aether_protocol::Timestamp;

    use super::*;

    #[test]
    fn modes_read_as_in_ls() {
        for (kind, bits, text) in [
            (FileKind::File, 0o644, "-rw-r--r--"),
            (FileKind::Directory, 0o1777, "drwxrwxrwt"),
            (FileKind::File, 0o4755, "-rwsr-xr-x"),
            (FileKind::Symlink, 0o777, "lrwxrwxrwx"),
            (FileKind::File, 0o2640, "-rw-r-S---"),
        ] {
            let entry = FileEntry {
                name: "x".into(),
                path: "/x".into(),
                kind,
                size: 0,
                mode: bits,
                uid: 0,
                gid: 0,
                modified_at: Timestamp::from_unix_millis(0),
                link_target: None,
            };
            assert_eq!(mode(&entry), text);
        }
    }
}
