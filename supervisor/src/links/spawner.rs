//! The link to the spawner: requests and answers, each on a thread of its own, since the socket blocks.

use std::{
    collections::{HashMap, VecDeque},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use aether_protocol::{ApiError, ErrorCode};
use aether_sandbox::{
    host::HostSupport,
    plan::{LentMount, Profile, SandboxId, SandboxPlan},
    sys::packet::{recv_packet, send_packet},
    wire::spawner::{DiskUse, Filter, Inspection, Launched, LiveSandbox, MAX_PACKET, PAGE, SpawnerReply, SpawnerRequest},
};
use nix::sys::socket::{Shutdown, shutdown};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::errors::from_spawner;

type Answer = (SpawnerReply, Vec<OwnedFd>);

struct Job {
    request: SpawnerRequest,
    fds: Vec<OwnedFd>,
    answer: oneshot::Sender<Answer>,
}

/// The spawner. Cheap to clone.
#[derive(Clone)]
pub struct SpawnerLink {
    desk: Arc<Desk>,
    gone: CancellationToken,
    /// Ends the thread that sends with the last clone.
    _last: Arc<CloseOnDrop>,
}

/// What is asked and not answered yet.
#[derive(Default)]
struct Desk {
    jobs: Mutex<Jobs>,
    changed: Condvar,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    /// Those that wait until nothing else does.
    later: VecDeque<Job>,
    /// Sent, by the number that comes back behind the reply.
    sent: HashMap<u64, oneshot::Sender<Answer>>,
    number: u64,
    closed: bool,
}

struct CloseOnDrop(Arc<Desk>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request, with its number behind it. `None` when there will be no more.
    fn next(&self) -> Option<(Vec<u8>, Vec<OwnedFd>)> {
        let mut jobs = self.lock();
        loop {
            let mut job = jobs.waiting.pop_front();
            if job.is_none() && jobs.sent.is_empty() {
                job = jobs.later.pop_front();
            }
            if let Some(Job { request, fds, answer }) = job {
                jobs.number += 1;
                let number = jobs.number;
                match postcard::to_extend(&request, Vec::new()) {
                    Ok(mut packet) => {
                        packet.extend_from_slice(&number.to_le_bytes());
                        jobs.sent.insert(number, answer);
                        return Some((packet, fds));
                    }
                    Err(error) => tracing::error!(%error, "a request to the spawner cannot be written"),
                }
            } else if jobs.closed {
                return None;
            } else {
                jobs = self.changed.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Gives an answer to whom it is for.
    fn deliver(&self, packet: &[u8], fds: Vec<OwnedFd>) -> std::io::Result<()> {
        let (reply, number) = postcard::take_from_bytes(packet).map_err(std::io::Error::other)?;
        let number = number.try_into().map(u64::from_le_bytes).map_err(std::io::Error::other)?;
        let mut jobs = self.lock();
        let asker = jobs.sent.remove(&number);
        let now_free = jobs.sent.is_empty() && !jobs.later.is_empty();
        drop(jobs);
        if now_free {
            self.changed.notify_all();
        }
        if let Some(asker) = asker {
            let _ = asker.send((reply, fds));
        }
        Ok(())
    }

    /// Nobody is answered any more.
    fn close(&self) {
        let mut jobs = self.lock();
        *jobs = Jobs { closed: true, number: jobs.number, ..Jobs::default() };
        self.changed.notify_all();
    }
}

impl SpawnerLink {
    /// Takes over the control socket.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn new(control: OwnedFd) -> std::io::Result<Self> {
        let desk = Arc::new(Desk::default());
        let gone = CancellationToken::new();
        listen(control.try_clone()?, desk.clone(), gone.clone())?;
        let asked = desk.clone();
        std::thread::Builder::new().name("spawner-link".into()).spawn(move || {
            while let Some((packet, fds)) = asked.next() {
                let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
                if let Err(error) = send_packet(control.as_fd(), &packet, &borrowed) {
                    tracing::error!(%error, "the spawner cannot be asked");
                    break;
                }
            }
            // Ends the spawner's wait for us, and ours for it.
            let _ = shutdown(control.as_raw_fd(), Shutdown::Both);
        })?;
        let last = Arc::new(CloseOnDrop(desk.clone()));
        Ok(Self { desk, gone, _last: last })
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

    /// Kills a sandbox and removes its home, and waits for nothing that was written there.
    ///
    /// # Errors
    /// When something of it still runs, or the home is still there.
    pub async fn forget(&self, id: SandboxId, home: SandboxId) -> Result<(), ApiError> {
        self.done(SpawnerRequest::Forget { id, home }).await
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

    pub(super) async fn done(&self, request: SpawnerRequest) -> Result<(), ApiError> {
        match self.ask(request, Vec::new()).await? {
            (SpawnerReply::Done, _) => Ok(()),
            (other, _) => Err(unexpected(&other)),
        }
    }

    pub(super) async fn ask(&self, request: SpawnerRequest, fds: Vec<OwnedFd>) -> Result<Answer, ApiError> {
        self.queue(request, fds, false).await
    }

    async fn queue(&self, request: SpawnerRequest, fds: Vec<OwnedFd>, later: bool) -> Result<Answer, ApiError> {
        let (answer, reply) = oneshot::channel();
        {
            let mut jobs = self.desk.lock();
            if jobs.closed {
                return Err(lost());
            }
            let job = Job { request, fds, answer };
            if later { jobs.later.push_back(job) } else { jobs.waiting.push_back(job) }
        }
        self.desk.changed.notify_all();
        reply.await.map_err(|_| lost())
    }
}

/// Hears the answers, and the end of the spawner also while nobody asks it anything.
fn listen(control: OwnedFd, desk: Arc<Desk>, gone: CancellationToken) -> std::io::Result<()> {
    std::thread::Builder::new().name("spawner-answers".into()).spawn(move || {
        let mut buffer = vec![0; MAX_PACKET];
        let outcome = loop {
            match recv_packet(control.as_fd(), &mut buffer) {
                Ok((0, _)) => break Ok(()),
                Ok((length, fds)) => {
                    if let Err(error) = desk.deliver(&buffer[..length], fds) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%error, "the spawner does not answer");
        }
        let _ = shutdown(control.as_raw_fd(), Shutdown::Both);
        gone.cancel();
        desk.close();
    })?;
    Ok(())
}

pub(super) fn unexpected(reply: &SpawnerReply) -> ApiError {
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
