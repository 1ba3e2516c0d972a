//! The files that tell about a host, below one directory.

use std::{fs, path::PathBuf};

/// A host, by the directory that is its `/`.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
    /// Whether the asking process is root on it.
    pub(crate) is_root: bool,
}

impl Host {
    /// This one.
    pub fn here() -> Self {
        Self { root: PathBuf::from("/"), is_root: nix::unistd::geteuid().is_root() }
    }

    /// One that is laid out below `root`.
    #[cfg(test)]
    pub(crate) fn below(root: &std::path::Path) -> Self {
        Self { root: root.to_owned(), is_root: true }
    }

    /// Where `path` of that host is.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// A file, trimmed; `None` when it is missing or may not be read.
    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let bytes = fs::read(self.path(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// A file that holds one number.
    pub(crate) fn number(&self, path: &str) -> Option<i64> {
        self.text(path)?.parse().ok()
    }

    /// A setting by its name as sysctl(8) writes it.
    pub(crate) fn sysctl(&self, name: &str) -> Option<String> {
        self.text(&setting(name))
    }

    /// Whether the kernel has the setting, even when the caller may not read it.
    pub(crate) fn has_sysctl(&self, name: &str) -> bool {
        self.exists(&setting(name))
    }

    pub(crate) fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// Names in a directory, sorted; none when it cannot be read.
    pub(crate) fn names(&self, dir: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(dir)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort_unstable();
        names
    }

    /// The first of `places` that has a program of this name.
    pub(crate) fn program(&self, name: &str) -> Option<String> {
        let places = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        places.iter().map(|dir| format!("{dir}/{name}")).find(|path| self.path(path).is_file())
    }
}

fn setting(name: &str) -> String {
    format!("/proc/sys/{}", name.replace('.', "/"))
}

/// A host that a test lays out.
#[cfg(test)]
pub(crate) struct Laid {
    dir: tempfile::TempDir,
}

#[cfg(test)]
impl Laid {
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let laid = Self { dir: tempfile::tempdir().expect("dir") };
        for (path, text) in files {
            let path = laid.host().path(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
            fs::write(path, text).expect("write");
        }
        laid
    }

    pub(crate) fn host(&self) -> Host {
        Host::below(self.dir.path())
    }
}
