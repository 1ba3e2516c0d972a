//! `aether forward`

use std::{
    io::{self, ErrorKind, Write as _},
    net::Ipv4Addr,
    sync::Arc,
};

use clap::{Args, builder::NonEmptyStringValueParser};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use super::Context;
use crate::{
    client::{Client, agents::uri, tunnel::carry},
    failure::{Failure, plain},
    say,
};

/// Connections at a time.
const MOST: usize = 256;

/// Reach a port of an agent at 127.0.0.1 of this machine, until Ctrl-C
///
/// Examples:
///   aether forward web 8080:80
///   aether forward db 5432
///   aether forward web 0:80
///
/// Anything over TCP passes, a connection at a time for each that is made here. Port 0 takes one that is free; the first line
/// printed says which. Everybody on this machine can connect while it runs.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Forward {
    /// Agent
    #[arg(value_name = "A", value_parser = NonEmptyStringValueParser::new())]
    agent: String,
    /// Port of this machine, and port of the agent
    #[arg(value_name = "[LOCAL:]PORT", value_parser = parse)]
    ports: (u16, u16),
}

impl Forward {
    pub(crate) async fn run(self, context: &Context) -> Result<u8, Failure> {
        context.no_json("forward")?;
        let (local, remote) = self.ports;
        // Its id, so that another agent of this name later is not meant.
        let agent = context.client.agent(&self.agent).await?;
        if agent.state.is_dead() {
            let cause = format!("{} has ended", agent.name);
            return Err(aether_protocol::ApiError::conflict(cause, "start a new agent").into());
        }
        let mut signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, local)).await.map_err(|error| taken(local, remote, &error))?;
        let address = listener.local_addr()?;
        let mut out = io::stdout().lock();
        writeln!(out, "{address} -> {}:{remote}", agent.name)?;
        out.flush()?;
        drop(out);
        let client = Arc::new(Client::new(context.client.socket().to_owned(), context.client.patience()));
        let uri = uri(agent.id.as_str(), &format!("/ports/{remote}/connect"));
        let [interrupt, terminate, hangup] = &mut signals;
        tokio::select! {
            outcome = accept(&listener, client, uri) => outcome,
            _ = interrupt.recv() => Ok(0),
            _ = terminate.recv() => Ok(0),
            _ = hangup.recv() => Ok(0),
        }
    }
}

async fn accept(listener: &TcpListener, client: Arc<Client>, uri: String) -> Result<u8, Failure> {
    let places = Arc::new(tokio::sync::Semaphore::new(MOST));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(0) };
        let (stream, _) = listener.accept().await?;
        let (client, uri) = (client.clone(), uri.clone());
        drop(tokio::spawn(async move {
            let _place = place;
            // The one connection fails; the next may find its server started.
            if let Err(failure) = carry(&client, &uri, stream).await {
                say(&failure);
            }
        }));
    }
}

fn taken(local: u16, remote: u16, error: &io::Error) -> Failure {
    let cause = format!("cannot listen on 127.0.0.1:{local}: {}", plain(error).to_lowercase());
    let hint = match error.kind() {
        ErrorKind::AddrInUse => format!("choose another port, or 0 for any that is free: 0:{remote}"),
        ErrorKind::PermissionDenied => format!("ports below 1024 need root: choose another, for example 8080:{remote}"),
        _ => String::new(),
    };
    Failure::local(cause, hint)
}

fn parse(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("{text:?} is not [LOCAL:]PORT, for example 8080:80");
    let number = |text: &str| text.parse::<u16>().map_err(|_| wrong());
    let (local, remote) = match text.split_once(':') {
        Some((local, remote)) => (number(local)?, number(remote)?),
        None => (number(text)?, number(text)?),
    };
    if remote == 0 { Err("an agent has no port 0".to_owned()) } else { Ok((local, remote)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_read() {
        assert_eq!(parse("8080:80"), Ok((8080, 80)));
        assert_eq!(parse("80"), Ok((80, 80)));
        assert_eq!(parse("0:80"), Ok((0, 80)));
        for bad in ["", ":", "80:", ":80", "80:0", "0", "1:2:3", "65536", "-1", "web"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
