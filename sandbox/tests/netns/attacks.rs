//! What an agent tries from inside, each with a control that shows the attempt works where it may.

use std::{
    fs,
    net::TcpListener,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr as UnixAddr, UnixListener},
    },
};

use aether_sandbox::{
    plan::NetworkPlan::{LoopbackOnly, Relayed},
    wire::init::{InitRequest, NetworkSocket, OutputStream, Pace, Stdio},
};

use super::{Host, INSIDE, inside};

fn errno(number: i32) -> String {
    format!("errno {number}")
}

pub(crate) fn without_a_network_there_is_no_way_out(host: &Host) {
    let sandbox = host.launch("alone", 31, LoopbackOnly);
    for to in ["93.184.216.34:443", "198.18.0.1:3128", "[2001:db8::5]:8080"] {
        let said = sandbox.says(&["connect", to]);
        assert!([libc::ENETUNREACH, libc::EADDRNOTAVAIL].map(errno).contains(&said), "{to}: {said}");
    }
    assert_eq!(sandbox.says(&["ask", "8.8.8.8:53"]), errno(libc::ENETUNREACH));
    assert_eq!(sandbox.says(&["serve", "0.0.0.0:5001", "127.0.0.1:5001"]), "own");
    for which in [NetworkSocket::Tcp4, NetworkSocket::Udp4, NetworkSocket::Tcp6, NetworkSocket::Udp6] {
        assert_eq!(sandbox.client().refused(InitRequest::NetworkSocket(which)).0, libc::ENOTCONN);
    }
    let devices = sandbox.client().output(&["cat", "/proc/net/dev"]).0;
    assert_eq!(devices.lines().skip(2).map(|line| line.split(':').next().unwrap().trim()).collect::<Vec<_>>(), ["lo"]);
    an_agent_has_nothing_beside(&sandbox.client().output(&["ls", "-l", "/proc/self/fd"]).0);
}

pub(crate) fn an_agent_administers_nothing(host: &Host) {
    let sandbox = host.launch("admin", 31, Relayed);
    for call in ["bpf", "unshare", "setns", "raw", "raw6", "packet", "transparent", "mark"] {
        assert_eq!(sandbox.says(&["call", call]), errno(libc::EPERM), "{call}");
    }
    for message in ["delete-route", "add-address", "link-down"] {
        assert_eq!(sandbox.says(&["netlink", message]), errno(libc::EPERM), "{message}");
    }
    assert_eq!(sandbox.says(&["netlink", "get-link"]), "answer 16");
    assert!([libc::EACCES, libc::EPERM].map(errno).contains(&sandbox.says(&["call", "ping"])));
    for file in ["ipv4/ip_forward", "ipv4/ping_group_range", "ipv4/ip_unprivileged_port_start"] {
        let script = format!("cat /proc/sys/net/{file} >/dev/null && ! echo 0 2>/dev/null >/proc/sys/net/{file} && echo kept");
        assert_eq!(sandbox.client().output(&["sh", "-c", &script]).0, "kept\n", "{file}");
    }
    // The control: the same calls by root on the host do something.
    for call in ["bpf", "raw", "transparent"] {
        let done = std::process::Command::new("/proc/self/exe").args([INSIDE, "call", call]).output().unwrap();
        assert!(String::from_utf8(done.stdout).unwrap().starts_with("done"), "{call}");
    }
}

fn an_agent_has_nothing_beside(listing: &str) {
    assert!(!listing.contains("socket:") && !listing.contains("bpf") && !listing.contains("net:["), "{listing}");
}

pub(crate) fn an_agent_has_no_descriptor_of_the_network(host: &Host) {
    let sandbox = host.launch("bare", 31, Relayed);
    let (listing, _, _) = sandbox.client().output(&["ls", "-l", "/proc/self/fd"]);
    assert!(listing.contains("pipe:"), "{listing}");
    an_agent_has_nothing_beside(&listing);
    // The control: init has them, where nobody inside can look.
    let of_init = fs::read_dir(format!("/proc/{}/fd", sandbox.pid)).unwrap();
    let links: Vec<_> = of_init.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok()).collect();
    assert!(links.iter().any(|link| link.to_string_lossy().contains("bpf")), "{links:?}");
    assert_ne!(sandbox.client().output(&["ls", "/proc/1/fd"]).2, aether_sandbox::wire::init::ExitReport::Code(0));
}

pub(crate) fn sandboxes_and_host_do_not_reach_each_other(host: &Host) {
    let (one, other) = (host.launch("one", 31, Relayed), host.launch("other", 32, Relayed));
    let mut client = one.client();
    let holder = client.run(&["/home/agent/inside", INSIDE, "hold", "aether-test-one"], Stdio::Pipes { stdin: false });
    let (reader, _) = client.attach(holder, OutputStream::Stdout, None, Pace::Hold);
    client.read_until(reader, "holds\n");
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = tcp.local_addr().unwrap().port();
    let _unix = UnixListener::bind_addr(&UnixAddr::from_abstract_name("aether-test-host").unwrap()).unwrap();
    let refused = errno(libc::ECONNREFUSED);
    assert_eq!(other.says(&["connect", "198.18.0.2:5000"]), refused);
    assert_eq!(other.says(&["connect", &format!("127.0.0.1:{port}")]), refused);
    for name in ["aether-test-one", "aether-test-host"] {
        assert_eq!(other.says(&["connect-unix", name]), refused, "{name}");
    }
    // The controls: within one they answer, and so does the host's.
    assert_eq!(one.says(&["connect-unix", "aether-test-one"]), "connected");
    assert_eq!(inside::main(&["connect-unix".to_owned(), "aether-test-host".to_owned()]), 0);
    client.done(InitRequest::Signal { process: holder, signal: 9, group: false });
}
