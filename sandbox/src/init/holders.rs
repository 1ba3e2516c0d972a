//! Which programs hold a connection. The kernel keeps no record of who made one, so this looks for those who have it open, and says
//! where it could not look: what is hidden may be held by anybody.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead, BufReader, ErrorKind, Read},
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{files, ports::parse_address};
use crate::wire::init::{InitReply, MAX_HOLDERS};

/// So much of a list of connections is read: about 25 000 of them.
const MAX_LIST: u64 = 4 << 20;

/// The programs that hold the connection from `near` to `far`.
pub(super) fn holders(near: SocketAddr, far: SocketAddr) -> Result<InitReply, InitReply> {
    let mut answer = Found::default();
    if let Some(inode) = inode_of(near, far).map_err(files::failed("list connections"))? {
        answer.look(&format!("socket:[{inode}]")).map_err(files::failed("list processes"))?;
    }
    let Found { programs, hidden } = answer;
    Ok(InitReply::Holders { programs: programs.into_iter().take(MAX_HOLDERS).collect(), hidden })
}

/// The number of the socket by which `near` is connected to `far`.
fn inode_of(near: SocketAddr, far: SocketAddr) -> std::io::Result<Option<u64>> {
    for list in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let file = match File::open(list) {
            Ok(file) => file,
            // A host without IPv6.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for line in BufReader::new(file.take(MAX_LIST)).lines().skip(1) {
            if let Some(inode) = connection(&line?, near, far) {
                return Ok(Some(inode));
            }
        }
    }
    Ok(None)
}

/// The number in a line of `/proc/net/tcp`, if it is about this connection. One that nobody holds any more has number 0.
fn connection(line: &str, near: SocketAddr, far: SocketAddr) -> Option<u64> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    let mut is = |wanted: SocketAddr| {
        let (address, port) = fields.next()?.split_once(':')?;
        let same = u16::from_str_radix(port, 16).ok()? == wanted.port()
            && parse_address(address)?.to_canonical() == wanted.ip().to_canonical();
        same.then_some(())
    };
    is(near)?;
    is(far)?;
    fields.nth(6)?.parse().ok().filter(|inode| *inode != 0)
}

#[derive(Default)]
struct Found {
    programs: BTreeSet<Option<String>>,
    hidden: bool,
}

impl Found {
    /// Looks through the descriptors of every thread: one may have a table of its own (clone(2), `CLONE_FILES`).
    fn look(&mut self, wanted: &str) -> std::io::Result<()> {
        let own = std::process::id();
        for entry in fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()).filter(|pid| *pid != own) else { continue };
            let process = PathBuf::from(format!("/proc/{pid}"));
            let Ok(threads) = fs::read_dir(process.join("task")) else { continue };
            for thread in threads.flatten() {
                match holds(&thread.path(), wanted) {
                    Ok(true) => {
                        self.programs.insert(program(&process));
                    }
                    Ok(false) => {}
                    // What has ended holds nothing.
                    Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ESRCH)) => {}
                    Err(_) => self.hidden = true,
                }
            }
        }
        Ok(())
    }
}

fn holds(thread: &Path, wanted: &str) -> std::io::Result<bool> {
    for entry in fs::read_dir(thread.join("fd"))? {
        match fs::read_link(entry?.path()) {
            Ok(target) if target.as_os_str() == wanted => return Ok(true),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// The path of a process's program; nothing when no such file has that path here. A mount of a namespace below, and a file that was
/// removed or replaced, could make it look like another one.
fn program(process: &Path) -> Option<String> {
    let link = process.join("exe");
    let path = fs::read_link(&link).ok()?;
    let (runs, there) = (fs::metadata(&link).ok()?, fs::metadata(&path).ok()?);
    let same = (runs.dev(), runs.ino()) == (there.dev(), there.ino());
    path.to_str().filter(|path| same && path.len() <= 1024).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn the_line_of_a_connection_is_found() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let line = "   3: 0100007F:C001 22D8B85D:01BB 01 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000 20 4 30 10 -1";
        assert_eq!(connection(line, at("127.0.0.1:49153"), at("93.184.216.34:443")), Some(4711));
        assert_eq!(connection(line, at("[::ffff:127.0.0.1]:49153"), at("93.184.216.34:443")), Some(4711));
        assert_eq!(connection(line, at("93.184.216.34:443"), at("127.0.0.1:49153")), None, "the other end");
        assert_eq!(connection(line, at("127.0.0.1:49154"), at("93.184.216.34:443")), None);
        let gone = "   3: 0100007F:C001 22D8B85D:01BB 06 00000000:00000000 03:00000000 00000000     0        0 0 3 0000";
        assert_eq!(connection(gone, at("127.0.0.1:49153"), at("93.184.216.34:443")), None);
        for bad in ["", "x", "0: 1:1", "0: 0100007F:C001 22D8B85D:01BB 01"] {
            assert_eq!(connection(bad, at("127.0.0.1:49153"), at("93.184.216.34:443")), None, "{bad}");
        }
    }

    #[test]
    fn who_holds_it_is_told_by_its_program() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = listener.local_addr().unwrap();
        let near = TcpStream::connect(far).unwrap();
        let inode = inode_of(near.local_addr().unwrap(), far).unwrap().expect("listed");
        let mut child = std::process::Command::new("sleep").arg("60").stdin(std::os::fd::OwnedFd::from(near)).spawn().unwrap();
        let mut found = Found::default();
        found.look(&format!("socket:[{inode}]")).unwrap();
        let sleep = program(Path::new(&format!("/proc/{}", child.id())));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(sleep.is_some() && found.programs.contains(&sleep), "{sleep:?} in {:?}", found.programs);
    }
}
