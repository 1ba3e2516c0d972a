//! Programs in a live sandbox: start, input, terminals, signals, ends.

use std::{collections::BTreeMap, sync::Arc};

use aether_protocol::{
    AgentId, ApiError, CommandSpec, ErrorCode, ExitInfo, Program, Timestamp, TtyId, TtyInfo,
    event::TtyOpened,
    spec::{check_command, check_env, check_guest_path},
};
use aether_sandbox::wire::init::{InitReply, InitRequest, MAX_CHUNK, ProcessReport, StartProcess, Stdio};
use aether_store::Change;
use nix::libc::{SIGHUP, SIGKILL};

use super::{
    ExecRequest, OutputReader, OutputStream, Pace, ProcessHandle, StartAt, Streams, audit,
    core::{Core, Live, MAIN, away},
    exit, launch,
    output::Source,
    retire, takeover,
};
use crate::links::{errors::from_init, init::unexpected};

/// Starts a program beside the main one.
pub(crate) async fn exec(core: &Arc<Core>, id: &AgentId, request: ExecRequest, label: &str) -> Result<ProcessHandle, ApiError> {
    let command = CommandSpec { argv: request.argv, tty: request.tty, stdin: request.stdin, cols: None, rows: None };
    check_command(&command)?;
    check_env(&request.env)?;
    if let Some(dir) = &request.workdir {
        check_guest_path("workdir", dir)?;
    }
    let (live, spec) = (core.running(id)?, core.info(id)?.spec);
    let (cols, rows) = check_size(request.cols.unwrap_or(120), request.rows.unwrap_or(36))?;
    let stdio = if request.tty { Stdio::Terminal { cols, rows } } else { Stdio::Pipes { stdin: request.stdin } };
    let program = command.argv[0].clone();
    let start = StartProcess {
        env: launch::environment(&spec, &launch::given(core, id, &spec), request.tty, &request.env),
        workdir: request.workdir.unwrap_or_else(|| launch::workdir(&spec)),
        argv: command.argv.into_iter().map(String::into_bytes).collect(),
        stdio,
        label: label.to_owned(),
        hold: true,
    };
    // Who asked is on record beside the start: when that fails, its failure is as well.
    let (started, ()) = tokio::join!(live.init.ask(InitRequest::Start(start)), record(core));
    match started.map_err(|error| name_program(error, &program))? {
        InitReply::Started { process, .. } => {
            retire::when_ended(
                core,
                id,
                &live,
                process,
                label,
                if request.tty { retire::Stage::Terminal } else { retire::Stage::Pipes },
            );
            Ok(ProcessHandle { agent: id.clone(), process, tty: request.tty })
        }
        other => Err(unexpected(&other)),
    }
}

/// Writes down the act under way, if there is one. What fails here is tried again when the act is over.
async fn record(core: &Core) {
    if audit::is_under_way() {
        let _tried = core.write(Change::new().relaxed(true)).await;
    }
}

/// A program that cannot be executed is named, with a fix that fits.
fn name_program(mut error: ApiError, program: &str) -> ApiError {
    if error.message.starts_with("execve: ") {
        error.message = format!("{program}: {}", error.message);
        "check the program's path and that it may be executed".clone_into(&mut error.hint);
    }
    error
}

/// Opens a terminal; a login shell when `argv` is empty.
pub(crate) async fn open_tty(
    core: &Arc<Core>,
    id: &AgentId,
    argv: Vec<String>,
    env: BTreeMap<String, String>,
    (cols, rows): (u16, u16),
) -> Result<TtyInfo, ApiError> {
    let request = |argv: Vec<String>| ExecRequest {
        argv,
        env: env.clone(),
        workdir: None,
        tty: true,
        stdin: true,
        cols: Some(cols),
        rows: Some(rows),
    };
    let shell = |name: &str| request(vec![name.to_owned(), "-l".to_owned()]);
    let handle = if argv.is_empty() {
        match exec(core, id, shell("/bin/bash"), "tty").await {
            Err(error) if error.code == ErrorCode::NotFound => exec(core, id, shell("/bin/sh"), "tty").await?,
            started => started?,
        }
    } else {
        exec(core, id, request(argv), "tty").await?
    };
    let tty = terminal(core, &handle.tty_id()).await?;
    let event = TtyOpened { pid: tty.pid, tty: tty.clone() };
    // A terminal does not outlive a power cut either.
    core.write(core.with_events(id, Change::new(), vec![event.into()]).relaxed(true)).await?;
    Ok(tty)
}

