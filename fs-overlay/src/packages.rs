//! What a sandbox of the profile `packages` has beneath its writable system: `/etc` with what a package manager reads and
//! writes, and the frames of `/var`, `/opt`, `/root` and `/srv`.
//!
//! Every tree here is a copy that holds no secret: inside, uid 0 reads all of it, whatever its modes say.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{chown, symlink},
    path::Path,
};

use aether_sandbox::plan::INIT_ID;

use super::{
    BaseError, at,
    copy::{Copier, Links},
    etc, make_directory, set_mode, write_file,
};

/// Copied beside what every sandbox has. Left out on purpose: `apt/auth.conf*` (passwords), `default` (settings of the host's
/// services), `init.d` and `rc?.d` (the host's services), `subuid` and `subgid`, `sudoers`, `machine-id`.
const COPIED: [&str; 20] = [
    "adduser.conf",
    "apt/apt.conf.d/01autoremove",
    "apt/apt.conf.d/70debconf",
    "apt/keyrings",
    "apt/preferences.d",
    "apt/trusted.gpg",
    "apt/trusted.gpg.d",
    "bash_completion.d",
    "debconf.conf",
    "default/useradd",
    "deluser.conf",
    "dpkg",
    "libaudit.conf",
    "login.defs",
    "manpath.config",
    "pam.conf",
    "pam.d",
    "security",
    "skel",
    "ucf.conf",
];
/// Where packages are fetched from; such a line may hold a password.
const SOURCES: [&str; 2] = ["apt/sources.list", "apt/sources.list.d"];
/// Directories that maintainer scripts expect.
const EMPTY: [&str; 14] = [
    "apt/apt.conf.d",
    "apt/sources.list.d",
    "apt/preferences.d",
    "apt/trusted.gpg.d",
    "default",
    "init.d",
    "opt",
    "profile.d",
    "rc0.d",
    "rc1.d",
    "rc2.d",
    "rc3.d",
    "rc6.d",
    "rcS.d",
];
/// Below `/var`: name and mode, parents first.
const VAR: [(&str, u32); 20] = [
    ("backups", 0o755),
    ("cache", 0o755),
    ("cache/apt", 0o755),
    ("cache/apt/archives", 0o755),
    ("cache/apt/archives/partial", 0o700),
    ("cache/debconf", 0o755),
    ("cache/ldconfig", 0o700),
    ("lib", 0o755),
    ("lib/apt", 0o755),
    ("lib/dpkg", 0o755),
    ("lib/misc", 0o755),
    ("lib/systemd", 0o755),
    ("lib/ucf", 0o755),
    ("local", 0o755),
    ("log", 0o755),
    ("log/apt", 0o755),
    ("mail", 0o755),
    ("opt", 0o755),
    ("spool", 0o755),
    ("tmp", 0o1777),
];
/// Uids and gids below belong to the system and to its packages (Debian policy, 9.2.2); those of people begin here.
const PEOPLE: u32 = 1000;
const NOBODY: u32 = 65_534;

/// Builds the trees in `tree`, which does not exist yet: `etc`, `var`, `opt`, `root`, `srv`, and `none`, which is empty.
pub(super) fn build(host: &Path, tree: &Path) -> Result<(), BaseError> {
    make_directory(tree, 0o755)?;
    for (name, mode) in [("etc", 0o755), ("var", 0o755), ("opt", 0o755), ("root", 0o700), ("srv", 0o755), ("none", 0o755)] {
        make_directory(&tree.join(name), mode)?;
    }
    for (name, mode) in VAR {
        make_directory(&tree.join("var").join(name), mode)?;
    }
    for (name, target) in [("run", "../run"), ("lock", "../run/lock")] {
        let link = tree.join("var").join(name);
        symlink(target, &link).map_err(at("link", &link))?;
    }
    build_etc(host, &tree.join("etc"))
}

fn build_etc(host: &Path, tree: &Path) -> Result<(), BaseError> {
    etc::build(host, tree)?;
    let from = host.join("etc");
    let mut copier = Copier::new(&from, tree);
    for name in COPIED {
        copier.copy(name, Links::Keep)?;
    }
    for name in SOURCES {
        copier.copy(name, Links::Keep)?;
        without_passwords(&tree.join(name))?;
    }
    for name in EMPTY {
        let path = tree.join(name);
        if !path.is_dir() {
            fs::create_dir_all(&path).map_err(at("create", &path))?;
        }
    }
    accounts(&from, tree)
}

