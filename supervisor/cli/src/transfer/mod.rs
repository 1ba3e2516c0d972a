//! Files and whole directories into and out of an agent.

mod inward;
mod links;
mod outward;
pub(crate) mod remote;

pub(crate) use inward::copy_in;
pub(crate) use outward::copy_out;

use crate::{failure::Failure, show::progress::Progress};

/// Bytes per read and write.
const PIECE: usize = 256 * 1024;

/// How a copy of a tree went: what cannot be copied is said and left out, the rest goes on.
#[derive(Default)]
pub(crate) struct Report {
    first: Option<u8>,
}

impl Report {
    fn left_out(&mut self, progress: &mut Progress, failure: Failure) -> Result<(), Failure> {
        // Nothing else would work either.
        if matches!(failure, Failure::Unreachable { .. } | Failure::BrokenPipe) {
            return Err(failure);
        }
        progress.clear();
        crate::say(&failure);
        self.first.get_or_insert(failure.status());
        Ok(())
    }

    /// Exit status.
    pub(crate) fn status(&self) -> u8 {
        self.first.unwrap_or(0)
    }
}

/// The last part of a path; empty for `/`, `.` and what ends in one of them.
fn base_name(path: &str) -> &str {
    let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    if name == "." || name == ".." { "" } else { name }
}

#[cfg(test)]
mod tests {
    use super::base_name;

    #[test]
    fn base_names() {
        for (path, name) in [("/a/b", "b"), ("a", "a"), ("a/", "a"), ("/", ""), ("a/.", ""), ("..", "")] {
            assert_eq!(base_name(path), name, "{path}");
        }
    }
}
