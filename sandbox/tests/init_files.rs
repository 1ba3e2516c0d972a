//! File operations: done as the agent, without waiting, without following where they should not.

mod init_client;

use std::{
    ffi::OsStr,
    fs,
    io::{Read, Seek, Write},
    os::fd::OwnedFd,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileTypeExt, PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
};

use aether_sandbox::wire::init::{EntryReport, InitReply, InitRequest, OpenHow};
use init_client::{Client, Init, exists};
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl, openat},
    sys::stat::{Mode, mkdirat},
    unistd::mkfifo,
};

fn open(client: &mut Client, path: &str, how: OpenHow) -> (u64, fs::File) {
    match client.call(InitRequest::Open { path: path.to_owned(), how }) {
        InitReply::Opened { size } => (size, client.descriptor()),
        other => panic!("{path}: {other:?}"),
    }
}

fn refused(client: &mut Client, path: &str, how: OpenHow) -> (i32, String) {
    client.refused(InitRequest::Open { path: path.to_owned(), how })
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn descriptors_travel_beside_the_answer() {
    let init = Init::start();
    let mut client = init.connect();
    let path = init.path("file");
    let (size, mut file) = open(&mut client, &path, OpenHow::Create { mode: 0o6664 });
    assert_eq!((size, mode(&path)), (0, 0o664), "the bits asked for, without set-id ones");
    file.write_all(b"hello").unwrap();
    let (_, mut file) = open(&mut client, &path, OpenHow::Append { mode: 0o600 });
    file.write_all(b" again").unwrap();
    let (size, mut file) = open(&mut client, &path, OpenHow::Read);
    let flags = OFlag::from_bits_retain(fcntl(&file, FcntlArg::F_GETFL).unwrap());
    assert!(!flags.contains(OFlag::O_NONBLOCK));
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!((size, text.as_str()), (11, "hello again"));
    file.rewind().unwrap();
    assert!(file.write_all(b"x").is_err(), "for reading only");
    assert_eq!(refused(&mut client, &path, OpenHow::CreateNew { mode: 0o600 }), (libc::EEXIST, "open".into()));
    let (size, _) = open(&mut client, &path, OpenHow::Create { mode: 0o600 });
    assert_eq!((size, mode(&path)), (0, 0o664), "emptied; bits of an existing file stay");
    open(&mut client, &init.path(""), OpenHow::Directory);
    assert_eq!(refused(&mut client, &path, OpenHow::Directory).0, libc::ENOTDIR);
    assert_eq!(refused(&mut client, &init.path(""), OpenHow::Read).0, libc::EISDIR);
    assert_eq!(refused(&mut client, &init.path("nothing"), OpenHow::Read), (libc::ENOENT, "open".into()));
    assert_eq!(refused(&mut client, "a\0b", OpenHow::Read), (libc::EINVAL, "open".into()));
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let init = Init::start();
    let mut client = init.connect();
    let (fifo, socket) = (init.path("fifo"), init.path("socket"));
    mkfifo(fifo.as_str(), Mode::S_IRWXU).unwrap();
    let _socket = UnixListener::bind(&socket).unwrap();
    for path in [fifo.as_str(), socket.as_str(), "/dev/null", "/dev/tty"] {
        for how in [OpenHow::Read, OpenHow::Create { mode: 0o600 }, OpenHow::Append { mode: 0o600 }] {
            assert_eq!(refused(&mut client, path, how), (libc::EINVAL, "not a regular file".into()), "{path} {how:?}");
        }
    }
}

#[test]
fn entries_tell_kind_size_and_link() {
    let init = Init::start();
    let mut client = init.connect();
    let root = init.path("tree");
    client.done(InitRequest::Mkdir { path: format!("{root}/a/b"), recursive: true });
    client.done(InitRequest::Mkdir { path: format!("{root}/a/b"), recursive: true });
    assert_eq!(mode(format!("{root}/a/b")), 0o755);
    let again = InitRequest::Mkdir { path: format!("{root}/a"), recursive: false };
    assert_eq!(client.refused(again), (libc::EEXIST, "mkdir".into()));
    fs::write(format!("{root}/file"), "12345").unwrap();
    symlink("a/b", format!("{root}/link")).unwrap();
    let InitReply::Entries { page: entries, before: 0, total: 3, next: None } = client.call(list(&root, None)) else { panic!() };
    let kind = |entry: &EntryReport| entry.mode & libc::S_IFMT;
    let seen: Vec<_> = entries.iter().map(|entry| (&entry.name[..], kind(entry), entry.link.as_deref())).collect();
    let expected =
        [(&b"a"[..], libc::S_IFDIR, None), (b"file", libc::S_IFREG, None), (b"link", libc::S_IFLNK, Some(&b"a/b"[..]))];
    assert_eq!(seen, expected);
    let mut stat = |follow| match client.call(InitRequest::Stat { path: format!("{root}/link"), follow }) {
        InitReply::Entry(entry) => entry,
        other => panic!("{other:?}"),
    };
    assert_eq!(stat(true).mode & libc::S_IFMT, libc::S_IFDIR);
    let EntryReport { name, mode, link, mtime, .. } = stat(false);
    assert_eq!((&name[..], mode & libc::S_IFMT, link), (&b"link"[..], libc::S_IFLNK, Some(b"a/b".to_vec())));
    assert!(mtime > 1_500_000_000_000);
    assert_eq!(client.refused(list(&format!("{root}/file"), None)), (libc::ENOTDIR, "list".into()));
}

fn list(path: &str, after: Option<Vec<u8>>) -> InitRequest {
    InitRequest::ListDir { path: path.to_owned(), after }
}

/// The lengths of the pages, and every name in their order.
fn pages(client: &mut Client, path: &str, total: u64) -> (Vec<usize>, Vec<Vec<u8>>) {
    let (mut lengths, mut names, mut after) = (Vec::new(), Vec::new(), None);
    loop {
        let InitReply::Entries { page, before, total: all, next } = client.call(list(path, after)) else { panic!() };
        assert_eq!((before, all), (names.len() as u64, total));
        lengths.push(page.len());
        names.extend(page.into_iter().map(|entry| entry.name));
        after = next;
        if after.is_none() {
            return (lengths, names);
        }
    }
}

#[test]
fn a_huge_directory_is_listed_page_by_page() {
    let init = Init::start();
    let mut client = init.connect();
    let root = init.path("many");
    fs::create_dir(&root).unwrap();
    let mut expected: Vec<Vec<u8>> = (0..20_000).map(|number| number.to_string().into_bytes()).collect();
    for name in &expected {
        fs::write(Path::new(&root).join(OsStr::from_bytes(name)), "").unwrap();
    }
    expected.sort();
    let (lengths, names) = pages(&mut client, &root, 20_000);
    assert_eq!((lengths, &names), (vec![10_000, 10_000], &expected));
    let long = init.path("long");
    fs::create_dir(&long).unwrap();
    for number in 0..2000 {
        symlink("x".repeat(1000), format!("{long}/{number}")).unwrap();
    }
    let (lengths, names) = pages(&mut client, &long, 2000);
    assert!(lengths.len() == 3 && lengths[0] > 900 && names.len() == 2000, "{lengths:?}");
    // What comes and goes between two pages takes nothing with it.
    let InitReply::Entries { next: Some(after), .. } = client.call(list(&root, None)) else { panic!() };
    for name in &expected[..5000] {
        fs::remove_file(Path::new(&root).join(OsStr::from_bytes(name))).unwrap();
    }
    let InitReply::Entries { page, before: 5000, total: 15_000, next: None } = client.call(list(&root, Some(after))) else {
        panic!()
    };
    assert!(page.iter().map(|entry| &entry.name).eq(&expected[10_000..]));
}

#[test]
fn a_tree_deeper_than_any_path_is_removed() {
    let init = Init::start();
    let mut client = init.connect();
    let root = init.path("deep");
    fs::create_dir(&root).unwrap();
    let mut here: OwnedFd = fs::File::open(&root).unwrap().into();
    for _ in 0..5000 {
        mkdirat(&here, "d", Mode::S_IRWXU).unwrap();
        here = openat(&here, "d", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
    }
    // A copy cannot go as deep: it ends with an error, and init lives.
    let (errno, _) = client.refused(InitRequest::Copy { from: root.clone(), to: init.path("copy") });
    assert!([libc::ENAMETOOLONG, libc::EMFILE].contains(&errno), "{errno}");
    for path in [root, init.path("copy")] {
        client.done(InitRequest::Remove { path: path.clone(), recursive: true });
        assert!(!fs::exists(&path).unwrap());
    }
}

#[test]
fn removal_follows_no_link() {
    let init = Init::start();
    let mut client = init.connect();
    let (tree, kept) = (init.path("tree"), init.path("kept"));
    fs::create_dir_all(format!("{tree}/a/b/c")).unwrap();
    fs::create_dir(&kept).unwrap();
    fs::write(format!("{kept}/file"), "").unwrap();
    symlink(&kept, format!("{tree}/a/link")).unwrap();
    symlink(&kept, init.path("link")).unwrap();
    let (errno, step) = client.refused(InitRequest::Remove { path: tree.clone(), recursive: false });
    assert_eq!((errno, step), (libc::ENOTEMPTY, format!("remove {tree}")));
    client.done(InitRequest::Remove { path: tree.clone(), recursive: true });
    client.done(InitRequest::Remove { path: init.path("link"), recursive: true });
    assert!(!exists(&tree) && !exists(init.path("link")) && exists(format!("{kept}/file")));
    assert_eq!(client.refused(InitRequest::Remove { path: tree, recursive: true }).0, libc::ENOENT);
}

#[test]
fn a_copy_keeps_modes_and_links_and_names_what_it_left_out() {
    let init = Init::start();
    let mut client = init.connect();
    let (from, to) = (init.path("from"), init.path("to"));
    fs::create_dir_all(format!("{from}/sub")).unwrap();
    fs::write(format!("{from}/sub/run"), "#!").unwrap();
    fs::set_permissions(format!("{from}/sub/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::set_permissions(format!("{from}/sub"), fs::Permissions::from_mode(0o555)).unwrap();
    symlink("/nowhere", format!("{from}/link")).unwrap();
    client.done(InitRequest::Copy { from: from.clone(), to: to.clone() });
    assert_eq!((mode(format!("{to}/sub/run")), mode(format!("{to}/sub"))), (0o755, 0o555));
    assert_eq!(fs::read_link(format!("{to}/link")).unwrap(), Path::new("/nowhere"));
    // Again, over what is there.
    client.done(InitRequest::Copy { from: from.clone(), to: to.clone() });
    mkfifo(format!("{from}/fifo").as_str(), Mode::S_IRWXU).unwrap();
    fs::write(format!("{from}/zz"), "after").unwrap();
    let other = init.path("other");
    let (errno, step) = client.refused(InitRequest::Copy { from: from.clone(), to: other.clone() });
    assert_eq!((errno, step), (libc::EOPNOTSUPP, format!("copy left out {from}/fifo: not a file, directory or link")));
    assert!(exists(format!("{other}/zz")) && !exists(format!("{other}/fifo")));
    let inside = InitRequest::Copy { from: from.clone(), to: format!("{from}/sub/inner") };
    assert_eq!(client.refused(inside), (libc::EINVAL, format!("copy {from} into itself")));
    let file = format!("{from}/zz");
    assert_eq!(client.refused(InitRequest::Copy { from: file.clone(), to: file.clone() }).0, libc::EINVAL);
    assert_eq!(fs::read(file).unwrap(), b"after", "a copy onto itself empties nothing");
    assert!(fs::symlink_metadata(format!("{from}/fifo")).unwrap().file_type().is_fifo());
}

#[test]
fn a_move_works_across_file_systems() {
    let init = Init::start();
    let mut client = init.connect();
    let (a, b) = (init.path("a"), init.path("b"));
    fs::create_dir(&a).unwrap();
    fs::write(format!("{a}/file"), "text").unwrap();
    client.done(InitRequest::Rename { from: a.clone(), to: b.clone() });
    assert!(!exists(&a) && exists(format!("{b}/file")));
    assert_eq!(client.refused(InitRequest::Rename { from: a, to: b.clone() }).0, libc::ENOENT);
    // /dev/shm is a file system of its own wherever these tests run.
    let far = tempfile::tempdir_in("/dev/shm").unwrap();
    let to = far.path().join("b").to_str().unwrap().to_owned();
    client.done(InitRequest::Rename { from: b.clone(), to: to.clone() });
    assert!(!exists(b) && fs::read(format!("{to}/file")).unwrap() == b"text");
}

#[test]
fn long_operations_do_not_hold_the_others_up() {
    let init = Init::start();
    let mut client = init.connect();
    let from = init.path("big");
    let mut file = fs::File::create(&from).unwrap();
    for _ in 0..64 {
        file.write_all(&[7; 1 << 20]).unwrap();
    }
    let copies: Vec<u64> = (0..4)
        .map(|number| client.send(InitRequest::Copy { from: from.clone(), to: init.path(&format!("copy{number}")) }))
        .collect();
    assert_eq!(client.list(), []);
    for tag in copies {
        assert_eq!(client.answer(tag), InitReply::Done);
    }
    assert_eq!(fs::metadata(init.path("copy3")).unwrap().len(), 64 << 20);
}
