//! Files into and out of agents.

mod fake;

use std::{
    fs,
    io::{IoSliceMut, Read as _, Write as _},
    os::{
        fd::AsRawFd as _,
        unix::{
            fs::{MetadataExt as _, PermissionsExt as _, symlink},
            net::UnixListener,
        },
    },
};

use fake::{Fake, Reply, agent, end, hello, ran};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::{Value, json};

const ID: &str = "/api/v1/agents/abcdefghijkl";

fn fake() -> Fake {
    let fake = Fake::start();
    fake.data("GET /api/v1/agents/a", &agent("a", json!({})));
    fake
}

fn entry(name: &str, kind: &str, mode: u32, link: Option<&str>) -> Value {
    json!({"name": name, "path": format!("/x/{name}"), "kind": kind, "size": 3, "mode": mode, "uid": 1000, "gid": 1000,
        "modifiedAt": "2026-01-01T10:20:30.000Z", "linkTarget": link})
}

fn query(path: &str) -> String {
    path.replace('/', "%2F")
}

/// Answers `stat` and `entries` or `files` for one path.
fn there(fake: &Fake, path: &str, stat: &Value) {
    fake.data(&format!("GET {ID}/stat?path={}", query(path)), &stat.to_string());
}

fn listing(fake: &Fake, path: &str, entries: &[Value]) {
    fake.data(&format!("GET {ID}/entries?path={}", query(path)), &Value::from(entries.to_vec()).to_string());
}

fn content(fake: &Fake, path: &str, bytes: &[u8]) {
    fake.on(&format!("GET {ID}/files?path={}", query(path)), Reply::Bytes(bytes.to_vec()));
}

#[test]
fn a_file_comes_out_with_its_mode_but_no_set_uid() {
    let fake = fake();
    there(&fake, "/home/agent/run.sh", &entry("run.sh", "file", 0o4751, None));
    content(&fake, "/home/agent/run.sh", b"#!\0\xff");
    assert_eq!(fake.run(&["cp", "a:run.sh", "."]), ran(0, "", ""));
    let copy = fake.path("run.sh");
    assert_eq!(fs::read(&copy).unwrap(), b"#!\0\xff");
    assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o7777, 0o751);
    let output = fake.command(&["cp", "a:~/run.sh", "-"]).output().unwrap();
    assert_eq!(output.stdout, b"#!\0\xff");
}

#[test]
fn a_missing_file_makes_none_here() {
    let fake = fake();
    fake.error(&format!("GET {ID}/stat"), 404, "NOT_FOUND", "/home/agent/no: no such file", "aether ls a:");
    assert_eq!(fake.run(&["cp", "a:no", "here"]), ran(3, "", "error: /home/agent/no: no such file\nhint: aether ls a:\n"));
    assert!(!fake.path("here").exists());
}

