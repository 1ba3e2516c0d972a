//! One file per subject: its facts, and their judgement.

mod cgroup;
mod clock;
mod kernel;
mod limits;
mod modules;
mod optional;
mod security;
mod service;
mod settings;
mod storage;

use aether_protocol::Finding;

use crate::Subject;

/// Every check.
pub(crate) fn all(subject: &Subject<'_>) -> Vec<Finding> {
    let host = &subject.host;
    [
        service::check(subject),
        kernel::judge(&kernel::Facts::read(host), &subject.measured),
        cgroup::judge(&cgroup::Facts::read(host), &subject.measured),
        settings::judge(&settings::read(host)),
        modules::judge(&modules::Facts::read(host)),
        security::judge(&security::Facts::read(host), &subject.measured),
        storage::judge(&storage::Facts::read(host, subject.state), &subject.measured),
        limits::judge(&limits::Facts::read(host)),
        clock::judge(&clock::Facts::now()),
        optional::judge(&optional::Facts::read(host)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
