//! Answers of any text and any calls, in each provider's words.

use aether_llm::Interface;
use serde_json::{Value, json};

use super::Script;

/// An answer with a text and calls, in pieces; all calls are whole before the last two.
pub(crate) fn turn(interface: Interface, text: &str, calls: &[(&str, Value)]) -> Script {
    let pieces = match interface {
        Interface::Chat => chat(text, calls),
        Interface::Responses => responses(text, calls),
        Interface::Anthropic => anthropic(text, calls),
        Interface::Gemini => gemini(text, calls),
        Interface::Ollama => ollama(text, calls),
    };
    Script { interface, pieces: pieces.iter().map(Value::to_string).collect() }
}

fn chat(text: &str, calls: &[(&str, Value)]) -> Vec<Value> {
    let part = |delta: Value| json!({"model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    let mut pieces = vec![part(json!({"role": "assistant", "content": ""})), part(json!({"content": text}))];
    for (i, (name, arguments)) in calls.iter().enumerate() {
        let arguments = arguments.to_string();
        let (begin, end) = arguments.split_at(1);
        let call = |value: Value| part(json!({"tool_calls": [value]}));
        pieces.push(call(json!({"index": i, "id": format!("id-{i}"), "type": "function",
            "function": {"name": name, "arguments": begin}})));
        pieces.push(call(json!({"index": i, "function": {"arguments": end}})));
    }
    pieces.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}));
    pieces.push(json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 5}}));
    pieces
}

fn responses(text: &str, calls: &[(&str, Value)]) -> Vec<Value> {
    let mut pieces = vec![
        json!({"type": "response.created", "response": {"status": "in_progress"}}),
        json!({"type": "response.output_text.delta", "output_index": 0, "delta": text}),
    ];
    for (i, (name, arguments)) in (1..).zip(calls) {
        let item = |kind: &str, arguments: &str| {
            json!({"type": format!("response.output_item.{kind}"), "output_index": i,
                "item": {"type": "function_call", "call_id": format!("id-{i}"), "name": name, "arguments": arguments}})
        };
        pieces.extend([item("added", ""), item("done", &arguments.to_string())]);
    }
    pieces.push(json!({"type": "response.output_text.done", "output_index": 0}));
    pieces.push(json!({"type": "response.completed", "response": {"status": "completed", "output": [],
        "usage": {"input_tokens": 9, "output_tokens": 5}}}));
    pieces
}

fn anthropic(text: &str, calls: &[(&str, Value)]) -> Vec<Value> {
    let start = |index: usize, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let mut pieces = vec![
        json!({"type": "message_start", "message": {"model": "m-1", "usage": {"input_tokens": 9, "output_tokens": 1}}}),
        start(0, json!({"type": "text", "text": ""})),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}),
    ];
    for (i, (name, arguments)) in (1..).zip(calls) {
        pieces.push(start(i, json!({"type": "tool_use", "id": format!("id-{i}"), "name": name, "input": {}})));
        pieces.push(json!({"type": "content_block_delta", "index": i,
            "delta": {"type": "input_json_delta", "partial_json": arguments.to_string()}}));
    }
    pieces.push(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}));
    pieces.push(json!({"type": "message_stop"}));
    pieces
}

fn gemini(text: &str, calls: &[(&str, Value)]) -> Vec<Value> {
    let parts = |parts: Value| json!({"modelVersion": "m-1", "candidates": [{"content": {"role": "model", "parts": parts}}]});
    let mut pieces = vec![parts(json!([{"text": text}]))];
    for (name, arguments) in calls {
        pieces.push(parts(json!([{"functionCall": {"name": name, "args": arguments}}])));
    }
    pieces.push(parts(json!([{"text": ""}])));
    pieces.push(json!({"candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 5}}));
    pieces
}

fn ollama(text: &str, calls: &[(&str, Value)]) -> Vec<Value> {
    let line = |message: Value| json!({"model": "m-1", "message": message, "done": false});
    let mut pieces = vec![line(json!({"role": "assistant", "content": text}))];
    for (name, arguments) in calls {
        let call = json!({"function": {"name": name, "arguments": arguments}});
        pieces.push(line(json!({"role": "assistant", "content": "", "tool_calls": [call]})));
    }
    pieces.push(line(json!({"role": "assistant", "content": ""})));
    pieces.push(json!({"model": "m-1", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": "stop",
        "prompt_eval_count": 9, "eval_count": 5}));
    pieces
}
