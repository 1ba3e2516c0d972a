//! The WebSocket of commands and events.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::api::testing::Served;

async fn connect(served: &Served) -> WebSocketStream<TcpStream> {
    let mut request = format!("ws://{}/kernel", served.address).into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("Authorization", format!("Bearer {}", served.token()).parse().unwrap());
    headers.insert("Origin", format!("http://{}", served.address).parse().unwrap());
    client_async(request, TcpStream::connect(served.address).await.unwrap()).await.unwrap().0
}

/// The next frame that is not a figure of the service.
async fn next(socket: &mut WebSocketStream<TcpStream>, waiting: &mut Vec<Value>) -> Value {
    loop {
        if !waiting.is_empty() {
            let value = waiting.remove(0);
            if value["type"] != "kernel.metrics" {
                return value;
            }
            continue;
        }
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            match serde_json::from_str(&text).unwrap() {
                Value::Array(values) => waiting.extend(values),
                value => waiting.push(value),
            }
        }
    }
}

#[tokio::test]
async fn greets_answers_and_survives_nonsense() {
    let served = Served::start().await;
    let mut socket = connect(&served).await;
    let mut waiting = Vec::new();
    let ready = next(&mut socket, &mut waiting).await;
    assert_eq!(ready["type"], "kernel.ready");
    assert!(ready["seq"].is_u64() && ready["version"].is_string());
    for (sent, kind, id, code) in [
        ("{nonsense", "response.error", "", "INVALID"),
        (r#"{"id":"1","type":"no.such"}"#, "response.error", "1", "INVALID"),
        (r#"{"id":"2","type":"tty.resize","ttyId":"nonsense","cols":80,"rows":24}"#, "response.error", "2", "INVALID"),
        (r#"{"id":"3","type":"tty.ack","ttyId":"a00000000000.1","offset":1}"#, "response.error", "3", "CONFLICT"),
        (r#"{"id":"4","type":"events.resume","seq":1000000}"#, "response.error", "4", "INVALID"),
    ] {
        socket.send(Message::Text(sent.into())).await.unwrap();
        let answer = next(&mut socket, &mut waiting).await;
        assert_eq!((answer["type"].as_str(), answer["id"].as_str()), (Some(kind), Some(id)), "{sent}");
        assert_eq!(answer["code"].as_str(), Some(code), "{sent}");
    }
    let listed = r#"[{"id":"5","type":"process.list"},{"id":"6","type":"process.getQueue"}]"#;
    socket.send(Message::Text(listed.into())).await.unwrap();
    for id in ["5", "6"] {
        let answer = next(&mut socket, &mut waiting).await;
        assert_eq!((answer["type"].as_str(), &answer["data"]), (Some("response.ok"), &Value::Array(Vec::new())));
        assert_eq!(answer["id"], id, "answers about the service keep their order");
    }
}

/// A value by chance, from a fixed seed.
fn some(seed: &mut u64, depth: u32) -> Value {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    let texts = ["", "x", "nobody", "-1", "* NEAR \"", "../..", "a\0b", "semantic", "once", "\u{202e}", "%s"];
    match *seed >> 8 & 15 {
        0 => Value::Null,
        1 => true.into(),
        2 => (-1).into(),
        3 => 0.into(),
        4 => u64::MAX.into(),
        5 => 1.5e300.into(),
        6 | 7 => 1.into(),
        8 if depth < 3 => (0..3).map(|_| some(seed, depth + 1)).collect(),
        9 | 10 if depth < 3 => {
            let fields = ["content", "layer", "tags", "importance", "tokens", "wallSecs", "type", "argv"];
            fields.iter().map(|field| ((*field).to_owned(), some(seed, depth + 1))).collect()
        }
        _ => texts[(*seed >> 20) as usize % texts.len()].into(),
    }
}

#[tokio::test]
async fn every_command_is_answered_whatever_its_fields_are() {
    use aether_protocol::command::Command;
    let served = Served::start().await;
    let mut socket = connect(&served).await;
    let (mut waiting, mut seed) = (Vec::new(), 0x5eed_u64);
    next(&mut socket, &mut waiting).await;
    let fields = [
        "pid",
        "memory",
        "query",
        "layer",
        "tags",
        "limit",
        "memoryId",
        "to",
        "step",
        "rating",
        "comment",
        "quota",
        "since",
        "tools",
        "allTools",
        "model",
        "reason",
        "approvalId",
        "decision",
        "path",
        "content",
        "priority",
        "signal",
        "ttyId",
        "seq",
    ];
    // These begin something that lasts, or end the service.
    let others = ["kernel.shutdown", "events.resume", "process.spawn"];
    for round in 0..40 {
        for name in Command::NAMES.iter().filter(|name| !others.contains(name)) {
            let id = format!("{name} {round}");
            let mut frame = serde_json::json!({"id": id, "type": name});
            for field in fields {
                let value = some(&mut seed, 0);
                if seed & 3 > 0 {
                    frame[field] = value;
                }
            }
            socket.send(Message::Text(frame.to_string().into())).await.unwrap();
            let answer = next(&mut socket, &mut waiting).await;
            assert_eq!(answer["id"].as_str(), Some(id.as_str()), "{frame}: {answer}");
            assert_ne!(answer["code"], "INTERNAL", "{frame}: {answer}");
            assert!(answer["type"] == "response.ok" || answer["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{answer}");
        }
    }
}

#[tokio::test]
async fn attaching_to_nobody_is_refused_before_the_upgrade() {
    let served = Served::start().await;
    let mut request = format!("ws://{}/api/v1/attach/nobody", served.address).into_client_request().unwrap();
    request.headers_mut().insert("Authorization", format!("Bearer {}", served.token()).parse().unwrap());
    let error = client_async(request, TcpStream::connect(served.address).await.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("HTTP error"), "{error}");
}
