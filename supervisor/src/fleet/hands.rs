//! The hands of the built-in agent: its effects, done inside by init with the agent's identity.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aether_protocol::{AgentSpec, ApiError, ErrorCode, FileEntry};
use aether_runtime::{CommandOutput, Hands, HandsError, Left, RunCommand, hands::MAX_OUTPUT};
use aether_sandbox::{
    plan::SandboxId,
    wire::{
        init::{InitReply, InitRequest, OutputStream, Pace, StartProcess, Stdio},
        spawner,
    },
};
use async_trait::async_trait;
use nix::libc::SIGKILL;

use super::{Depth, FsSession, calls::Call, core::Live, exit, launch, log::OutputLog, watch::READ};
use crate::links::{
    init::{InitLink, unexpected},
    spawner::SpawnerLink,
};

/// Between two looks at whether a sandbox is frozen still.
const FROZEN: Duration = Duration::from_millis(100);

/// How long the output of a command that ended is waited for when others still hold its pipes.
const DRAIN: Duration = Duration::from_millis(500);

/// One agent's hands.
pub(crate) struct SandboxHands {
    init: InitLink,
    spawner: SpawnerLink,
    sandbox: SandboxId,
    log: Arc<OutputLog>,
    spec: AgentSpec,
    /// What the gateway gives its programs.
    given: BTreeMap<String, String>,
    frozen: Frozen,
}

/// Is the sandbox frozen now?
type Frozen = Box<dyn Fn() -> bool + Send + Sync>;

impl SandboxHands {
    pub(crate) fn new(
        live: &Live,
        (spawner, sandbox): (SpawnerLink, SandboxId),
        spec: &AgentSpec,
        given: BTreeMap<String, String>,
        frozen: Frozen,
    ) -> Self {
        Self { init: live.init.clone(), spawner, sandbox, log: live.log.clone(), spec: spec.clone(), given, frozen }
    }

    /// Waits for `limit` of time in which the sandbox could run: a pause does not use up a command's time.
    async fn time_of_its_own(&self, limit: Duration) {
        let mut left = limit;
        while !left.is_zero() {
            let part = left.min(Duration::from_secs(1));
            tokio::time::sleep(part).await;
            if !(self.frozen)() {
                left -= part;
            }
        }
    }

    fn files(&self) -> FsSession {
        FsSession { init: self.init.clone(), _visit: None, announce: None }
    }

    /// The cgroup of a call; made while the sandbox runs, or its init could not take it.
    async fn call(&self, left: Left) -> Result<Call, ApiError> {
        while (self.frozen)() {
            tokio::time::sleep(FROZEN).await;
        }
        let left = match left {
            Left::Killed => spawner::Left::Killed,
            Left::GoesOn => spawner::Left::GoesOn,
        };
        Call::begin(&self.spawner, &self.sandbox, left).await
    }

    async fn start(&self, call: &Call, shell: &[&str], command: &RunCommand) -> Result<u32, ApiError> {
        let mut argv: Vec<Vec<u8>> = shell.iter().map(|arg| arg.as_bytes().to_vec()).collect();
        argv.push(command.command.clone().into_bytes());
        let start = StartProcess {
            argv,
            env: launch::environment(&self.spec, &self.given, false, []),
            workdir: command.workdir.clone(),
            stdio: Stdio::Pipes { stdin: false },
            label: "tool".to_owned(),
            hold: false,
        };
        match self.init.ask(call.start(start)).await? {
            InitReply::Started { process, .. } => Ok(process),
            other => Err(unexpected(&other)),
        }
    }

