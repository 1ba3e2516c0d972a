//! Frames from the client as commands.

use std::sync::Arc;

use aether_protocol::{
    ApiError, CommandEnvelope, Response,
    command::{Command, ResponseError, ResponseOk},
};
use serde_json::Value;

use crate::{api::body, fleet::Shown};

/// Commands in one frame at most.
const BATCH: usize = 1000;

/// The commands in a text frame, each as it is or as the error to answer.
pub(crate) fn parse(text: &str) -> Vec<Result<CommandEnvelope, Response>> {
    if !text.trim_start().starts_with('[') {
        return vec![body::parse(text.as_bytes()).map_err(|error| refuse(id_of(text), error))];
    }
    match body::parse::<Vec<Value>>(text.as_bytes()) {
        Ok(values) if values.len() > BATCH => {
            vec![Err(refuse(
                String::new(),
                ApiError::invalid(format!("more than {BATCH} commands in a frame"), "send several frames"),
            ))]
        }
        Ok(values) => values.into_iter().map(one).collect(),
        Err(error) => vec![Err(refuse(String::new(), error))],
    }
}

/// The answer to a command.
pub(crate) fn answer(id: String, result: Result<Value, ApiError>) -> Response {
    match result {
        Ok(data) => Response::Ok(ResponseOk { id, data }),
        Err(error) => refuse(id, error),
    }
}

/// The answer to a list: each agent's JSON as it is at hand.
pub(crate) async fn listed(id: &str, agents: Vec<Arc<Shown>>) -> String {
    let mut text = format!(r#"{{"type":"response.ok","id":{},"data":["#, Value::from(id));
    for (agent, before) in agents.iter().zip(std::iter::once("").chain(std::iter::repeat(","))) {
        text.push_str(before);
        text.push_str(agent.json());
        tokio::task::consume_budget().await;
    }
    text.push_str("]}");
    text
}

fn one(value: Value) -> Result<CommandEnvelope, Response> {
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    serde_json::from_value(value).map_err(|error: serde_json::Error| {
        let hint = format!("the commands are {}", Command::NAMES.join(", "));
        refuse(id, ApiError::invalid(format!("invalid command: {error}"), hint))
    })
}

/// A command that is refused may still say which one it is.
fn id_of(text: &str) -> String {
    let value = serde_json::from_str::<Value>(text).unwrap_or_default();
    value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn refuse(id: String, error: ApiError) -> Response {
    Response::Error(ResponseError { id, error: error.message, code: error.code, hint: error.hint })
}

#[cfg(test)]
mod tests {
    use aether_protocol::ErrorCode;

    use super::*;

    fn error(result: &Result<CommandEnvelope, Response>) -> &ResponseError {
        match result {
            Err(Response::Error(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn reads_one_or_several() {
        let one = parse(r#"{"id":"1","type":"process.info","pid":"builder"}"#);
        assert_eq!(one[0].as_ref().unwrap().command.name(), "process.info");
        let several = parse(r#"[{"id":"1","type":"process.list"},{"id":"2","type":"nothing"}]"#);
        assert_eq!(several[0].as_ref().unwrap().id, "1");
        assert_eq!(error(&several[1]).id, "2");
    }

    #[test]
    fn what_it_cannot_read_is_answered() {
        for (text, id) in
            [("{", ""), ("", ""), ("\"x\"", ""), (r#"{"id":"7","type":"nothing"}"#, "7"), (r#"{"type":"process.list"}"#, "")]
        {
            let answers = parse(text);
            let error = error(&answers[0]);
            assert_eq!((error.id.as_str(), error.code), (id, ErrorCode::Invalid), "{text}");
            assert!(!error.error.is_empty() && !error.hint.is_empty());
        }
    }
}
