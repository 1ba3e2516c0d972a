//! The TypeScript types of Mission Control are these Rust types: generated, committed, and checked here for drift.
//!
//! `AETHER_UPDATE=1 cargo test -p aether-protocol --test typescript` writes the file anew.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use aether_protocol::{
    AgentBudget, AgentEvent, AgentInfo, AgentModels, AgentPort, AgentProfile, AgentSpec, AgentTree, Approval, AuditCheck,
    AuditRecord, Command, CommandEnvelope, DoctorReport, ErrorBody, Event, FileEntry, GrantSpec, HealthInfo, Memory, MindInfo,
    ModelsReport, NetworkChange, NetworkInfo, NewFeedback, NewMemory, PreviewLink, ReportKey, Response, Screen, SecretInfo,
    SignedReport, SystemStatus, Template, TtyInfo, event::StreamFrame,
};
use ts_rs::{Config, TS, TypeVisitor};

const HEADER: &str = "// Generated from the protocol crate by its test `typescript`; do not edit.\n\
                      // AETHER_UPDATE=1 cargo test -p aether-protocol --test typescript writes it anew.\n";

#[test]
fn the_committed_types_are_the_wire_types() {
    let mut found = Declarations { config: Config::new(), by_name: BTreeMap::new(), visited: BTreeSet::new() };
    found.with::<AgentInfo>();
    found.with::<AgentSpec>();
    found.with::<Command>();
    found.with::<CommandEnvelope>();
    found.with::<Response>();
    found.with::<AgentEvent>();
    found.with::<Event>();
    found.with::<StreamFrame>();
    found.with::<ErrorBody>();
    found.with::<FileEntry>();
    found.with::<TtyInfo>();
    found.with::<Screen>();
    found.with::<SystemStatus>();
    found.with::<DoctorReport>();
    found.with::<HealthInfo>();
    found.with::<AuditRecord>();
    found.with::<AuditCheck>();
    found.with::<SignedReport>();
    found.with::<ReportKey>();
    found.with::<NetworkInfo>();
    found.with::<NetworkChange>();
    found.with::<MindInfo>();
    found.with::<Memory>();
    found.with::<NewMemory>();
    found.with::<NewFeedback>();
    found.with::<AgentProfile>();
    found.with::<Template>();
    found.with::<Approval>();
    found.with::<SecretInfo>();
    found.with::<GrantSpec>();
    found.with::<AgentModels>();
    found.with::<ModelsReport>();
    found.with::<AgentBudget>();
    found.with::<AgentPort>();
    found.with::<AgentTree>();
    found.with::<PreviewLink>();
    let text = found.text();

    assert!(!text.contains("bigint"), "64-bit integers are JSON numbers: mark the field #[ts(type = \"number\")]");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../webui/src/api/generated.ts");
    if std::env::var_os("AETHER_UPDATE").is_some() {
        fs::write(&path, &text).expect("write the generated types");
    }
    let committed = fs::read_to_string(&path).expect("webui/src/api/generated.ts is committed");
    assert!(
        committed == text,
        "webui/src/api/generated.ts differs from the protocol crate; run AETHER_UPDATE=1 cargo test -p aether-protocol --test typescript"
    );
}

/// Declarations by type name, so that the file has one order on every machine.
struct Declarations {
    config: Config,
    by_name: BTreeMap<String, String>,
    /// Trees lead back to themselves.
    visited: BTreeSet<TypeId>,
}

impl Declarations {
    fn with<T: TS + 'static + ?Sized>(&mut self) {
        if !self.visited.insert(TypeId::of::<T>()) {
            return;
        }
        // Types of other crates have no place of their own: they are written where they are used.
        if T::output_path().is_some() {
            let name = T::ident(&self.config);
            if self.by_name.contains_key(&name) {
                return;
            }
            let docs = T::docs().unwrap_or_default();
            let declaration = T::decl(&self.config);
            self.by_name.insert(name, format!("{docs}export {declaration}\n"));
        }
        T::visit_dependencies(self);
    }

    fn text(&self) -> String {
        let mut text = HEADER.to_owned();
        for declaration in self.by_name.values() {
            text.push('\n');
            text.push_str(declaration);
        }
        text
    }
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        self.with::<T>();
    }
}
