//! One conversation in the format of each provider: what is asked, and that the answers come to the same.

mod common;

use std::{sync::Arc, time::Duration};

use aether_llm::{
    Completion, CompletionRequest, Delta, Embedder, Embedding, Endpoint, Image, Interface, Message, Provider, Remote, Secret,
    Sight, StopReason, TokenUsage, ToolCall, ToolSpec,
};
use common::{Act, Server, answer, scripts, stream_of};
use serde_json::{Value, json};

fn remote(interface: Interface, url: &str, images: bool) -> Remote {
    let endpoint = Endpoint::new(interface.name(), interface, url, Some(Secret::new("sk-secret")), "m");
    Remote::new(Endpoint { images: Sight::Said(images), ..endpoint }).expect("provider")
}

/// A conversation with everything in it: rules, images of a person and of a tool, two calls in one turn, and a call whose id no
/// provider would take.
fn conversation() -> CompletionRequest {
    let image = Image { media_type: "image/png".into(), data: b"PNG".to_vec() };
    let call = |id: &str, path: &str| ToolCall { id: id.into(), name: "look".into(), arguments: json!({"path": path}) };
    CompletionRequest {
        model: Some("other/model".into()),
        messages: vec![
            Message::system("rules"),
            Message::User { text: "hi".into(), images: vec![image.clone()] },
            Message::Assistant { text: "I look.".into(), calls: vec![call("c1", "/"), call("far too odd: ü|sig", "/x")] },
            Message::tool("c1", "look", "nothing"),
            Message::Tool {
                call_id: "far too odd: ü|sig".into(),
                name: "look".into(),
                text: "a picture".into(),
                images: vec![image],
            },
            Message::user("go on"),
        ],
        tools: vec![ToolSpec { name: "look".into(), description: "looks".into(), parameters: json!({"type": "object"}) }.into()],
        max_tokens: Some(9),
    }
}

async fn asked(interface: Interface, images: bool) -> (String, Value) {
    let server = Server::play(vec![scripts(interface).answer(1000)]).await;
    remote(interface, &server.url, images).complete(conversation(), &mut |_| ()).await.expect("answer");
    let sent = server.requests.lock().expect("lock")[0].clone();
    let (head, body) = sent.split_once("\r\n\r\n").expect("body");
    (head.to_owned(), serde_json::from_str(body).expect("json"))
}

#[tokio::test]
async fn the_same_answer_comes_out_of_every_format() {
    for interface in Interface::ALL {
        for size in [1, 5, 333, 100_000] {
            let server = Server::play(vec![scripts(interface).answer(size)]).await;
            let mut deltas = Vec::new();
            let answer = remote(interface, &server.url, false).complete(conversation(), &mut |delta| deltas.push(delta)).await;
            let answer = answer.expect("answer");
            let calls: Vec<_> = answer.calls.iter().map(|call| (call.name.as_str(), call.arguments.clone())).collect();
            let expected = [("look", json!({"path": "/ä/😀"})), ("think", json!({})), ("look", json!({"path": "b", "n": 2}))];
            assert_eq!(calls, expected, "{interface:?} in chunks of {size}");
            let mut ids: Vec<_> = answer.calls.iter().map(|call| call.id.as_str()).collect();
            ids.sort_unstable();
            ids.dedup();
            assert!(ids.len() == 3 && ids.iter().all(|id| !id.is_empty()), "{ids:?}");
            let TokenUsage { input, output, cached, .. } = answer.usage.expect("usage");
            assert_eq!((input, output, cached), (1011, 25, 800), "{interface:?}");
            let same = Completion { calls: Vec::new(), usage: None, ..answer };
            let expected = Completion {
                text: "Grüße, 世界 😀".into(),
                stop: StopReason::Calls,
                provider: interface.name().into(),
                ..Completion::new("m-1")
            };
            assert_eq!(same, expected, "{interface:?}");
            assert_eq!(deltas.iter().filter(|delta| matches!(delta, Delta::Call(_))).count(), 3, "{interface:?}");
            let text: String =
                deltas.iter().filter_map(|d| if let Delta::Text(text) = d { Some(text.as_str()) } else { None }).collect();
            assert_eq!(text, "Grüße, 世界 😀");
        }
    }
}

