//! What a hostile agent, or a hostile provider, may try with the gateway.
#![forbid(unsafe_code)]

mod common;

use aether_gateway::Alarm;
use aether_protocol::ModelProvider;
use common::{Act, CANARY, FOREIGN, OWN, answer, bench, bench_with, post, stream};

const PATH: &str = "/openai/v1/chat/completions";
const GOOD: &str = r#"{"choices":[],"usage":{"prompt_tokens":40,"completion_tokens":60}}"#;

#[tokio::test]
async fn another_agents_placeholder_is_refused_and_alarmed() {
    for header in
        [format!("Authorization: Bearer {FOREIGN}"), format!("x-api-key: {FOREIGN}"), format!("x-goog-api-key: {FOREIGN}")]
    {
        let bench = bench(vec![answer("200 OK", "application/json", GOOD)]).await;
        let got = bench.raw(&post(PATH, &header, "{}")).await;
        assert!(got.starts_with("HTTP/1.1 401"), "{got}");
        assert_eq!((bench.alarms(), bench.asked().len()), (vec![Alarm::ForeignPlaceholder], 0));
        // The same with its own goes through.
        assert!(bench.raw(&post(PATH, &header.replace(FOREIGN, OWN), "{}")).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn an_agent_brings_no_key_of_its_own() {
    let bench = bench(vec![]).await;
    let got = bench.raw(&post(PATH, "Authorization: Bearer sk-mine", "{}")).await;
    assert!(got.starts_with("HTTP/1.1 401") && got.contains("placeholder"), "{got}");
}

#[tokio::test]
async fn nothing_but_the_granted_provider_and_its_offered_paths() {
    let bench = bench(vec![]).await;
    bench.notes.not_lent.lock().expect("lock").push(ModelProvider::Openai);
    let got = bench.post(PATH, "{}").await;
    assert!(got.starts_with("HTTP/1.1 403") && got.contains("--models openai"), "{got}");
    for path in ["/anthropic/v1/files", "/anthropic/v1/organizations/me", "/ollama/api/pull"] {
        assert!(bench.post(path, "{}").await.starts_with("HTTP/1.1 404"), "{path}");
    }
    let crafted = bench.post("/anthropic/v1/messages/..%2f..%2ffiles", "{}").await;
    assert!(crafted.starts_with("HTTP/1.1 400"), "{crafted}");
    assert_eq!(bench.alarms(), [Alarm::NotGranted, Alarm::CraftedPath]);
    assert_eq!(bench.asked().len(), 0);
}

#[tokio::test]
async fn the_request_cannot_name_another_host() {
    let bench = bench(vec![answer("200 OK", "application/json", GOOD)]).await;
    let absolute = post(&format!("http://evil.test{PATH}"), &format!("Authorization: Bearer {OWN}"), "{}");
    assert!(bench.raw(&absolute).await.starts_with("HTTP/1.1 421"));
    // `Host` decides nothing, and nothing that says where it comes from goes out.
    let header = format!(
        "Authorization: Bearer {OWN}\r\nX-Forwarded-Host: evil.test\r\nForwarded: host=evil.test\r\nCookie: a=b\r\nOpenAI-Organization: org-x"
    );
    let request = post(PATH, &header, "{}").replace("Host: gateway.aether.internal", "Host: evil.test");
    assert!(bench.raw(&request).await.starts_with("HTTP/1.1 200"));
    let asked = bench.asked().remove(0).to_ascii_lowercase();
    for stays in ["evil", "cookie", "forwarded", "organization"] {
        assert!(!asked.contains(stays), "{stays}: {asked}");
    }
    assert!(asked.contains("host: 127.0.0.1") && asked.contains("accept-encoding: identity"), "{asked}");
}

#[tokio::test]
async fn two_ways_to_say_the_length_are_one_refusal() {
    let bench = bench(vec![]).await;
    let smuggled =
        format!("POST {PATH} HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\nContent-Length: 44\r\nConnection: close\r\n\r\n{{}}");
    assert!(bench.raw(&smuggled).await.starts_with("HTTP/1.1 400"));
    assert_eq!(bench.asked().len(), 0);
}

#[tokio::test]
async fn the_key_never_comes_in_with_an_answer() {
    let body = format!("{{\"echo\":\"Bearer {CANARY}\"}}");
    let mut acts = answer("401 Unauthorized", "application/json", &body);
    if let Act::Send(bytes) = &mut acts[0] {
        let text = String::from_utf8_lossy(bytes)
            .replace("Connection:", &format!("X-Echo: {CANARY}\r\nOpenAI-Organization: org-ours\r\nConnection:"));
        *bytes = text.into_bytes();
    }
    let (first, second) = CANARY.split_at(9);
    let cut = [format!("data: {{\"a\":\"{first}"), format!("{second}\"}}\n\n")];
    let streamed = stream("text/event-stream", &[&cut[0], &cut[1]], true);
    let bench = bench(vec![acts, streamed]).await;
    for _ in 0..2 {
        let got = bench.post(PATH, r#"{"stream":true,"stream_options":{"include_usage":true}}"#).await;
        assert!(!got.contains("canary") && !got.contains("org-ours") && got.contains("****"), "{got}");
    }
    assert_eq!(bench.alarms(), [Alarm::KeyInAnswer, Alarm::KeyInAnswer]);
}

#[tokio::test]
async fn a_redirect_carries_no_key_away_and_a_packed_answer_stays_outside() {
    let away = b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:1/steal\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\nxx".to_vec();
    let bench = bench(vec![vec![Act::Send(away)], vec![Act::Send(packed)]]).await;
    for cause in ["redirects", "packs"] {
        let got = bench.post(PATH, "{}").await;
        assert!(got.starts_with("HTTP/1.1 502") && got.contains(cause) && !got.contains("steal"), "{got}");
    }
    assert_eq!(bench.asked().len(), 2);
}

#[tokio::test]
async fn a_budget_is_overrun_by_one_call_at_most() {
    let bench = bench(vec![answer("200 OK", "application/json", GOOD); 100]).await;
    *bench.notes.budget.lock().expect("lock") = Some(450);
    let calls = (0..100).map(|_| bench.post("/openai/v1/responses", r#"{"model":"m"}"#));
    let answers = futures_util::future::join_all(calls).await;
    let good = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 200")).count();
    let spent = answers.iter().filter(|answer| answer.starts_with("HTTP/1.1 403") && answer.contains("450 tokens")).count();
    assert_eq!((good, spent, bench.asked().len()), (5, 95, 5));
    assert_eq!(bench.notes.used.lock().expect("lock").len(), 5, "the key was used for what went out");
}

#[tokio::test]
async fn requests_are_bounded() {
    let bench = bench_with(vec![], |settings| settings.max_request = 1024).await;
    assert!(bench.post(PATH, &"x".repeat(2000)).await.starts_with("HTTP/1.1 413"));
    let chunked = format!(
        "POST {PATH} HTTP/1.1\r\nHost: g\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n",
        "x".repeat(2000)
    );
    assert!(bench.raw(&chunked).await.starts_with("HTTP/1.1 413"));
    assert_eq!(bench.asked().len(), 0);
}

#[tokio::test]
async fn a_granted_host_gets_the_secret_for_the_granted_request_only() {
    let echo = answer("200 OK", "text/plain", "fine");
    let bench = bench(vec![echo]).await;
    let get = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: g\r\nAuthorization: token {OWN}\r\nX-Forwarded-For: 1.2.3.4\r\nConnection: close\r\n\r\n"
        )
    };
    let got = bench.raw(&get("/to/api.test/repos/me?page=2")).await;
    assert!(got.starts_with("HTTP/1.1 200") && got.ends_with("fine"), "{got}");
    let asked = bench.asked().remove(0);
    assert!(asked.starts_with("GET /repos/me?page=2 HTTP/1.1") && asked.contains(&format!("Bearer {CANARY}")), "{asked}");
    assert!(!asked.contains("placeholder") && !asked.contains("1.2.3.4"), "{asked}");
    for path in ["/to/api.test/admin", "/to/evil.test/repos/me", "/to/api.test@evil.test/repos/me", "/to/api.test:81/repos/me"] {
        assert!(bench.raw(&get(path)).await.starts_with("HTTP/1.1 403"), "{path}");
    }
    let foreign = get("/to/api.test/repos/me").replace(OWN, FOREIGN);
    assert!(bench.raw(&foreign).await.starts_with("HTTP/1.1 401"));
    assert_eq!(bench.asked().len(), 1);
    assert!(bench.alarms().contains(&Alarm::ForeignPlaceholder) && bench.alarms().contains(&Alarm::NotGranted));
}

#[tokio::test]
async fn a_granted_name_that_leads_home_is_not_followed() {
    let bench = bench(vec![]).await;
    let get = "GET /to/localhost/repos/me HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n";
    let got = bench.raw(get).await;
    assert!(got.starts_with("HTTP/1.1 403") && got.contains("no agent may reach"), "{got}");
}

#[tokio::test]
async fn without_a_key_the_fix_is_said() {
    let bench = bench(vec![]).await;
    *bench.notes.keyless.lock().expect("lock") = true;
    let got = bench.post(PATH, "{}").await;
    assert!(got.starts_with("HTTP/1.1 403") && got.contains("aether secret set OPENAI_API_KEY"), "{got}");
}
