//! A server that plays back bytes: each connection gets the next script, whatever it asks.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// What to do on one connection, after the request was read.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// Send these bytes at once.
    Send(Vec<u8>),
    /// Say nothing more and keep the connection open.
    Stall,
}

pub(crate) struct Server {
    pub(crate) url: String,
    /// Every request: head and body as text.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// Told when a client went away while the server stalled.
    pub(crate) gone: Arc<tokio::sync::Notify>,
}

impl Server {
    pub(crate) async fn play(scripts: Vec<Vec<Act>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
        let url = format!("http://{}/v1/", listener.local_addr().expect("address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let gone = Arc::new(tokio::sync::Notify::new());
        let (log, bell) = (requests.clone(), gone.clone());
        tokio::spawn(async move {
            for script in scripts {
                let (mut socket, _) = listener.accept().await.expect("accept");
                let request = read_request(&mut socket).await;
                log.lock().expect("lock").push(request);
                let bell = bell.clone();
                tokio::spawn(async move {
                    for act in script {
                        match act {
                            Act::Send(bytes) => {
                                let _ = socket.write_all(&bytes).await;
                                let _ = socket.flush().await;
                                // Lets the reader take this chunk before the next one is written.
                                for _ in 0..20 {
                                    tokio::task::yield_now().await;
                                }
                            }
                            Act::Stall => {
                                let mut rest = [0; 64];
                                while socket.read(&mut rest).await.is_ok_and(|n| n > 0) {}
                                bell.notify_one();
                            }
                        }
                    }
                    let _ = socket.shutdown().await;
                });
            }
        });
        Self { url, requests, gone }
    }
}

async fn read_request(socket: &mut tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = socket.read(&mut part).await.expect("read");
        bytes.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let length = text.lines().find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        if let (Some((_, body)), Some(length)) = (text.split_once("\r\n\r\n"), length)
            && body.len() >= length
        {
            return text;
        }
        assert!(n > 0, "the request ended early: {text}");
    }
}

/// A whole answer with a status, more headers and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::Send(
        format!("HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}").into_bytes(),
    )]
}

/// The head of a stream that ends with the connection.
pub(crate) fn stream_head() -> Act {
    Act::Send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n".to_vec())
}

/// A stream of `data:` lines, cut into chunks of `size` bytes.
pub(crate) fn stream(data: &[&str], size: usize) -> Vec<Act> {
    let text: String = data.iter().map(|d| format!("data: {d}\n\n")).collect();
    let mut acts = vec![stream_head()];
    acts.extend(text.as_bytes().chunks(size).map(|c| Act::Send(c.to_vec())));
    acts
}