#[tokio::test]
async fn an_answer_in_one_piece_is_understood() {
    for interface in Interface::ALL {
        let body = scripts(interface).whole().to_string();
        let server = Server::play(vec![answer("200 OK", "content-type: application/json\r\n", &body)]).await;
        let answer = remote(interface, &server.url, false).complete(conversation(), &mut |_| ()).await.expect("answer");
        assert_eq!((answer.text.as_str(), &answer.stop), ("hello", &StopReason::Calls), "{interface:?}");
        assert_eq!(answer.calls[0].arguments, json!({"path": "/"}), "{interface:?}");
        assert_eq!(answer.usage.map(|used| (used.input, used.output)), Some((7, 3)), "{interface:?}");
    }
}

#[tokio::test]
async fn the_rest_of_a_turn_can_be_sent_back() {
    for interface in Interface::ALL {
        let server = Server::play(vec![scripts(interface).answer(64), scripts(interface).answer(64)]).await;
        let provider = remote(interface, &server.url, false);
        let mut request = conversation();
        let first = provider.complete(request.clone(), &mut |_| ()).await.expect("answer");
        request.messages.push(Message::Assistant { text: first.text.clone(), calls: first.calls.clone() });
        request.messages.extend(first.calls.iter().map(|call| Message::tool(&call.id, &call.name, "done")));
        provider.complete(request, &mut |_| ()).await.expect("second answer");
        let sent = server.requests.lock().expect("lock")[1].clone();
        if interface == Interface::Gemini {
            assert!(sent.contains(r#""thoughtSignature":"c2lnbmVk""#), "the signature goes back: {sent}");
            assert!(sent.contains(r#""id":"g-1""#) && !sent.contains("g-1|"), "{sent}");
            assert!(!sent.contains("call_") || !sent.contains("~"), "what was made up stays here: {sent}");
        } else if interface != Interface::Ollama {
            assert_eq!(sent.matches("\"id-b\"").count(), 2, "{interface:?}: call and result are tied: {sent}");
        }
    }
}

#[tokio::test]
async fn chat_is_asked_in_its_form() {
    let (head, body) = asked(Interface::Chat, true).await;
    assert!(
        head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n") && head.contains("authorization: Bearer sk-secret"),
        "{head}"
    );
    assert_eq!((&body["model"], &body["max_completion_tokens"]), (&json!("other/model"), &json!(9)));
    assert_eq!(
        body["messages"][1]["content"][1],
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}})
    );
    let calls = &body["messages"][2]["tool_calls"];
    assert_eq!(calls[0]["function"], json!({"name": "look", "arguments": "{\"path\":\"/\"}"}));
    assert_eq!(calls[1]["id"], body["messages"][4]["tool_call_id"], "an id that it would refuse is replaced on both sides");
    assert_eq!(body["messages"][4]["content"], "a picture");
    assert_eq!(body["messages"][5]["content"][0]["text"], "The images that look returned:");
    assert_eq!(body["messages"][6], json!({"role": "user", "content": "go on"}));
}

#[tokio::test]
async fn responses_are_asked_in_their_form() {
    let (head, body) = asked(Interface::Responses, true).await;
    assert!(head.starts_with("POST /v1/responses HTTP/1.1\r\n"), "{head}");
    assert_eq!((&body["instructions"], &body["store"]), (&json!("rules"), &json!(false)));
    assert_eq!(body["input"][0]["content"][1], json!({"type": "input_image", "image_url": "data:image/png;base64,UE5H"}));
    assert_eq!(body["input"][1], json!({"role": "assistant", "content": [{"type": "output_text", "text": "I look."}]}));
    assert_eq!(body["input"][2]["type"], "function_call");
    assert_eq!(body["input"][3]["call_id"], body["input"][5]["call_id"]);
    assert_eq!(body["input"][4], json!({"type": "function_call_output", "call_id": "c1", "output": "nothing"}));
}

#[tokio::test]
async fn anthropic_is_asked_in_its_form_and_caches() {
    let (head, body) = asked(Interface::Anthropic, true).await;
    assert!(head.starts_with("POST /v1/v1/messages HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x-api-key: sk-secret") && head.contains("anthropic-version: 2023-06-01"), "{head}");
    let ephemeral = json!({"type": "ephemeral"});
    assert_eq!(body["system"], json!([{"type": "text", "text": "rules", "cache_control": ephemeral}]));
    assert_eq!(body["tools"][0]["cache_control"], ephemeral);
    let messages = body["messages"].as_array().expect("messages");
    let roles: Vec<_> = messages.iter().map(|message| message["role"].as_str().expect("role")).collect();
    assert_eq!(roles, ["user", "assistant", "user"], "they take turns");
    let last = messages[2]["content"].as_array().expect("blocks");
    assert_eq!(
        last.iter().map(|b| b["type"].as_str().expect("type")).collect::<Vec<_>>(),
        ["tool_result", "tool_result", "text"]
    );
    assert_eq!(last[1]["content"][1]["source"], json!({"type": "base64", "media_type": "image/png", "data": "UE5H"}));
    assert_eq!((&last[2]["cache_control"], body.to_string().matches("cache_control").count()), (&ephemeral, 3));
    assert_eq!(messages[1]["content"][2]["id"], last[1]["tool_use_id"]);
}

#[tokio::test]
async fn gemini_is_asked_in_its_form() {
    let (head, body) = asked(Interface::Gemini, true).await;
    assert!(head.starts_with("POST /v1/v1beta/models/other%2Fmodel:streamGenerateContent?alt=sse HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("x-goog-api-key: sk-secret") && !head.contains("key=sk"), "{head}");
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "rules"}]}));
    assert_eq!(body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"], json!({"type": "object"}));
    let contents = body["contents"].as_array().expect("contents");
    assert_eq!(contents.len(), 3);
    assert_eq!(contents[1]["parts"][1]["thoughtSignature"], "skip_thought_signature_validator", "another provider's call");
    assert_eq!(contents[2]["parts"][0], json!({"functionResponse": {"name": "look", "response": {"result": "nothing"}}}));
    assert_eq!(contents[2]["parts"][2], json!({"inlineData": {"mimeType": "image/png", "data": "UE5H"}}));
    assert_eq!(body["generationConfig"], json!({"maxOutputTokens": 9}));
}

