//! An agent's record as clients see it, and what changes it.

use aether_protocol::{AgentInfo, Program, UidRange};
use aether_sandbox::plan::{AGENT_HOME, IdRange, RANGE_SIZE};
use aether_store::{AgentField, AgentRecord};

/// An agent as clients see it.
pub(crate) fn info(record: AgentRecord) -> AgentInfo {
    let role = match &record.spec.program {
        Program::Goal(goal) => goal.role.clone(),
        Program::Command(_) => None,
    };
    let range = record.slot.and_then(IdRange::new).map(|ids| UidRange { start: ids.start(), size: RANGE_SIZE });
    AgentInfo {
        // Stored as an id, whatever it was asked for by.
        parent: record.spec.parent.as_ref().and_then(|parent| parent.parse().ok()),
        uid: format!("agent_{}", record.number),
        id: record.id,
        number: record.number,
        name: record.name,
        owner: record.owner,
        pid: record.pid,
        state: record.state,
        phase: record.phase,
        role,
        spec: record.spec,
        model: record.model,
        step: record.step,
        max_steps: record.max_steps,
        queue_position: None,
        cgroup: record.cgroup,
        uid_range: range,
        enforcement: record.enforcement,
        home: AGENT_HOME.to_owned(),
        created_at: record.created_at,
        started_at: record.started_at,
        ended_at: record.ended_at,
        exit: record.exit,
        last_action: record.last_action,
        held_by: None,
        usage: None,
        disk: None,
    }
}

/// Applies one field.
pub(super) fn set(info: &mut AgentInfo, field: &AgentField) {
    match field.clone() {
        AgentField::Name(name) => info.name = name,
        AgentField::Spec(spec) => info.spec = *spec,
        AgentField::State(state) => info.state = state,
        AgentField::Phase(phase) => info.phase = phase,
        AgentField::Pid(pid) => info.pid = pid,
        AgentField::Cgroup(cgroup) => info.cgroup = cgroup,
        AgentField::Enforcement(enforcement) => info.enforcement = enforcement,
        AgentField::StartedAt(at) => info.started_at = at,
        AgentField::EndedAt(at) => info.ended_at = at,
        AgentField::Exit(exit) => info.exit = exit,
        AgentField::Step(step) => info.step = step,
        AgentField::MaxSteps(steps) => info.max_steps = steps,
        AgentField::Model(model) => info.model = model,
        AgentField::LastAction(action) => info.last_action = action,
        AgentField::Home(_) | AgentField::BootId(_) => {}
    }
}
