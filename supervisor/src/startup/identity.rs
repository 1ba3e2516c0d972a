//! Who the service is once it needs no privilege any more.

use std::io;

use anyhow::{Context, ensure};
use caps::CapSet;
use nix::unistd::{Gid, Group, Uid, User, setgroups, setresgid, setresuid};

use crate::config::{FALLBACK_SERVICE_ID, ServiceConfig};

/// User and group of the service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    /// Group whose members may use the Unix socket, when it exists.
    pub(super) socket_group: Option<Gid>,
}

impl Identity {
    /// By command line, then configuration, then the user `aether`, then the fixed id of a checkout.
    pub(super) fn find(uid: Option<u32>, config: &ServiceConfig) -> anyhow::Result<Self> {
        let socket_group = Group::from_name(&config.group).context("cannot read the groups of this host")?.map(|g| g.gid);
        let numbered = |id: u32| -> anyhow::Result<(Uid, Gid)> {
            let user = User::from_uid(Uid::from_raw(id)).context("cannot read the users of this host")?;
            Ok((Uid::from_raw(id), user.map_or(Gid::from_raw(id), |user| user.gid)))
        };
        let (uid, gid) = match (uid.or(config.uid), &config.user) {
            (Some(id), _) => numbered(id)?,
            (None, Some(name)) => {
                let user = User::from_name(name).context("cannot read the users of this host")?;
                let user = user.with_context(|| format!("service.user: there is no user {name:?}"))?;
                (user.uid, user.gid)
            }
            (None, None) => match User::from_name("aether").context("cannot read the users of this host")? {
                Some(user) => (user.uid, user.gid),
                None => numbered(FALLBACK_SERVICE_ID)?,
            },
        };
        ensure!(!uid.is_root() && gid.as_raw() != 0, "the service's user must not be root");
        // The kernel gives this id to everybody whose own it cannot name.
        ensure!(uid.as_raw() != 65_534, "the service's user must not be nobody (65534): give it one of its own");
        Ok(Self { uid, gid, socket_group })
    }

    /// Becomes it, for good. To be called while there is one thread.
    pub(super) fn become_it(&self) -> io::Result<()> {
        // The bounding set first: taking from it needs a capability that is gone afterwards.
        caps::clear(None, CapSet::Bounding).map_err(io::Error::other)?;
        caps::clear(None, CapSet::Ambient).map_err(io::Error::other)?;
        setgroups(&[])?;
        setresgid(self.gid, self.gid, self.gid)?;
        setresuid(self.uid, self.uid, self.uid)?;
        caps::clear(None, CapSet::Inheritable).map_err(io::Error::other)?;
        nix::sys::prctl::set_no_new_privs()?;
        for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable, CapSet::Bounding, CapSet::Ambient] {
            let left = caps::read(None, set).map_err(io::Error::other)?;
            if !left.is_empty() {
                return Err(io::Error::other(format!("capabilities are left in the {set:?} set: {left:?}")));
            }
        }
        if setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0)).is_ok() {
            return Err(io::Error::other("root could be had again"));
        }
        Ok(())
    }
}
