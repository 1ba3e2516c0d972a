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

#[tokio::test]
async fn attaching_to_nobody_is_refused_before_the_upgrade() {
    let served = Served::start().await;
    let mut request = format!("ws://{}/api/v1/attach/nobody", served.address).into_client_request().unwrap();
    request.headers_mut().insert("Authorization", format!("Bearer {}", served.token()).parse().unwrap());
    let error = client_async(request, TcpStream::connect(served.address).await.unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("HTTP error"), "{error}");
}
