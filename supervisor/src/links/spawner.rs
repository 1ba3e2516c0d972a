//! The link to the spawner: one request at a time on a thread of its own, since the socket blocks.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    sync::mpsc,
};

use aether_protocol::{ApiError, ErrorCode};
use aether_sandbox::{
    host::HostSupport,
    plan::{LentMount, Profile, SandboxId, SandboxPlan},
    sys::packet::{recv_packet, send_packet},
    wire::spawner::{DiskUse, Filter, Inspection, Launched, LiveSandbox, MAX_PACKET, PAGE, SpawnerReply, SpawnerRequest},
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{Shutdown, shutdown},
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::errors::from_spawner;

type Answer = (SpawnerReply, Vec<OwnedFd>);

struct Job {
    /// Waits until nothing else does.
    later: bool,
    request: SpawnerRequest,
    fds: Vec<OwnedFd>,
    answer: oneshot::Sender<Answer>,
}

/// The spawner. Cheap to clone.
#[derive(Clone)]
pub struct SpawnerLink {
    jobs: mpsc::Sender<Job>,
    gone: CancellationToken,
}

impl SpawnerLink {
    /// Takes over the control socket.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(control: OwnedFd) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let gone = CancellationToken::new();
        let ended = gone.clone();
        watch(control.try_clone()?, gone.clone())?;
        std::thread::Builder::new().name("spawner-link".into()).spawn(move || {
            let _last = ended.drop_guard();
            let mut buffer = vec![0; MAX_PACKET];
            let mut later = VecDeque::new();
            while let Some(job) = next(&queue, &mut later) {
                match exchange(control.as_fd(), &mut buffer, &job.request, &job.fds) {
                    Ok(answer) => drop(job.answer.send(answer)),
                    Err(error) => {
                        tracing::error!(%error, "the spawner does not answer");
                        break;
                    }
                }
            }
            // Ends the spawner's wait for us, and our watch on it.
            let _ = shutdown(control.as_raw_fd(), Shutdown::Both);
        })?;
        Ok(Self { jobs, gone })
    }

    /// Completes when the spawner is gone. Nothing can be started or ended any more.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Does it answer?
    pub fn is_gone(&self) -> bool {
        self.gone.is_cancelled()
    }

    /// What the host can do.
    ///
    /// # Errors
    /// `Unavailable` when the spawner is gone.
    pub async fn host(&self) -> Result<HostSupport, ApiError> {
        match self.ask(SpawnerRequest::Host, Vec::new()).await? {
            (SpawnerReply::Host(host), _) => Ok(*host),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Builds a sandbox; answers with the pidfd of its init.
    ///
    /// # Errors
    /// The layer and step that failed; nothing is left behind then.
    pub async fn launch(&self, plan: SandboxPlan, mounts: Vec<OwnedFd>) -> Result<(Launched, OwnedFd), ApiError> {
        match self.ask(SpawnerRequest::Launch(Box::new(plan)), mounts).await? {
            (SpawnerReply::Launched(launched), mut fds) if !fds.is_empty() => Ok((launched, fds.remove(0))),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Begins a sandbox ahead, after everything that somebody waits for.
    ///
    /// # Errors
    /// The layer and step that failed; nothing but the home is left behind then.
    pub async fn prepare(&self, plan: SandboxPlan) -> Result<(), ApiError> {
        match self.queue(SpawnerRequest::Prepare(Box::new(plan)), Vec::new(), true).await? {
            (SpawnerReply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Takes a prepared sandbox for the agent of `plan`; answers with the pidfd of its init.
    ///
    /// # Errors
    /// The layer and step that failed; nothing but the home is left behind then.
    pub async fn claim(&self, plan: SandboxPlan) -> Result<(Launched, OwnedFd), ApiError> {
        match self.ask(SpawnerRequest::Claim(Box::new(plan)), Vec::new()).await? {
            (SpawnerReply::Launched(launched), mut fds) if !fds.is_empty() => Ok((launched, fds.remove(0))),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// Ends everything in a sandbox and takes it down; fine when there is none.
    ///
    /// # Errors
    /// When something of it still runs.
    pub async fn kill(&self, id: SandboxId) -> Result<(), ApiError> {
        self.done(SpawnerRequest::Kill(id)).await
    }

    /// Ends what an earlier run of the service, started in another cgroup, left of a sandbox.
    ///
    /// # Errors
    /// When something of it still runs.
    pub async fn kill_stray(&self, id: SandboxId, cgroup: String) -> Result<(), ApiError> {
        self.done(SpawnerRequest::KillStray { id, cgroup }).await
    }

    /// Freezes a sandbox.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn freeze(&self, id: SandboxId) -> Result<(), ApiError> {
        self.done(SpawnerRequest::Freeze(id)).await
    }

    /// Thaws a sandbox.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn thaw(&self, id: SandboxId) -> Result<(), ApiError> {
        self.done(SpawnerRequest::Thaw(id)).await
    }

    /// Removes a home.
    ///
    /// # Errors
    /// When it is in use.
    pub async fn remove_home(&self, id: SandboxId) -> Result<(), ApiError> {
        self.done(SpawnerRequest::RemoveHome(id)).await
    }

    /// Every live sandbox with the pidfd of its init.
    ///
    /// # Errors
    /// `Unavailable` when the spawner is gone.
    pub async fn list(&self) -> Result<Vec<(LiveSandbox, OwnedFd)>, ApiError> {
        let mut all: Vec<(LiveSandbox, OwnedFd)> = Vec::new();
        loop {
            let after = all.last().map(|(sandbox, _)| sandbox.id.clone());
            match self.ask(SpawnerRequest::List(after), Vec::new()).await? {
                (SpawnerReply::Live(live), fds) if live.len() == fds.len() => {
                    let last = live.len() < PAGE;
                    all.extend(live.into_iter().zip(fds));
                    if last {
                        return Ok(all);
                    }
                }
                (other, _) => return Err(unexpected(&other)),
            }
        }
    }

    /// What the spawner sees of a live sandbox that was lent `mounts`.
    ///
    /// # Errors
    /// When it does not live.
    pub async fn inspect(&self, id: SandboxId, profile: Profile, mounts: Vec<LentMount>) -> Result<Inspection, ApiError> {
        match self.ask(SpawnerRequest::Inspect(id, profile, mounts), Vec::new()).await? {
            (SpawnerReply::Inspected(inspection), _) => Ok(*inspection),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// The program of a filter of system calls that the spawner installs, 8 bytes an instruction.
    ///
    /// # Errors
    /// `Unavailable` when the spawner is gone.
    pub async fn filter(&self, filter: Filter) -> Result<Vec<u8>, ApiError> {
        match self.ask(SpawnerRequest::Filter(filter), Vec::new()).await? {
            (SpawnerReply::Filter(program), _) => Ok(program),
            (other, _) => Err(unexpected(&other)),
        }
    }

    /// What a home takes up and may take up.
    ///
    /// # Errors
    /// When there is none.
    pub async fn disk_use(&self, id: SandboxId) -> Result<DiskUse, ApiError> {
        match self.ask(SpawnerRequest::DiskUse(id), Vec::new()).await? {
            (SpawnerReply::DiskUse(used), _) => Ok(used),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn done(&self, request: SpawnerRequest) -> Result<(), ApiError> {
        match self.ask(request, Vec::new()).await? {
            (SpawnerReply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(&other)),
        }
    }

    async fn ask(&self, request: SpawnerRequest, fds: Vec<OwnedFd>) -> Result<Answer, ApiError> {
        self.queue(request, fds, false).await
    }

    async fn queue(&self, request: SpawnerRequest, fds: Vec<OwnedFd>, later: bool) -> Result<Answer, ApiError> {
        let (answer, reply) = oneshot::channel();
        self.jobs.send(Job { later, request, fds, answer }).map_err(|_| lost())?;
        reply.await.map_err(|_| lost())
    }
}

/// The next job: what may wait comes when nothing else is there. `None` when there will be no more.
fn next(queue: &mpsc::Receiver<Job>, later: &mut VecDeque<Job>) -> Option<Job> {
    loop {
        let job = match queue.try_recv() {
            Ok(job) => job,
            Err(_) if !later.is_empty() => return later.pop_front(),
            Err(_) => queue.recv().ok()?,
        };
        if !job.later {
            return Some(job);
        }
        later.push_back(job);
    }
}

/// Notices the end of the spawner also while nobody asks it anything.
fn watch(control: OwnedFd, gone: CancellationToken) -> std::io::Result<()> {
    std::thread::Builder::new().name("spawner-watch".into()).spawn(move || {
        // No events asked for: only the hang-up wakes it.
        let mut fds = [PollFd::new(control.as_fd(), PollFlags::empty())];
        while poll(&mut fds, PollTimeout::NONE).is_err_and(|error| error == Errno::EINTR) {}
        gone.cancel();
    })?;
    Ok(())
}

fn exchange(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    request: &SpawnerRequest,
    fds: &[OwnedFd],
) -> std::io::Result<(SpawnerReply, Vec<OwnedFd>)> {
    let packet = postcard::to_stdvec(request).map_err(std::io::Error::other)?;
    let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    send_packet(socket, &packet, &borrowed)?;
    let (length, fds) = recv_packet(socket, buffer)?;
    if length == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let reply = postcard::from_bytes(&buffer[..length]).map_err(std::io::Error::other)?;
    Ok((reply, fds))
}

fn unexpected(reply: &SpawnerReply) -> ApiError {
    if let SpawnerReply::Failed(failure) = reply {
        return from_spawner(failure);
    }
    tracing::error!(?reply, "the spawner answered something else");
    ApiError::internal("the spawner answered something that was not asked")
}

fn lost() -> ApiError {
    ApiError::new(ErrorCode::Unavailable, "the spawner is gone", "restart aetherd; agents that run go on")
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

    use super::*;

    #[tokio::test]
    async fn notices_the_end_of_the_spawner_without_asking() {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).expect("pair");
        let link = SpawnerLink::new(ours).expect("link");
        assert!(!link.is_gone());
        drop(theirs);
        link.gone().await;
        assert_eq!(link.host().await.expect_err("gone").code, ErrorCode::Unavailable);
    }

    #[test]
    fn lets_the_spawner_go_with_the_last_clone() {
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).expect("pair");
        drop(SpawnerLink::new(ours).expect("link"));
        assert_eq!(recv_packet(theirs.as_fd(), &mut [0; 8]).expect("end").0, 0);
    }
}
