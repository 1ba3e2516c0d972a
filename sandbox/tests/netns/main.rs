//! The network of a sandbox: what arrives at the supervisor's sockets, and that there is nothing else.
//!
//! The spawner is this very executable, as in `aetherd`, and so is what an agent runs; hence no libtest harness. Needs root,
//! cgroup2, Landlock, overlayfs, and a kernel with `sk_lookup` (Linux 5.9).

mod attacks;
#[path = "../init_client/mod.rs"]
mod init_client;
mod inside;
mod life;
#[path = "../spawner_config/mod.rs"]
mod spawner_config;
mod traffic;

use std::{
    fs,
    net::{TcpListener, UdpSocket},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{PermissionsExt, chown, symlink},
    },
    path::Path,
};

use aether_sandbox::{
    plan::{CgroupLimits, IdRange, NetworkPlan, Profile, SandboxPlan},
    spawner::{SPAWNER_ARGUMENT, SpawnerChild},
    sys::packet::{recv_packet, send_packet},
    wire::{
        init::{ExitReport, InitReply, InitRequest, NetworkSocket},
        spawner::{Launched, MAX_PACKET, SpawnFailure, SpawnerReply, SpawnerRequest},
    },
};
use init_client::Client;
use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{
        socket::{setsockopt, sockopt::ReceiveTimeout},
        time::TimeVal,
    },
};

/// First argument that makes this program an agent's.
const INSIDE: &str = "__inside";

type Test = fn(&Host);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(SPAWNER_ARGUMENT) => std::process::exit(aether_sandbox::spawner::main()),
        Some(INSIDE) => std::process::exit(inside::main(&arguments[1..])),
        Some("--list") => return println!("netns: test"),
        _ => {}
    }
    let host = Host::start();
    let tests: [(&str, Test); 14] = [
        ("every_connection_arrives_with_its_destination", traffic::every_connection_arrives_with_its_destination),
        ("names_are_asked_at_any_address", traffic::names_are_asked_at_any_address),
        ("other_datagrams_are_refused_at_once", traffic::other_datagrams_are_refused_at_once),
        ("loopback_and_the_own_address_are_the_agents", traffic::loopback_and_the_own_address_are_the_agents),
        ("an_agents_listener_takes_nothing_of_the_worlds", traffic::an_agents_listener_takes_nothing_of_the_worlds),
        ("connections_come_many_at_a_time", traffic::connections_come_many_at_a_time),
        ("without_a_network_there_is_no_way_out", attacks::without_a_network_there_is_no_way_out),
        ("an_agent_administers_nothing", attacks::an_agent_administers_nothing),
        ("an_agent_has_no_descriptor_of_the_network", attacks::an_agent_has_no_descriptor_of_the_network),
        ("sandboxes_and_host_do_not_reach_each_other", attacks::sandboxes_and_host_do_not_reach_each_other),
        ("sockets_outlive_whoever_asked", life::sockets_outlive_whoever_asked),
        ("the_maker_can_do_nothing_else", life::the_maker_can_do_nothing_else),
        ("a_maker_that_dies_is_started_again", life::a_maker_that_dies_is_started_again),
        ("without_maker_and_keeper_a_network_is_refused_by_name", life::without_maker_and_keeper_a_network_is_refused_by_name),
    ];
    for (name, test) in tests {
        test(&host);
        println!("test {name} ... ok");
    }
    life::the_maker_ends_with_the_spawner(host);
    println!("\ntest result: ok. {} passed; 0 failed", tests.len() + 1);
}

/// A spawner with its state.
struct Host {
    spawner: SpawnerChild,
    directory: tempfile::TempDir,
}

