//! On trees in temporary directories, as root.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use nix::{
    sys::stat::{Mode, SFlag, mknod},
    unistd::mkfifo,
};

use super::{BaseError, build_from};

/// A small host.
fn host() -> tempfile::TempDir {
    let host = tempfile::tempdir().unwrap();
    fs::set_permissions(host.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["bin", "sbin", "lib"] {
        symlink(format!("usr/{name}"), host.path().join(name)).unwrap();
    }
    symlink("/usr/lib64", host.path().join("lib64")).unwrap();
    for name in ["usr/bin", "etc/ssl/private", "etc/ssl/certs/java", "etc/alternatives", "etc/python3.11", "etc/fonts/conf.d"] {
        fs::create_dir_all(host.path().join(name)).unwrap();
    }
    put(&host, "etc/shadow", "root:$y$secret", 0o640);
    put(&host, "etc/services", "ssh 22/tcp\n", 0o644);
    put(&host, "etc/npmrc", "//registry/:_authToken=secret", 0o644);
    put(&host, "etc/ssl/private/host.key", "-----BEGIN PRIVATE KEY-----\nsecret", 0o644);
    put(&host, "etc/ssl/certs/ca-certificates.crt", "certificates", 0o644);
    put(&host, "etc/ssl/certs/mixed.pem", "certificate\n-----BEGIN RSA PRIVATE KEY-----\nsecret", 0o644);
    put(&host, "etc/ssl/certs/hidden.pem", "secret", 0o600);
    put(&host, "etc/ssl/certs/java/cacerts", "store", 0o644);
    put(&host, "usr/one.crt", "one", 0o644);
    symlink(host.path().join("usr/one.crt"), host.path().join("etc/ssl/certs/one.pem")).unwrap();
    symlink("one.pem", host.path().join("etc/ssl/certs/abcdef01.0")).unwrap();
    symlink(host.path().join("etc/ssl/private/host.key"), host.path().join("etc/ssl/certs/key.pem")).unwrap();
    fs::set_permissions(host.path().join("etc/ssl/private"), fs::Permissions::from_mode(0o710)).unwrap();
    fs::create_dir_all(host.path().join("etc/pki/tls")).unwrap();
    symlink("../../ssl/certs", host.path().join("etc/pki/tls/certs")).unwrap();
    symlink("/usr/bin/mawk", host.path().join("etc/alternatives/awk")).unwrap();
    symlink("/usr/share/zoneinfo/Etc/UTC", host.path().join("etc/localtime")).unwrap();
    put(&host, "etc/fonts/setuid", "x", 0o4755);
    mkfifo(&host.path().join("etc/fonts/fifo"), Mode::S_IRWXU).unwrap();
    mknod(&host.path().join("etc/fonts/device"), SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), 0x103).unwrap();
    put(&host, "etc/python3.11/sitecustomize.py", "pass\n", 0o644);
    host
}