#[test]
fn a_hostile_directory_stays_in_its_place() {
    let fake = fake();
    let outside = fake.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "keep").unwrap();
    let tree = fake.path("tree");
    fs::create_dir(&tree).unwrap();
    // Left by an earlier copy: links that lead out.
    symlink(&outside, tree.join("dir")).unwrap();
    symlink(outside.join("secret"), tree.join("file")).unwrap();
    there(&fake, "/x", &entry("x", "directory", 0o755, None));
    let entries = [
        entry("../escape", "file", 0o644, None),
        entry("..", "directory", 0o755, None),
        entry("/etc/escape", "file", 0o644, None),
        entry("dir", "directory", 0o755, None),
        entry("file", "file", 0o644, None),
        entry("link", "symlink", 0o777, Some("../outside/secret")),
        entry("pipe", "other", 0o644, None),
        entry("sub", "directory", 0o555, None),
    ];
    listing(&fake, "/x", &entries);
    listing(&fake, "/x/dir", &[entry("secret", "file", 0o644, None)]);
    listing(&fake, "/x/sub", &[entry("deep", "file", 0o600, None)]);
    for path in ["/x/file", "/x/dir/secret", "/x/sub/deep"] {
        content(&fake, path, b"new");
    }
    fs::rename(&tree, fake.path("x")).unwrap();
    let ran = fake.run(&["cp", "a:/x", "."]);
    let tree = fake.path("x");
    assert_eq!(ran.status, 1, "{}", ran.stderr);
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "keep");
    assert_eq!(fs::read_to_string(tree.join("file")).unwrap(), "new");
    assert_eq!(fs::read_link(tree.join("link")).unwrap().to_str(), Some("../outside/secret"));
    assert_eq!(fs::read_to_string(tree.join("sub/deep")).unwrap(), "new");
    assert_eq!(fs::metadata(tree.join("sub")).unwrap().mode() & 0o7777, 0o555);
    assert!(!fake.path("escape").exists() && !fs::exists("/etc/escape").unwrap());
    for said in [
        "/x/../escape: such a name",
        "/x//etc/escape: such a name",
        "/x/..: such a name",
        "cannot open the directory",
        "/x/pipe: neither",
    ] {
        assert!(ran.stderr.contains(said), "{said} is missing in {}", ran.stderr);
    }
    // So that the directory can be removed by whoever runs this.
    fs::set_permissions(tree.join("sub"), fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_tree_goes_in_with_modes_and_links_as_links() {
    let fake = fake();
    let tree = fake.path("src");
    fs::create_dir_all(tree.join("bin")).unwrap();
    fs::write(tree.join("bin/run"), "go").unwrap();
    fs::set_permissions(tree.join("bin/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::write(tree.join("readme"), "text").unwrap();
    fs::set_permissions(tree.join("readme"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("/etc/passwd", tree.join("link")).unwrap();
    there(&fake, "/home/agent/Projects", &entry("Projects", "directory", 0o755, None));
    fake.on(&format!("POST {ID}/mkdir"), Reply::Json(204, String::new()));
    fake.on(&format!("PUT {ID}/files"), Reply::Json(204, String::new()));
    fake.on(&format!("POST {ID}/exec"), Reply::Json(201, r#"{"data":{"ttyId":"abcdefghijkl.3"}}"#.into()));
    fake.on("GET /api/v1/attach/abcdefghijkl.3", Reply::Channel(vec![hello(false), end(0, "")]));
    assert_eq!(fake.run(&["cp", "src", "a:Projects"]), ran(0, "", ""));
    let seen = fake.seen();
    let put = |path: &str, mode: &str, body: &str| format!("PUT {ID}/files?path={}&mode={mode} {body}", query(path));
    assert!(seen.contains(&put("/home/agent/Projects/src/bin/run", "0755", "go")), "{seen:#?}");
    assert!(seen.contains(&put("/home/agent/Projects/src/readme", "0640", "text")), "{seen:#?}");
    assert!(
        seen.iter().any(|line| line.contains("/exec") && line.contains(r#""/etc/passwd","/home/agent/Projects/src/link""#)),
        "{seen:#?}"
    );
    assert!(!seen.iter().any(|line| line.contains("root:")), "what the link points to stays here");
}

#[test]
fn standard_input_becomes_a_file() {
    let fake = fake();
    fake.error(&format!("GET {ID}/stat"), 404, "NOT_FOUND", "no such file", "");
    fake.on(&format!("PUT {ID}/files"), Reply::Json(204, String::new()));
    assert_eq!(fake.run_with(&["cp", "-", "a:notes"], b"some text"), ran(0, "", ""));
    assert_eq!(fake.seen()[2], format!("PUT {ID}/files?path=%2Fhome%2Fagent%2Fnotes some text"));
}

#[test]
fn directories_are_listed() {
    let fake = fake();
    there(&fake, "/home/agent", &entry("agent", "directory", 0o755, None));
    listing(&fake, "/home/agent", &[entry("b\u{1b}[2J", "file", 0o644, None), entry("a", "symlink", 0o777, Some("b"))]);
    assert_eq!(fake.run(&["ls", "a:"]), ran(0, "a\nb\\u{1b}[2J\n", ""));
    let long = "MODE         UID   GID  SIZE  MODIFIED             NAME\n\
                lrwxrwxrwx  1000  1000   3 B  2026-01-01 10:20:30  a -> b\n\
                -rw-r--r--  1000  1000   3 B  2026-01-01 10:20:30  b\\u{1b}[2J\n";
    assert_eq!(fake.run(&["ls", "-l", "a:"]), ran(0, long, ""));
}

#[test]
fn directories_are_lent_as_descriptors() {
    let fake = Fake::start();
    let lent = fake.path("lent");
    fs::create_dir(&lent).unwrap();
    let socket = fake.path("raw");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = vec![0; 64 * 1024];
        let (read, inodes) = {
            let mut space = nix::cmsg_space!([i32; 8]);
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut space), MsgFlags::empty()).unwrap();
            let mut inodes = Vec::new();
            for control in message.cmsgs().unwrap() {
                if let ControlMessageOwned::ScmRights(fds) = control {
                    inodes.extend(fds.into_iter().map(inode));
                }
            }
            (message.bytes, inodes)
        };
        let mut request = buffer[..read].to_vec();
        while !request.ends_with(b"}") {
            let read = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        let body = format!("{{\"data\":{}}}", agent("a", json!({})));
        write!(stream, "HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        (String::from_utf8(request).unwrap(), inodes)
    });
    let mount = format!("{}:/home/agent/lent:ro", lent.display());
    let socket = socket.to_str().unwrap();
    assert_eq!(fake.run(&["--socket", socket, "run", "-d", "--mount", &mount, "--", "true"]), ran(0, "abcdefghijkl\n", ""));
    let (request, inodes) = server.join().unwrap();
    assert_eq!(inodes, [fs::metadata(&lent).unwrap().ino()]);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nAether-Descriptors: 1\r\n") && head.contains("\r\nConnection: close"), "{head}");
    let spec: Value = serde_json::from_str(body).unwrap();
    let source = json!({"type": "descriptor", "index": 0, "shown": lent.canonicalize().unwrap()});
    assert_eq!(spec["mounts"], json!([{"source": source, "target": "/home/agent/lent", "readOnly": true}]));
}

/// The inode behind a received descriptor.
fn inode(fd: i32) -> u64 {
    fs::metadata(format!("/proc/self/fd/{fd}")).unwrap().ino()
}