impl Host {
    fn start() -> Self {
        let directory = tempfile::tempdir_in("/var/tmp").unwrap();
        let state = directory.path().join("state");
        for name in ["state/base/root/etc", "state/base/home", "sockets"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        fs::write(state.join("base/root/etc/passwd"), "agent:x:1000:1000::/home/agent:/bin/sh\n").unwrap();
        for link in ["bin", "sbin", "lib", "lib64"].iter().filter(|link| Path::new("/").join(link).is_symlink()) {
            symlink(format!("usr/{link}"), state.join("base/root").join(link)).unwrap();
        }
        let program = state.join("base/home/inside");
        fs::copy("/proc/self/exe", &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&program, Some(1000), Some(1000)).unwrap();
        let config = spawner_config::below(directory.path(), "aether-netns-test");
        let spawner = aether_sandbox::spawner::start(&config).expect("the spawner starts (root needed)");
        let host = Self { spawner, directory };
        let SpawnerReply::Host(support) = host.ask(&SpawnerRequest::Host) else { panic!("host") };
        assert!(support.relay.works, "{:?}", support.relay);
        host
    }

    fn ask(&self, request: &SpawnerRequest) -> SpawnerReply {
        send_packet(self.spawner.control.as_fd(), &postcard::to_stdvec(request).unwrap(), &[]).unwrap();
        let mut buffer = vec![0; MAX_PACKET];
        let (length, _) = recv_packet(self.spawner.control.as_fd(), &mut buffer).unwrap();
        postcard::from_bytes(&buffer[..length]).unwrap()
    }

    fn try_launch(&self, id: &str, slot: u32, network: NetworkPlan) -> Result<Launched, SpawnFailure> {
        let plan = SandboxPlan {
            id: id.parse().unwrap(),
            hostname: "test".to_owned(),
            ids: IdRange::new(slot).unwrap(),
            home: id.parse().unwrap(),
            limits: CgroupLimits { memory_bytes: 256 << 20, pids: 128, cpu_quota_usec: 200_000 },
            profile: Profile::Standard,
            disk: None,
            mounts: Vec::new(),
            network,
            tmp_bytes: 16 << 20,
            shm_bytes: 16 << 20,
            may_miss: Vec::new(),
        };
        match self.ask(&SpawnerRequest::Launch(Box::new(plan))) {
            SpawnerReply::Launched(launched) => Ok(launched),
            SpawnerReply::Failed(failure) => Err(failure),
            other => panic!("{other:?}"),
        }
    }

    fn launch(&self, id: &'static str, slot: u32, network: NetworkPlan) -> Sandbox<'_> {
        let launched = self.try_launch(id, slot, network).unwrap_or_else(|failure| panic!("{failure:?}"));
        Sandbox { host: self, id, pid: launched.pid }
    }

    fn kill(&self, id: &str) {
        assert_eq!(self.ask(&SpawnerRequest::Kill(id.parse().unwrap())), SpawnerReply::Done);
    }
}

/// A sandbox; dropped, it is killed.
struct Sandbox<'a> {
    host: &'a Host,
    id: &'static str,
    pid: u32,
}

impl Drop for Sandbox<'_> {
    fn drop(&mut self) {
        self.host.kill(self.id);
    }
}

/// Its sockets, as the supervisor has them, made blocking: a test waits for what it has caused, and fails when it does not come.
struct Sockets {
    tcp4: TcpListener,
    tcp6: TcpListener,
    udp4: UdpSocket,
    udp6: UdpSocket,
}

impl Sandbox<'_> {
    fn client(&self) -> Client {
        Client::to(&self.host.directory.path().join(format!("sockets/{}.sock", self.id)))
    }

    fn socket(&self, which: NetworkSocket) -> OwnedFd {
        let mut client = self.client();
        assert_eq!(client.call(InitRequest::NetworkSocket(which)), InitReply::Opened { size: 0 });
        client.descriptor().into()
    }

    fn sockets(&self) -> Sockets {
        let sockets = Sockets {
            tcp4: self.socket(NetworkSocket::Tcp4).into(),
            tcp6: self.socket(NetworkSocket::Tcp6).into(),
            udp4: self.socket(NetworkSocket::Udp4).into(),
            udp6: self.socket(NetworkSocket::Udp6).into(),
        };
        let patience = TimeVal::new(30, 0);
        for socket in [sockets.tcp4.as_fd(), sockets.tcp6.as_fd(), sockets.udp4.as_fd(), sockets.udp6.as_fd()] {
            fcntl(socket, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
            setsockopt(&socket, ReceiveTimeout, &patience).unwrap();
        }
        sockets
    }

    /// What a verb of the agent's program says.
    fn says(&self, words: &[&str]) -> String {
        let argv = [&["/home/agent/inside", INSIDE], words].concat();
        let (out, err, exit) = self.client().output(&argv);
        assert_eq!((err.as_str(), exit), ("", ExitReport::Code(0)), "{words:?}: {out}");
        out.trim_end().to_owned()
    }
}