/// Removes every file in which a place to fetch from carries a name or a password (`https://name:password@host/`).
fn without_passwords(path: &Path) -> Result<(), BaseError> {
    if path.is_dir() {
        for entry in fs::read_dir(path).map_err(at("list", path))? {
            without_passwords(&entry.map_err(at("list", path))?.path())?;
        }
        return Ok(());
    }
    let Ok(text) = fs::read_to_string(path) else { return Ok(()) };
    let names_somebody = |word: &str| {
        let place = word.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        place.is_some_and(|place| place.contains('@'))
    };
    if text.split_whitespace().any(names_somebody) {
        fs::remove_file(path).map_err(at("remove", path))?;
    }
    Ok(())
}

/// `passwd`, `group` and their shadows: users and groups of the host's packages, so that their files have owners and the
/// package database is consistent; no person of the host, nobody's password, no membership.
fn accounts(from: &Path, tree: &Path) -> Result<(), BaseError> {
    let shell = if Path::new("/usr/bin/bash").exists() { "/bin/bash" } else { "/bin/sh" };
    let mut users = of_the_system(&from.join("passwd"), 7);
    let mut user = |id: u32, name: &str, home: &str, shell: &str| {
        users.retain(|other, fields| *other != id && fields[0] != name);
        let fields = [name, "x", &id.to_string(), &id.to_string(), name, home, shell];
        users.insert(id, fields.map(str::to_owned).to_vec());
    };
    user(0, "root", "/root", shell);
    user(1000, "agent", "/home/agent", shell);
    user(INIT_ID, "aether-init", "/nonexistent", "/usr/sbin/nologin");
    user(NOBODY, "nobody", "/nonexistent", "/usr/sbin/nologin");
    let mut groups = of_the_system(&from.join("group"), 4);
    for (id, name) in [(0, "root"), (1000, "agent"), (INIT_ID, "aether-init"), (NOBODY, "nogroup")] {
        groups.retain(|other, fields| *other != id && fields[0] != name);
        groups.insert(id, [name, "x", &id.to_string(), ""].map(str::to_owned).to_vec());
    }
    for fields in groups.values_mut() {
        fields[1] = "x".to_owned();
        fields[3].clear();
    }
    for fields in users.values_mut() {
        fields[1] = "x".to_owned();
    }
    let table = |rows: &BTreeMap<u32, Vec<String>>| rows.values().map(|fields| fields.join(":") + "\n").collect::<String>();
    let shadow = |rows: &BTreeMap<u32, Vec<String>>, rest: &str| {
        rows.values().map(|fields| format!("{}:*:{rest}\n", fields[0])).collect::<String>()
    };
    let gid = groups.iter().find(|(_, fields)| fields[0] == "shadow").map_or(0, |(id, _)| *id);
    for (name, content, mode) in [
        ("passwd", table(&users), 0o644),
        ("group", table(&groups), 0o644),
        ("shadow", shadow(&users, "19000:0:99999:7:::"), 0o640),
        ("gshadow", shadow(&groups, ":"), 0o640),
        ("subuid", String::new(), 0o644),
        ("subgid", String::new(), 0o644),
    ] {
        let path = tree.join(name);
        write_file(&path, content)?;
        if mode != 0o644 {
            chown(&path, Some(0), Some(gid)).map_err(at("chown", &path))?;
            set_mode(&path, mode)?;
        }
    }
    Ok(())
}

/// The well-formed lines of a table whose third field is an id of the system.
fn of_the_system(path: &Path, fields: usize) -> BTreeMap<u32, Vec<String>> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().map(|line| line.split(':').map(str::to_owned).collect::<Vec<_>>());
    let known = lines.filter(|line| line.len() == fields).filter_map(|line| Some((line[2].parse().ok()?, line)));
    known.filter(|(id, _)| *id < PEOPLE || *id == NOBODY).collect()
}
