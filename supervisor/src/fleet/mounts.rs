//! Directories that are lent: descriptors that came with a request, or paths below the roots that are configured.

use std::{
    fs::File,
    os::fd::{AsFd, OwnedFd},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use aether_protocol::{AgentSpec, ApiError, ErrorCode, MountSource};
use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::Mode,
};

use super::Caller;

/// A directory on its way to the spawner.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) fd: OwnedFd,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The configured roots, opened while this process could still open them.
#[derive(Debug, Default)]
pub struct Roots(Vec<(PathBuf, OwnedFd)>);

impl Roots {
    /// Opens every root.
    ///
    /// # Errors
    /// The root that cannot be opened, in words.
    pub fn open(paths: &[PathBuf]) -> Result<Self, String> {
        let opened = paths.iter().map(|path| {
            let flags = OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC;
            let fd = nix::fcntl::open(path, flags, Mode::empty())
                .map_err(|error| format!("mounts.roots: {}: {}", path.display(), error.desc()))?;
            Ok((path.clone(), fd))
        });
        opened.collect::<Result<_, String>>().map(Self)
    }

    fn below(&self, path: &Path) -> Result<OwnedFd, ApiError> {
        let root = self.0.iter().find_map(|(root, fd)| path.strip_prefix(root).ok().map(|rest| (fd, rest)));
        let Some((fd, rest)) = root else {
            return Err(ApiError::new(
                ErrorCode::Denied,
                format!("{} is not below a directory that may be lent by path", path.display()),
                "use the Unix socket (aether run --mount), or add it to mounts.roots in the configuration",
            ));
        };
        let rest = if rest.as_os_str().is_empty() { Path::new(".") } else { rest };
        let how = OpenHow::new()
            .flags(OFlag::O_DIRECTORY | OFlag::O_RDONLY | OFlag::O_CLOEXEC)
            .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS);
        openat2(fd.as_fd(), rest, how).map_err(|error| {
            let message = format!("{} cannot be lent: {}", path.display(), error.desc());
            ApiError::invalid(message, "give a directory that the service's user may enter, without links")
        })
    }
}

/// Collects what a spec lends, in the order of its mounts.
pub(crate) fn collect(
    spec: &AgentSpec,
    caller: &Caller,
    descriptors: Vec<OwnedFd>,
    roots: &Roots,
) -> Result<Vec<Parcel>, ApiError> {
    let mut given: Vec<Option<OwnedFd>> = descriptors.into_iter().map(Some).collect();
    let mut parcels = Vec::with_capacity(spec.mounts.len());
    for mount in &spec.mounts {
        parcels.push(match &mount.source {
            MountSource::Descriptor(source) => {
                let fd = given.get_mut(source.index as usize).and_then(Option::take).ok_or_else(|| {
                    let message = format!("mount {}: descriptor {} did not come with the request", source.shown, source.index);
                    ApiError::invalid(message, "directories are lent over the Unix socket (aether run --mount)")
                })?;
                let Some(peer) = caller.peer else {
                    let hint = "use the Unix socket";
                    return Err(ApiError::new(ErrorCode::Denied, "descriptors travel over the Unix socket only", hint));
                };
                let owner = check_directory(&fd, &source.shown)?;
                // Root lends for somebody: what the agent makes belongs to the directory's owner, as its neighbours do.
                let (uid, gid) = if peer.uid == 0 { owner } else { (peer.uid, peer.gid) };
                Parcel { fd, uid, gid }
            }
            MountSource::Root(source) => {
                let fd = roots.below(Path::new(&source.path))?;
                let (uid, gid) = check_directory(&fd, &source.path)?;
                Parcel { fd, uid, gid }
            }
        });
    }
    Ok(parcels)
}

/// It is a directory; answers with its owner.
fn check_directory(fd: &OwnedFd, shown: &str) -> Result<(u32, u32), ApiError> {
    let copy = fd.try_clone().map_err(|error| ApiError::internal(format!("mount {shown}: {error}")))?;
    let meta = File::from(copy).metadata().map_err(|error| ApiError::internal(format!("mount {shown}: {error}")))?;
    if !meta.is_dir() {
        return Err(ApiError::invalid(format!("mount {shown}: not a directory"), "lend a directory"));
    }
    Ok((meta.uid(), meta.gid()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::PeerIds;

    fn spec(source: &str) -> AgentSpec {
        let text = format!(
            r#"{{"program": {{"type": "command", "argv": ["true"]}}, "mounts": [{{"source": {source}, "target": "/data"}}]}}"#
        );
        serde_json::from_str(&text).expect("spec")
    }

    #[test]
    fn only_what_came_or_is_configured_can_be_lent() {
        let dir = tempfile::tempdir().expect("dir");
        std::fs::create_dir(dir.path().join("in")).expect("mkdir");
        std::os::unix::fs::symlink("/etc", dir.path().join("link")).expect("link");
        let roots = Roots::open(&[dir.path().to_owned()]).expect("roots");
        let caller = Caller { owner: "me".into(), peer: None };
        let root = |path: &str| format!(r#"{{"type": "root", "path": "{path}"}}"#);
        let at = |name: &str| root(dir.path().join(name).to_str().expect("path"));
        assert!(collect(&spec(&at("in")), &caller, Vec::new(), &roots).is_ok());
        for bad in [root("/etc"), at("link"), at("in/../../etc"), at("nothing")] {
            assert!(collect(&spec(&bad), &caller, Vec::new(), &roots).is_err(), "{bad}");
        }
        let descriptor = r#"{"type": "descriptor", "index": 0, "shown": "x"}"#;
        let fd = || OwnedFd::from(File::open(dir.path()).expect("open"));
        assert_eq!(collect(&spec(descriptor), &caller, Vec::new(), &roots).expect_err("none came").code, ErrorCode::Invalid);
        assert_eq!(collect(&spec(descriptor), &caller, vec![fd()], &roots).expect_err("over tcp").code, ErrorCode::Denied);
        let peer = Caller { owner: "me".into(), peer: Some(PeerIds { uid: 7, gid: 8 }) };
        let parcels = collect(&spec(descriptor), &peer, vec![fd()], &roots).expect("lent");
        assert_eq!((parcels[0].uid, parcels[0].gid), (7, 8));
        let root = Caller { owner: "root".into(), peer: Some(PeerIds { uid: 0, gid: 0 }) };
        let parcels = collect(&spec(descriptor), &root, vec![fd()], &roots).expect("lent");
        let owner = std::fs::metadata(dir.path()).expect("owner");
        assert_eq!((parcels[0].uid, parcels[0].gid), (owner.uid(), owner.gid()));
        let file = OwnedFd::from(File::open("/etc/hostname").expect("open"));
        assert_eq!(collect(&spec(descriptor), &peer, vec![file], &roots).expect_err("a file").code, ErrorCode::Invalid);
    }
}
