//! Forty ways in which a provider can fail, with each interface: every one ends in time, with the error of its kind or the answer.

mod common;

use std::time::{Duration, Instant};

use aether_llm::{CompletionRequest, Endpoint, Interface, Message, Provider, Remote, Secret};
use common::{
    Server,
    faults::{self, Kind},
    scripts,
};

/// Longer than any of the requests may take, shorter than a person's patience.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_ends_in_time_and_by_its_name() {
    let begun = Instant::now();
    let mut tries = tokio::task::JoinSet::new();
    for interface in Interface::ALL {
        let script = scripts(interface);
        let faults = faults::all(&script);
        assert!(faults.len() >= 40, "{} faults", faults.len());
        for fault in faults {
            tries.spawn(async move {
                let timing = faults::timing(&fault);
                let server = Server::play(vec![fault.acts; 2]).await;
                let endpoint = Endpoint::new("p", interface, &server.url, Some(Secret::new("sk-secret")), "m");
                let provider = Remote::new(Endpoint { timing, ..endpoint }).expect("provider");
                let request = CompletionRequest { messages: vec![Message::user("hi")], ..CompletionRequest::default() };
                let result = tokio::time::timeout(PATIENCE, provider.complete(request, &mut |_| ())).await;
                let result = result.unwrap_or_else(|_| panic!("{interface:?} hangs with: {}", fault.what));
                let found = faults::kind(&result);
                if !fault.kinds.contains(&found) {
                    return Some(format!("{interface:?}, {}: {result:?}", fault.what));
                }
                let said = format!("{result:?}");
                assert!(
                    said.len() < 4096 || found == Kind::Answer,
                    "{interface:?}, {}: an error of {} bytes",
                    fault.what,
                    said.len()
                );
                assert!(!said.contains("sk-secret"));
                let asked = server.requests.lock().expect("lock").len();
                let again = result.as_ref().err().is_some_and(|e| e.is_retryable() && e.retry_after().is_none());
                assert!(again || asked == 1, "{interface:?}, {}: asked {asked} times for {result:?}", fault.what);
                None
            });
        }
    }
    let wrong: Vec<String> = tries.join_all().await.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(begun.elapsed() < Duration::from_secs(5 * 30), "{:?}", begun.elapsed());
}
