//! The trees that sandboxes are made of: the read-only base and the lower layer of every home.
//!
//! Built by `aetherd` as root at its start, from the host's own `/etc` as far as tools need it and nobody minds.

#![forbid(unsafe_code)]

mod copy;
mod etc;
mod home;
mod inputs;
mod install;
mod packages;
mod root;

use std::{
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use inputs::Inputs;

/// Why the base could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// The host keeps `/bin` or the like apart from `/usr`, so its `/usr` alone runs nothing.
    #[error("/{name} is no link into /usr: this system is not usr-merged (install the package usrmerge)")]
    NotMerged {
        /// The directory.
        name: &'static str,
    },
    /// What tools need of `/etc` is suspiciously large.
    #[error("the parts of /etc that sandboxes get take more than {limit} bytes; the last was {path}")]
    TooLarge {
        /// Most bytes taken.
        limit: u64,
        /// The file that was too much.
        path: PathBuf,
    },
    /// A call failed.
    #[error("{step} {path}: {source}")]
    Io {
        /// What was tried.
        step: &'static str,
        /// With which file.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
}

/// The trees below `base`.
const TREES: [&str; 3] = ["root", "home", "packages"];

/// Builds `<state>/base/root`, the root of every sandbox, `<state>/base/home`, the lower layer of every home, and
/// `<state>/base/packages`, the lower layers of the writable system of the profile `packages`. Returns the first.
///
/// Nothing is done while nothing that they are built from has changed in this boot. What is already there and equal is left
/// alone. What differs is replaced as a whole, never changed: sandboxes that live may use it, so the old tree stays beside until
/// the next boot. Needs root: the base belongs to root, the home to the agent.
///
/// # Errors
/// See [`BaseError`].
pub fn build_base(state: &Path) -> Result<PathBuf, BaseError> {
    build_from(Path::new("/"), state)
}

/// [`build_base`] of another host's tree.
fn build_from(host: &Path, state: &Path) -> Result<PathBuf, BaseError> {
    let base = state.join("base");
    std::fs::create_dir_all(&base).map_err(at("create", &base))?;
    open_to_all(&base)?;
    let place = install::Place::prepare(&base)?;
    // Looked at before anything is copied: what changes meanwhile makes a difference at the next start.
    let inputs = Inputs::of(host)?;
    if inputs.are_those_of(&base, &TREES) {
        return Ok(base.join("root"));
    }
    Inputs::forget(&base).map_err(at("remove the note in", &base))?;
    let root = place.build("root", |tree| root::build(host, tree))?;
    place.build("home", home::build)?;
    place.build("packages", |tree| packages::build(host, tree))?;
    inputs.keep(&base, &TREES, SystemTime::now()).map_err(at("note in", &base))?;
    Ok(root)
}

/// Readable and searchable by everybody, whatever the umask was.
fn open_to_all(directory: &Path) -> Result<(), BaseError> {
    set_mode(directory, 0o755)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), BaseError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(at("chmod", path))
}

/// Makes a directory with a mode, whatever the umask.
fn make_directory(path: &Path, mode: u32) -> Result<(), BaseError> {
    std::fs::create_dir(path).map_err(at("create", path))?;
    set_mode(path, mode)
}

/// Writes a file that everybody may read.
fn write_file(path: &Path, content: impl AsRef<[u8]>) -> Result<(), BaseError> {
    std::fs::write(path, content).map_err(at("write", path))?;
    set_mode(path, 0o644)
}

fn at<'a>(step: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> BaseError + 'a {
    move |source| BaseError::Io { step, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