/// The terminals of an agent.
pub(crate) async fn terminals(core: &Core, id: &AgentId) -> Result<Vec<TtyInfo>, ApiError> {
    let info = core.info(id)?;
    let Ok(live) = core.running(id) else { return kept_terminal(core, id) };
    let reports = processes(&live).await?;
    let shown = reports.into_iter().filter_map(|report| {
        let (cols, rows) = report.terminal?;
        Some(TtyInfo {
            tty_id: TtyId::new(id, report.process),
            pid: info.number,
            cols,
            rows,
            title: report.argv.join(" "),
            opened_at: Timestamp::from_unix_millis(report.started_at),
            offset: report.stdout.1,
            oldest: report.stdout.0,
            closed: report.exited.is_some(),
        })
    });
    Ok(shown.collect())
}

/// The main terminal of an agent that does not take requests, from its log.
fn kept_terminal(core: &Core, id: &AgentId) -> Result<Vec<TtyInfo>, ApiError> {
    let info = core.info(id)?;
    let Program::Command(command) = &info.spec.program else { return Ok(Vec::new()) };
    let Some(opened_at) = info.started_at.filter(|_| command.tty) else { return Ok(Vec::new()) };
    Ok(vec![TtyInfo {
        tty_id: TtyId::new(id, MAIN),
        pid: info.number,
        cols: command.cols.unwrap_or(120),
        rows: command.rows.unwrap_or(36),
        title: command.argv.join(" "),
        opened_at,
        offset: core.log(id)?.next_offset(OutputStream::Stdout),
        oldest: 0,
        closed: info.state.is_dead(),
    }])
}

/// One terminal.
pub(crate) async fn terminal(core: &Core, tty: &TtyId) -> Result<TtyInfo, ApiError> {
    let found = terminals(core, &tty.parts().0).await?.into_iter().find(|info| &info.tty_id == tty);
    found.ok_or_else(|| ApiError::not_found(format!("there is no terminal {tty}"), "it was closed; open another one"))
}

/// Hangs a terminal up.
pub(crate) async fn close_tty(core: &Core, tty: &TtyId) -> Result<(), ApiError> {
    let (id, process) = tty.parts();
    let live = core.running(&id)?;
    signal(&live, process, SIGHUP).await?;
    let ended = live.init.ask(InitRequest::Wait { process });
    if process != MAIN && tokio::time::timeout(std::time::Duration::from_secs(2), ended).await.is_err() {
        signal(&live, process, SIGKILL).await?;
    }
    Ok(())
}

/// The main program of an agent.
pub(crate) fn main_process(core: &Core, id: &AgentId) -> Result<ProcessHandle, ApiError> {
    match core.info(id)?.spec.program {
        Program::Command(command) => Ok(ProcessHandle { agent: id.clone(), process: MAIN, tty: command.tty }),
        Program::Goal(_) => {
            let hint = "open a terminal in it (aether exec -it AGENT -- bash), or watch it (aether logs -f AGENT)";
            Err(ApiError::conflict("the agent works on a goal and has no program of its own to attach to", hint))
        }
    }
}

/// Any process of an agent.
pub(crate) async fn process(core: &Core, id: &AgentId, number: u32) -> Result<ProcessHandle, ApiError> {
    if number == MAIN
        && let Ok(main) = main_process(core, id)
    {
        return Ok(main);
    }
    let report = processes(&*core.running(id)?).await?.into_iter().find(|report| report.process == number);
    let report = report.ok_or_else(|| ApiError::not_found(format!("there is no process {id}.{number}"), "it has ended"))?;
    Ok(ProcessHandle { agent: id.clone(), process: number, tty: report.terminal.is_some() })
}