#[tokio::test]
async fn ollama_is_asked_in_its_form() {
    let (head, body) = asked(Interface::Ollama, true).await;
    assert!(head.starts_with("POST /v1/api/chat HTTP/1.1\r\n"), "{head}");
    assert_eq!(body["messages"][1], json!({"role": "user", "content": "hi", "images": ["UE5H"]}));
    assert_eq!(body["messages"][2]["tool_calls"][0], json!({"function": {"name": "look", "arguments": {"path": "/"}}}));
    assert_eq!(body["messages"][3], json!({"role": "tool", "tool_name": "look", "content": "nothing"}));
    assert_eq!(body["options"], json!({"num_predict": 9}));
}

#[tokio::test]
async fn a_model_that_cannot_see_is_told_what_there_is() {
    for interface in Interface::ALL {
        let (_, body) = asked(interface, false).await;
        let text = body.to_string();
        assert!(!text.contains("UE5H"), "{interface:?}: {text}");
        assert_eq!(
            text.matches("[an image (image/png, 3 bytes) that this model cannot see]").count(),
            2,
            "{interface:?}: {text}"
        );
    }
}

#[tokio::test]
async fn an_image_that_a_provider_refuses_ends_no_conversation() {
    for interface in Interface::ALL {
        let refusal = || answer("400 Bad Request", "", r#"{"error": {"message": "Could not process image"}}"#);
        let script = || scripts(interface).answer(1000);
        let server = Server::play(vec![refusal(), script(), script(), refusal()]).await;
        let provider = remote(interface, &server.url, true);
        for _ in 0..2 {
            provider.complete(conversation(), &mut |_| ()).await.expect("an answer without the images");
        }
        let asked = server.requests.lock().expect("lock").clone();
        let shown: Vec<_> = asked.iter().map(|sent| sent.matches("UE5H").count()).collect();
        assert_eq!(shown, [2, 0, 0], "{interface:?}: it is shown once, and no more after that");
        let told = "[an image (image/png, 3 bytes) that the provider did not take]";
        assert!(asked[1].matches(told).count() == 2 && asked[2].matches(told).count() == 2, "{}", asked[2]);
        let words = CompletionRequest { messages: vec![Message::user("hi")], ..conversation() };
        let refused = provider.complete(words, &mut |_| ()).await.expect_err("nothing can be left out of words");
        assert!(refused.to_string().contains("Could not process image"), "{refused}");
        assert_eq!(server.requests.lock().expect("lock").len(), 4, "{interface:?}: and it is not asked again");
    }
}

#[tokio::test]
async fn the_list_of_models_shows_whether_a_provider_can_be_used() {
    for (interface, list) in [
        (Interface::Chat, r#"{"data":[{"id":"b"},{"id":"a"}]}"#),
        (Interface::Anthropic, r#"{"data":[{"id":"a"},{"id":"b"}]}"#),
        (Interface::Gemini, r#"{"models":[{"name":"models/a"},{"name":"models/b"}]}"#),
        (Interface::Ollama, r#"{"models":[{"name":"a"},{"name":"b"}]}"#),
    ] {
        let refused = answer("401 Unauthorized", "", r#"{"error":{"message":"bad key sk-secret, sorry"}}"#);
        let server = Server::play(vec![answer("200 OK", "content-type: application/json\r\n", list), refused]).await;
        let provider = remote(interface, &server.url, false);
        assert_eq!(provider.models(Duration::from_secs(5)).await.expect("models"), ["a", "b"]);
        let error = provider.models(Duration::from_secs(5)).await.expect_err("refused").to_string();
        assert_eq!(error, "the provider refused the key: HTTP 401: bad key [redacted], sorry");
        assert!(server.requests.lock().expect("lock")[0].starts_with("GET /v1/"));
    }
    let server = Server::play(vec![vec![Act::Stall]]).await;
    let error = remote(Interface::Chat, &server.url, false).models(Duration::from_millis(50)).await.expect_err("silent");
    assert_eq!(error.to_string(), "the provider did not answer within 0.05 s");
    assert_eq!(stream_of(Interface::Ollama, &[]).len(), 1, "a head");
}

#[tokio::test]
async fn vectors_come_from_every_interface_that_has_them_and_from_no_other() {
    let texts = ["the tide".to_owned(), "the baker".to_owned()];
    let answers = [
        (
            Interface::Chat,
            "/v1/embeddings",
            json!({"data": [{"index": 1, "embedding": [0, 2]}, {"index": 0, "embedding": [3, 4]}]}),
        ),
        (
            Interface::Gemini,
            "/v1/v1beta/models/e:batchEmbedContents",
            json!({"embeddings": [{"values": [3, 4]}, {"values": [0, 1]}]}),
        ),
        (Interface::Ollama, "/v1/api/embed", json!({"embeddings": [[3, 4], [0, 9]]})),
    ];
    for (interface, path, vectors) in answers {
        let busy = answer("429 Too Many Requests", "retry-after: 0\r\n", "{}");
        let good = answer("200 OK", "content-type: application/json\r\n", &vectors.to_string());
        let refusal = answer("400 Bad Request", "", r#"{"error": {"message": "sk-secret is no key of mine"}}"#);
        let server = Server::play(vec![busy, good, refusal]).await;
        let embedding = Embedding::new(Arc::new(remote(interface, &server.url, false)), "e").expect("it has vectors");
        assert_eq!(embedding.name(), format!("{}/e", interface.name()));
        let embedded = embedding.embed(&texts).await.expect("after a wait");
        assert_eq!(embedded.vectors, [[0.6, 0.8], [0.0, 1.0]], "{interface:?}");
        assert!(embedded.tokens > 0, "no provider of these says how many: {embedded:?}");
        let refused = embedding.embed(&texts).await.expect_err("refused").to_string();
        assert!(refused.contains("[redacted] is no key") && !refused.contains("sk-secret"), "{refused}");
        assert!(embedding.embed(&[const { String::new() }; 65]).await.is_err_and(|error| error.to_string().contains("65 texts")));
        let asked = server.requests.lock().expect("lock").clone();
        assert!(asked.len() == 3 && asked[1].starts_with(&format!("POST {path} HTTP/1.1")), "{}", asked[1]);
        assert!(asked[1].contains("sk-secret") && asked[1].contains("the tide") && asked[1].contains("the baker"));
    }
    let none = Embedding::new(Arc::new(remote(Interface::Anthropic, "http://127.0.0.1:1", false)), "e");
    assert!(none.is_err_and(|error| error.to_string().contains("the interface anthropic has no embeddings")));
}
