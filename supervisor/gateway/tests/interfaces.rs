//! Every interface, answered at once and streamed, and what providers do wrong.
#![forbid(unsafe_code)]

mod common;

use std::time::Duration;

use common::{Act, CANARY, answer, bench, bench_with, stream};

const EVENTS: &str = "text/event-stream";

/// The key goes out in its place, and nothing of it comes in; tokens are counted.
async fn whole(path: &str, body: &str, reply: &str, out: &str, key: &str, tokens: (u64, u64)) {
    let bench = bench(vec![answer("200 OK", "application/json", reply)]).await;
    let got = bench.post(path, body).await;
    assert!(got.starts_with("HTTP/1.1 200") && got.ends_with(reply), "{got}");
    let asked = bench.asked().remove(0);
    assert!(asked.starts_with(&format!("POST {out} HTTP/1.1\r\n")), "{asked}");
    assert!(asked.contains(key) && !asked.contains("placeholder"), "{asked}");
    let call = bench.only_call();
    assert_eq!(
        (call.usage.input_tokens, call.usage.output_tokens, call.usage.failed, call.usage.step),
        (tokens.0, tokens.1, 0, 3)
    );
}

#[tokio::test]
async fn openai_anthropic_gemini_and_ollama_answer_at_once() {
    let chat = r#"{"choices":[{"message":{"content":"hi"}}],"usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
    let bearer = format!("authorization: Bearer {CANARY}");
    whole("/openai/v1/chat/completions", r#"{"model":"m"}"#, chat, "/v1/chat/completions", &bearer, (9, 2)).await;
    let responses = r#"{"output":[],"usage":{"input_tokens":7,"output_tokens":3}}"#;
    whole("/openai/v1/responses", r#"{"model":"m"}"#, responses, "/v1/responses", &bearer, (7, 3)).await;
    let message = r#"{"content":[],"usage":{"input_tokens":5,"output_tokens":4}}"#;
    whole("/anthropic/v1/messages", r#"{"model":"m"}"#, message, "/v1/messages", &format!("x-api-key: {CANARY}"), (5, 4)).await;
    let gemini = r#"{"candidates":[],"usageMetadata":{"promptTokenCount":6,"candidatesTokenCount":1}}"#;
    let path = "/v1beta/models/g:generateContent";
    whole(&format!("/gemini{path}"), "{}", gemini, path, &format!("x-goog-api-key: {CANARY}"), (6, 1)).await;
    let ollama = r#"{"message":{},"done":true,"prompt_eval_count":8,"eval_count":2}"#;
    whole("/ollama/api/chat", r#"{"model":"m","stream":false}"#, ollama, "/api/chat", &bearer, (8, 2)).await;
}

#[tokio::test]
async fn a_stream_goes_through_piece_by_piece_and_the_added_report_stays_outside() {
    let chunks = [
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":4,\"completion_tokens\":1}}\n\n",
        "data: [DONE]\n\n",
    ];
    let bench = bench(vec![stream(EVENTS, &chunks, true)]).await;
    let got = bench.post("/openai/v1/chat/completions", r#"{"model":"m","stream":true}"#).await;
    assert!(got.contains("\"delta\"") && got.contains("[DONE]") && !got.contains("prompt_tokens"), "{got}");
    assert!(got.ends_with("0\r\n\r\n"), "the end is marked: {got}");
    assert!(bench.asked()[0].contains(r#"{"stream_options":{"include_usage":true},"model":"m","stream":true}"#));
    let call = bench.only_call();
    assert_eq!((call.usage.input_tokens, call.usage.output_tokens, call.usage.failed), (4, 1, 0));
    assert_eq!(call.usage.model, "m");
}

#[tokio::test]
async fn refusals_of_the_provider_come_through_as_they_are() {
    for (status, header) in
        [("429 Too Many Requests", "Retry-After: 7\r\n"), ("503 Service Unavailable", ""), ("529 Overloaded", "")]
    {
        let body = r#"{"error":{"message":"no"}}"#;
        let text = format!("HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
        let bench = bench(vec![vec![Act::Send(text.into_bytes())]]).await;
        let got = bench.post("/anthropic/v1/messages", r#"{"model":"m"}"#).await;
        assert!(got.starts_with(&format!("HTTP/1.1 {}", &status[..3])) && got.ends_with(body), "{got}");
        assert_eq!(got.to_ascii_lowercase().contains("retry-after: 7"), !header.is_empty(), "{got}");
        let call = bench.only_call();
        assert_eq!((call.usage.failed, call.usage.input_tokens, bench.asked().len()), (1, 0, 1), "asked once");
    }
}

#[tokio::test]
async fn a_cut_stream_is_cut_for_the_program_too_and_counted_by_its_size() {
    let chunk = format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{}\"}}}}]}}\n\n", "x".repeat(400));
    let bench = bench(vec![stream(EVENTS, &[&chunk], false)]).await;
    let got = bench.post("/openai/v1/chat/completions", r#"{"model":"m","stream":true}"#).await;
    assert!(got.contains("xxxx") && !got.ends_with("0\r\n\r\n"), "{got}");
    let call = bench.only_call();
    assert_eq!(call.usage.failed, 1);
    assert!(call.usage.output_tokens >= 100, "hanging up early hides nothing: {call:?}");
}

#[tokio::test]
async fn a_malformed_answer_comes_through_and_counts_as_failed() {
    let bench = bench(vec![answer("200 OK", "application/json", "<html>oops")]).await;
    assert!(bench.post("/openai/v1/responses", "{}").await.ends_with("<html>oops"));
    assert_eq!(bench.only_call().usage.failed, 1);
}

#[tokio::test]
async fn silence_ends_before_and_within_an_answer() {
    let quick = |settings: &mut aether_gateway::Settings| {
        settings.first_byte = Duration::from_millis(100);
        settings.idle = Duration::from_millis(100);
    };
    let before = bench_with(vec![vec![Act::Stall]], quick).await;
    let got = before.post("/gemini/v1beta/models/g:generateContent", "{}").await;
    assert!(got.starts_with("HTTP/1.1 504") && got.contains("DEADLINE_EXCEEDED"), "{got}");

    let mut script = stream(EVENTS, &["data: {}\n\n"], false);
    script.push(Act::Stall);
    let within = bench_with(vec![script], quick).await;
    let got = within.post("/anthropic/v1/messages", r#"{"stream":true}"#).await;
    assert!(got.contains("data: {}") && !got.ends_with("0\r\n\r\n"), "{got}");
    assert_eq!(within.only_call().usage.failed, 1);
}

#[tokio::test]
async fn a_provider_that_cannot_be_reached_is_said_so() {
    // The listener is gone once its scripts are played.
    let bench = bench(vec![]).await;
    tokio::task::yield_now().await;
    let got = bench.post("/ollama/api/chat", r#"{"model":"m"}"#).await;
    assert!(got.starts_with("HTTP/1.1 502") && got.contains("cannot be reached (tried 2 times)"), "{got}");
    assert_eq!((bench.only_call().status, bench.only_call().usage.failed), (0, 1));
}
