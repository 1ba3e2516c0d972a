//! People of this host, by the uid that the kernel vouches for on the Unix socket (`SO_PEERCRED`, unix(7)).

use aether_protocol::{ApiError, ErrorCode};
use nix::unistd::{Gid, Group, Uid, User};

use crate::fleet::{Caller, PeerIds};

/// What the kernel says of ids that have no number here: of another user namespace, for example
/// (`/proc/sys/kernel/overflowuid`; 65534 unless somebody changed it). Many can have it, so it is nobody's name.
const UNKNOWN: u32 = 65_534;

/// What the host's user database says about a peer and the group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Name of the peer's user.
    pub name: Option<String>,
    /// Name of the group whose members may use the socket.
    pub group_name: String,
    /// Its gid, when the host has it.
    pub group: Option<u32>,
    /// User names that it lists.
    pub members: Vec<String>,
}

impl Accounts {
    /// Asks the host (files or whatever its `nsswitch.conf` names; may block).
    pub fn of(uid: u32, group_name: &str) -> Self {
        let name = User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        let group = Group::from_name(group_name).ok().flatten();
        let gid = group.as_ref().map(|group| Gid::as_raw(group.gid));
        let members = group.map(|group| group.mem).unwrap_or_default();
        Self { name, group_name: group_name.to_owned(), group: gid, members }
    }
}

/// Who a peer is: root, the service itself, or a member of the service's group.
///
/// # Errors
/// [`ErrorCode::Denied`] for everybody else.
pub fn identify(peer: PeerIds, service_uid: u32, accounts: &Accounts) -> Result<Caller, ApiError> {
    if [peer.uid, peer.gid].contains(&UNKNOWN) {
        let hint = "call it from this host itself, not from a container with users of its own";
        return Err(ApiError::new(ErrorCode::Denied, "the kernel cannot say who calls", hint));
    }
    let listed = accounts.name.as_ref().is_some_and(|name| accounts.members.contains(name));
    let member = accounts.group.is_some_and(|group| peer.gid == group || listed);
    if peer.uid == 0 || peer.uid == service_uid || member {
        let owner = accounts.name.clone().unwrap_or_else(|| peer.uid.to_string());
        return Ok(Caller { owner, peer: Some(peer) });
    }
    let who = accounts.name.clone().unwrap_or_else(|| format!("uid {}", peer.uid));
    let hint = format!(
        "run it as root, or add the user to the group: sudo usermod -aG {} {who} (then sign in again)",
        accounts.group_name
    );
    Err(ApiError::new(ErrorCode::Denied, format!("{who} may not use this socket"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts(name: &str) -> Accounts {
        Accounts {
            name: Some(name.to_owned()),
            group_name: "aether".to_owned(),
            group: Some(990),
            members: vec!["mia".to_owned()],
        }
    }

    #[test]
    fn root_the_service_and_members_come_in() {
        let root = identify(PeerIds { uid: 0, gid: 0 }, 900, &accounts("root")).unwrap();
        assert_eq!(root.owner, "root");
        assert!(identify(PeerIds { uid: 900, gid: 900 }, 900, &Accounts::default()).is_ok_and(|c| c.owner == "900"));
        assert!(identify(PeerIds { uid: 1000, gid: 1000 }, 900, &accounts("mia")).is_ok());
        assert!(identify(PeerIds { uid: 1001, gid: 990 }, 900, &accounts("primary")).is_ok());
    }

    #[test]
    fn ids_that_many_share_are_nobody() {
        let nobody = Accounts { group: Some(UNKNOWN), members: vec!["nobody".to_owned()], ..accounts("nobody") };
        for (peer, service) in [((UNKNOWN, 1000), 900), ((1000, UNKNOWN), 900), ((UNKNOWN, UNKNOWN), UNKNOWN)] {
            let denied = identify(PeerIds { uid: peer.0, gid: peer.1 }, service, &nobody).unwrap_err();
            assert_eq!(denied.code, ErrorCode::Denied, "{peer:?}");
        }
        assert!(identify(PeerIds { uid: 1000, gid: 990 }, 900, &accounts("mia")).is_ok());
    }

    #[test]
    fn others_do_not() {
        let denied = identify(PeerIds { uid: 1002, gid: 1002 }, 900, &accounts("eve")).unwrap_err();
        assert_eq!(denied.code, ErrorCode::Denied);
        assert!(denied.hint.contains("usermod -aG aether eve"));
        let no_group = Accounts { group: None, ..accounts("mia") };
        assert!(identify(PeerIds { uid: 1000, gid: 1000 }, 900, &no_group).is_err());
    }
}