/// Follows output.
pub(crate) async fn attach(
    core: &Core,
    handle: &ProcessHandle,
    streams: Streams,
    from: StartAt,
    pace: Pace,
) -> Result<OutputReader, ApiError> {
    let main = handle.process == MAIN && main_process(core, &handle.agent).is_ok();
    let log = if main { Some(core.log(&handle.agent)?) } else { None };
    let live = core.sandbox(&handle.agent).filter(|_| core.running(&handle.agent).is_ok());
    if let Some(live) = live {
        let source = Source { process: handle.process, tty: handle.tty, log: log.clone() };
        let reader = OutputReader::live(&live.init, source, streams, from, pace).await;
        if main && pace == Pace::Hold {
            live.claim();
        }
        match reader {
            // It ended between the two looks: its log has everything.
            Err(_) if main => {}
            reader => return reader,
        }
    }
    match log {
        Some(log) => Ok(OutputReader::kept(log, handle.tty, streams, from, true)),
        None => core.running(&handle.agent).and(Err(ApiError::not_found("the process is gone", "start another one"))),
    }
}

/// Gives bytes to an input.
pub(crate) async fn write_input(core: &Arc<Core>, handle: &ProcessHandle, data: &[u8]) -> Result<(), ApiError> {
    let live = core.running(&handle.agent)?;
    if handle.tty {
        takeover::typed(core, &handle.agent, &live, handle.process);
    }
    for part in data.chunks(MAX_CHUNK) {
        live.init.ask(InitRequest::Write { process: handle.process, data: part.to_vec() }).await?;
    }
    Ok(())
}

/// Changes the size of a terminal.
pub(crate) async fn resize(core: &Core, handle: &ProcessHandle, cols: u16, rows: u16) -> Result<(), ApiError> {
    check_size(cols, rows)?;
    core.running(&handle.agent)?.init.ask(InitRequest::Resize { process: handle.process, cols, rows }).await?;
    if handle.process == MAIN {
        core.screens.resize(&handle.agent, cols, rows);
    }
    Ok(())
}

/// Signals a process group.
pub(crate) async fn signal(live: &Live, process: u32, signal: i32) -> Result<(), ApiError> {
    live.init.ask(InitRequest::Signal { process, signal, group: true }).await.map(drop)
}

/// Waits for the end of a process; of the main one until that is on record, and also after it.
pub(crate) async fn wait(core: &Core, handle: &ProcessHandle) -> Result<ExitInfo, ApiError> {
    if handle.process == MAIN && main_process(core, &handle.agent).is_ok() {
        return wait_agent(core, &handle.agent).await;
    }
    let waiting = async { core.running(&handle.agent)?.init.exchange(InitRequest::Wait { process: handle.process }).await };
    match waiting.await {
        Ok((InitReply::Exited(report), _)) => Ok(exit::of_report(report)),
        Ok((InitReply::Failed { errno, step }, _)) => Err(from_init(errno, &step)),
        // The sandbox ended, and every process of it with a SIGKILL.
        _ => Ok(exit::of_signal(SIGKILL, Some("the sandbox ended"))),
    }
}

/// Waits for the end of an agent.
pub(crate) async fn wait_agent(core: &Core, id: &AgentId) -> Result<ExitInfo, ApiError> {
    let mut ended = core.entry(id)?.ended.subscribe();
    tokio::select! {
        _ = ended.wait_for(|ended| *ended) => {}
        () = core.stopping.cancelled() => {
            return Err(away());
        }
    }
    core.info(id)?.exit.ok_or_else(|| ApiError::internal("the agent ended without an exit"))
}

pub(crate) async fn processes(live: &Live) -> Result<Vec<ProcessReport>, ApiError> {
    match live.init.ask(InitRequest::List).await? {
        InitReply::Processes(reports) => Ok(reports),
        other => Err(unexpected(&other)),
    }
}

fn check_size(cols: u16, rows: u16) -> Result<(u16, u16), ApiError> {
    if (2..=1000).contains(&cols) && (1..=500).contains(&rows) {
        return Ok((cols, rows));
    }
    Err(ApiError::invalid(format!("a terminal of {cols} x {rows} is out of range"), "give 2 to 1000 columns and 1 to 500 rows"))
}