    async fn run(&self, command: &RunCommand) -> Result<CommandOutput, ApiError> {
        self.log.print(OutputStream::Stdout, format!("$ {}\n", command.command).as_bytes());
        let mut call = self.call(command.left).await?;
        let process = match self.start(&call, &["/bin/bash", "-lc"], command).await {
            Err(error) if error.code == ErrorCode::NotFound => {
                // What let a program into the first one is used up.
                call = self.call(command.left).await?;
                self.start(&call, &["/bin/sh", "-lc"], command).await?
            }
            started => started?,
        };
        let _end = Running { init: &self.init, process };
        let mut output = CommandOutput::default();
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let (report, read) = {
            let mut reading = std::pin::pin!(async {
                tokio::join!(
                    self.read(process, OutputStream::Stdout, &mut stdout),
                    self.read(process, OutputStream::Stderr, &mut stderr)
                )
            });
            let mut waiting = std::pin::pin!(self.init.ask(InitRequest::Wait { process }));
            let mut late = std::pin::pin!(self.time_of_its_own(command.timeout));
            let mut read = None;
            let report = loop {
                tokio::select! {
                    reply = &mut waiting => match reply? {
                        InitReply::Exited(report) => break report,
                        other => return Err(unexpected(&other)),
                    },
                    more = &mut reading, if read.is_none() => read = Some(more),
                    () = &mut late, if !output.timed_out => {
                        output.timed_out = true;
                        if !call.kill().await {
                            self.init.ask(InitRequest::Signal { process, signal: SIGKILL, group: true }).await?;
                        }
                    }
                }
            };
            // What it has left is killed, and with it goes what holds its output open.
            call.end().await;
            if read.is_none() {
                read = tokio::time::timeout(DRAIN, &mut reading).await.ok();
            }
            (report, read)
        };
        let (out, err) = read.unwrap_or((Ok(false), Ok(false)));
        output.stdout_truncated = out?;
        output.stderr_truncated = err?;
        output.exit = exit::of_report(report).code;
        output.used = Some(call.usage(&self.init, process).await);
        output.stdout = stdout;
        output.stderr = stderr;
        Ok(output)
    }

    /// Collects a stream, at most [`MAX_OUTPUT`] bytes; is there more?
    async fn read(&self, process: u32, stream: OutputStream, kept: &mut Vec<u8>) -> Result<bool, ApiError> {
        let attach = InitRequest::Attach { process, stream, from: None, pace: Pace::Hold };
        let InitReply::Attached { reader, .. } = self.init.ask(attach).await? else {
            return Err(ApiError::internal("the sandbox answered something that was not asked"));
        };
        let mut truncated = false;
        loop {
            match self.init.ask(InitRequest::Read { reader, max: READ }).await? {
                InitReply::Output { data, end, .. } => {
                    let room = (MAX_OUTPUT - kept.len()).min(data.len());
                    truncated |= room < data.len();
                    kept.extend_from_slice(&data[..room]);
                    self.log.print(stream, &data);
                    if end {
                        return Ok(truncated);
                    }
                }
                other => return Err(unexpected(&other)),
            }
        }
    }
}

/// A command that runs; dropped, it is killed with everything in its group, and forgotten.
struct Running<'a> {
    init: &'a InitLink,
    process: u32,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.init.tell(InitRequest::Signal { process: self.process, signal: SIGKILL, group: true });
        self.init.tell(InitRequest::Forget { process: self.process });
    }
}

#[async_trait]
impl Hands for SandboxHands {
    async fn run_command(&self, command: RunCommand) -> Result<CommandOutput, HandsError> {
        self.run(&command).await.map_err(refused)
    }

    async fn read_file(&self, path: &str, offset: u64, limit: usize) -> Result<Vec<u8>, HandsError> {
        self.files().read_at(path, offset, limit as u64).await.map_err(refused)
    }

    async fn write_file(&self, path: &str, content: &[u8]) -> Result<(), HandsError> {
        let files = self.files();
        if let Some((parent, _)) = path.rsplit_once('/').filter(|(parent, _)| !parent.is_empty()) {
            files.mkdir(parent, Depth::Recursive).await.map_err(refused)?;
        }
        files.replace(path, content).await.map_err(refused)
    }

    async fn list_files(&self, path: &str) -> Result<(Vec<FileEntry>, u64), HandsError> {
        let page = self.files().list(path, None).await.map_err(refused)?;
        Ok((page.entries, page.total))
    }

    async fn mkdir(&self, path: &str) -> Result<(), HandsError> {
        self.files().mkdir(path, Depth::Recursive).await.map_err(refused)
    }

    async fn rm(&self, path: &str) -> Result<(), HandsError> {
        self.files().remove(path, Depth::Recursive).await.map_err(refused)
    }

    async fn stat(&self, path: &str) -> Result<FileEntry, HandsError> {
        self.files().stat(path).await.map_err(refused)
    }

    async fn mv(&self, from: &str, to: &str) -> Result<(), HandsError> {
        self.files().rename(from, to).await.map_err(refused)
    }

    async fn cp(&self, from: &str, to: &str) -> Result<(), HandsError> {
        self.files().copy(from, to).await.map_err(refused)
    }
}

/// What the system refused the agent is told; that the sandbox is gone or answers nonsense ends the loop.
fn refused(error: ApiError) -> HandsError {
    match error.code {
        ErrorCode::Unavailable | ErrorCode::Internal => HandsError::Lost(error.message),
        ErrorCode::Conflict if error.message.contains("sandbox is gone") => HandsError::Lost(error.message),
        _ => HandsError::Refused(error.message),
    }
}