fn put(host: &tempfile::TempDir, name: &str, content: &str, mode: u32) {
    let path = host.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn all(tree: &Path) -> Vec<PathBuf> {
    let mut found = vec![tree.to_owned()];
    let mut at = 0;
    while at < found.len() {
        if found[at].symlink_metadata().unwrap().is_dir() {
            let entries: Vec<PathBuf> = fs::read_dir(&found[at]).unwrap().map(|entry| entry.unwrap().path()).collect();
            found.extend(entries);
        }
        at += 1;
    }
    found
}

#[test]
fn the_root_has_what_tools_need() {
    let (host, state) = (host(), tempfile::tempdir().unwrap());
    let root = build_from(host.path(), state.path()).unwrap();
    assert_eq!(root, state.path().join("base/root"));
    let link = |name: &str| fs::read_link(root.join(name)).unwrap();
    assert_eq!((link("bin"), link("lib64"), link("var/tmp")), ("usr/bin".into(), "usr/lib64".into(), "../tmp".into()));
    assert!(!root.join("lib32").exists());
    assert_eq!(root.join("tmp").metadata().unwrap().mode() & 0o7777, 0o1777);
    assert_eq!(root.join("root").metadata().unwrap().mode() & 0o7777, 0o700);
    let read = |name: &str| fs::read_to_string(root.join("etc").join(name)).unwrap();
    assert!(read("passwd").contains("agent:x:1000:1000:agent:/home/agent:/bin/sh\n"), "no bash on this host");
    assert_eq!(read("services"), "ssh 22/tcp\n");
    assert_eq!(
        (read("ssl/certs/one.pem"), read("ssl/certs/abcdef01.0"), read("ssl/certs/java/cacerts")),
        ("one".into(), "one".into(), "store".into())
    );
    assert!(root.join("etc/ssl/certs/one.pem").symlink_metadata().unwrap().is_file());
    assert_eq!(link("etc/pki/tls/certs"), Path::new("../../ssl/certs"));
    assert_eq!(link("etc/alternatives/awk"), Path::new("/usr/bin/mawk"));
    assert_eq!(link("etc/localtime"), Path::new("/usr/share/zoneinfo/Etc/UTC"));
    assert_eq!(read("python3.11/sitecustomize.py"), "pass\n");
}

#[test]
fn no_secret_is_copied() {
    let (host, state) = (host(), tempfile::tempdir().unwrap());
    build_from(host.path(), state.path()).unwrap();
    let tree = all(state.path());
    assert!(tree.len() > 40);
    for path in tree.iter().filter(|path| path.symlink_metadata().unwrap().is_file()) {
        assert!(!fs::read_to_string(path).unwrap().contains("secret"), "{}", path.display());
    }
    for name in ["shadow", "npmrc", "ssl/private", "ssl/certs/key.pem", "ssl/certs/mixed.pem", "ssl/certs/hidden.pem"] {
        assert!(state.path().join("base/root/etc").join(name).symlink_metadata().is_err(), "{name}");
    }
}

#[test]
fn no_device_no_set_id_and_everything_readable() {
    let (host, state) = (host(), tempfile::tempdir().unwrap());
    let root = build_from(host.path(), state.path()).unwrap();
    assert!(root.join("etc/fonts/setuid").exists());
    for path in all(&state.path().join("base")) {
        let metadata = path.symlink_metadata().unwrap();
        let kind = metadata.file_type();
        assert!(!kind.is_char_device() && !kind.is_block_device() && !kind.is_fifo() && !kind.is_socket(), "{}", path.display());
        assert_eq!(metadata.mode() & 0o6000, 0, "{}", path.display());
        let private = ["root/root", "packages/root", "packages/var/cache/apt/archives/partial", "packages/var/cache/ldconfig"];
        // Made for the sandbox, with no secret in them.
        let accounts = ["packages/etc/shadow", "packages/etc/gshadow"];
        assert!(
            metadata.mode() & 0o4 != 0 || private.iter().chain(&accounts).any(|name| path.ends_with(name)),
            "{}",
            path.display()
        );
        let owner = if path.starts_with(state.path().join("base/home")) { 1000 } else { 0 };
        assert_eq!((metadata.uid(), metadata.gid()), (owner, owner), "{}", path.display());
    }
}

#[test]
fn a_home_begins_with_the_usual_directories() {
    let (host, state) = (host(), tempfile::tempdir().unwrap());
    build_from(host.path(), state.path()).unwrap();
    let mut names: Vec<_> =
        fs::read_dir(state.path().join("base/home")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [".bashrc", ".config", ".profile", "Desktop", "Documents", "Downloads", "Projects"]);
}

#[test]
fn building_again_changes_nothing_and_a_change_keeps_the_old_tree() {
    let (host, state) = (host(), tempfile::tempdir().unwrap());
    let root = build_from(host.path(), state.path()).unwrap();
    let first = root.metadata().unwrap().ino();
    let names = || {
        let entries = fs::read_dir(state.path().join("base")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // Whether there is a note beside the trees yet depends on how long all this takes.
        names.filter(|name| name != "inputs").collect::<Vec<_>>()
    };
    build_from(host.path(), state.path()).unwrap();
    assert_eq!((root.metadata().unwrap().ino(), names().len()), (first, 3), "equal: left alone");
    put(&host, "etc/services", "http 80/tcp\n", 0o644);
    build_from(host.path(), state.path()).unwrap();
    assert_ne!(root.metadata().unwrap().ino(), first);
    let old = names().into_iter().find(|name| name.starts_with("old-") && name.contains("-root-")).unwrap();
    let old = state.path().join("base").join(old);
    assert_eq!(old.metadata().unwrap().ino(), first, "a live sandbox still sees its own");
    assert_eq!(fs::read_to_string(old.join("etc/services")).unwrap(), "ssh 22/tcp\n");
    // What another boot or an interrupted build has left goes.
    fs::rename(&old, state.path().join("base/old-another-boot-root-1")).unwrap();
    fs::create_dir(state.path().join("base/new-root")).unwrap();
    build_from(host.path(), state.path()).unwrap();
    assert_eq!(names().len(), 4, "the old packages of this boot stay");
}

#[test]
fn what_cannot_be_is_said() {
    let (host, state) = (host(), tempfile::tempdir().unwrap());
    let big = fs::File::create(host.path().join("etc/fonts/big")).unwrap();
    big.set_len(65 << 20).unwrap();
    assert!(matches!(build_from(host.path(), state.path()), Err(BaseError::TooLarge { .. })));
    assert_eq!(fs::read_dir(state.path().join("base")).unwrap().count(), 0, "nothing half built stays");
    fs::remove_file(host.path().join("lib")).unwrap();
    fs::create_dir(host.path().join("lib")).unwrap();
    let error = build_from(host.path(), state.path()).unwrap_err();
    assert_eq!(error.to_string(), "/lib is no link into /usr: this system is not usr-merged (install the package usrmerge)");
}

#[test]
fn this_host_has_a_base() {
    let state = tempfile::tempdir().unwrap();
    let root = super::build_base(state.path()).unwrap();
    for name in ["etc/passwd", "etc/ld.so.cache", "etc/nsswitch.conf"] {
        assert!(root.join(name).is_file(), "{name}");
    }
    assert!(all(&root).iter().all(|path| !path.ends_with("shadow") && !path.ends_with("ssl/private")));
}
