//! What a child gets: never more than its parent has. Pure.

use aether_protocol::{
    AgentInfo, AgentSpec, ApiError, Budget, BudgetKind, ErrorCode, GoalSpec, Limits, MountSource, NetworkMode, NetworkRules,
    Profile, Program,
    network::{NetworkOtherwise, NetworkRule},
};

use crate::govern::budget::Left;

/// Of what its parent has left, the percentage that a child gets where nobody says how much.
pub(super) const SHARE: u64 = 50;

/// Completes and limits what is wished for a child by what its parent has, with what is `left` of its budget.
///
/// # Errors
/// `Denied`: it asks for more. `Invalid`: it cannot be a child at all.
pub(super) fn bind(spec: &mut AgentSpec, parent: &AgentInfo, left: &Left) -> Result<(), ApiError> {
    let (Program::Goal(goal), Program::Goal(above)) = (&mut spec.program, &parent.spec.program) else {
        let message = "a program can be neither a child nor a parent".to_owned();
        return Err(ApiError::invalid(message, "give both a goal, or start it by itself"));
    };
    bind_goal(goal, above, parent)?;
    let own = std::mem::take(&mut spec.rules);
    spec.rules.extend(parent.spec.rules.iter().cloned());
    // The first that fits counts: none of its own comes before one of its parent.
    spec.rules.extend(own);
    spec.network = within(&spec.network, &parent.spec.network).map_err(|what| more(parent, &what))?;
    let missing = |what: &str, name: String| more(parent, &format!("{what} {name}"));
    if let Some(extra) = spec.models.iter().find(|model| !parent.spec.models.contains(model)) {
        return Err(missing("programs that ask", format!("{extra:?}")));
    }
    if !spec.models.is_empty() && parent.spec.limits.model_tokens.is_some() {
        let hint = "leave models out for it: the built-in agent needs none of them";
        let message = format!("the tokens of the gateway that {} has cannot be shared out", parent.name);
        return Err(ApiError::new(ErrorCode::Denied, message, hint));
    }
    if let Some(extra) = spec.secrets.iter().find(|secret| !parent.spec.secrets.contains(secret)) {
        return Err(missing("the secret", extra.name.to_string()));
    }
    for mount in &spec.mounts {
        let lent = parent.spec.mounts.iter().any(|above| {
            matches!(mount.source, MountSource::Root(_)) && above.source == mount.source && (mount.read_only || !above.read_only)
        });
        if !lent {
            return Err(missing("a directory at", mount.target.clone()));
        }
    }
    if spec.profile != Profile::Standard && spec.profile != parent.spec.profile {
        return Err(missing("the profile", format!("{:?}", spec.profile).to_lowercase()));
    }
    if let Some(layer) = spec.allow_reduced.iter().find(|layer| !parent.spec.allow_reduced.contains(layer)) {
        return Err(missing("to go without the layer", format!("{layer:?}").to_lowercase()));
    }
    bind_limits(&mut spec.limits, parent)?;
    spec.budget = carve(&spec.budget, left, parent)?;
    spec.priority = spec.priority.max(parent.spec.priority);
    // It goes with its parent, which reads what came of it before that.
    spec.ephemeral = false;
    Ok(())
}

fn more(parent: &AgentInfo, what: &str) -> ApiError {
    let message = format!("a child of {} cannot have what {} has not: {what}", parent.name, parent.name);
    ApiError::new(ErrorCode::Denied, message, "ask for less, or start it without a parent")
}

fn bind_goal(goal: &mut GoalSpec, above: &GoalSpec, parent: &AgentInfo) -> Result<(), ApiError> {
    goal.outside = goal.outside.take().or_else(|| above.outside.clone());
    match (&goal.tools, &above.tools) {
        (_, None) => {}
        (None, Some(tools)) => goal.tools = Some(tools.clone()),
        (Some(wanted), Some(tools)) => {
            let has = |name: &String| {
                let name = aether_runtime::tools::canonical(name);
                name == aether_runtime::tools::COMPLETE || tools.iter().any(|tool| aether_runtime::tools::canonical(tool) == name)
            };
            if let Some(extra) = wanted.iter().find(|name| !has(name)) {
                return Err(more(parent, &format!("the tool {extra}")));
            }
        }
    }
    match (&goal.model, &above.model) {
        (_, None) => {}
        (None, Some(model)) => goal.model = Some(model.clone()),
        (Some(wanted), Some(model)) if wanted == model => {}
        (Some(wanted), Some(_)) => return Err(more(parent, &format!("the model {wanted}"))),
    }
    // Steps are no budget, but a limit at which a person is asked: a child does not carry on behind it.
    let left = parent.max_steps.map_or(u32::MAX, |most| most.saturating_sub(parent.step).max(1));
    if let Some(wanted) = goal.max_steps.filter(|wanted| *wanted > left) {
        return Err(more(parent, &format!("{wanted} steps ({left} are left)")));
    }
    if left < u32::MAX {
        goal.max_steps.get_or_insert(left);
    }
    Ok(())
}

fn bind_limits(limits: &mut Limits, parent: &AgentInfo) -> Result<(), ApiError> {
    let own = &parent.spec.limits;
    // What is in force for it, also where nobody asked for anything.
    let in_force = parent.enforcement.as_ref().map_or(own, |enforcement| &enforcement.limits);
    least(&mut limits.memory_bytes, own.memory_bytes, in_force.memory_bytes)
        .map_err(|n| more(parent, &format!("{n} bytes of memory")))?;
    least(&mut limits.cpus, own.cpus, in_force.cpus).map_err(|n| more(parent, &format!("{n} CPUs")))?;
    least(&mut limits.pids, own.pids, in_force.pids).map_err(|n| more(parent, &format!("{n} processes")))?;
    least(&mut limits.disk_bytes, own.disk_bytes, in_force.disk_bytes)
        .map_err(|n| more(parent, &format!("{n} bytes of disk")))?;
    least(&mut limits.inodes, own.inodes, in_force.inodes).map_err(|n| more(parent, &format!("{n} files")))
}

/// A limit that nobody asked for is what was asked for the parent; one that is above what the parent has is refused.
fn least<T: Copy + PartialOrd>(wanted: &mut Option<T>, own: Option<T>, in_force: Option<T>) -> Result<(), T> {
    match (*wanted, in_force.or(own)) {
        (None, _) => *wanted = own,
        (Some(wanted), Some(most)) if wanted > most => return Err(wanted),
        _ => {}
    }
    Ok(())
}

/// The child's share of each thing that is limited for its parent.
fn carve(wanted: &Budget, left: &Left, parent: &AgentInfo) -> Result<Budget, ApiError> {
    let mut budget = *wanted;
    for kind in BudgetKind::ALL {
        let Some(left) = left.of(kind) else { continue };
        let given = match wanted.of(kind) {
            Some(wanted) if wanted > left => {
                let (wanted, left) = (kind.amount(wanted), kind.amount(left));
                return Err(more(parent, &format!("a budget of {wanted} ({left} of {} are left)", kind.words())));
            }
            Some(wanted) => wanted,
            None => share(left, SHARE),
        };
        budget = budget.with(kind, given);
        if budget.of(kind) == Some(0) {
            let message = format!("{} has too little left of its budget to share it: {}", parent.name, kind.words());
            let hint = format!("raise its budget (aether budget {}), or wait until its children have ended", parent.name);
            return Err(ApiError::new(ErrorCode::Denied, message, hint));
        }
    }
    Ok(budget)
}

/// So many percent of what is left.
pub(super) fn share(left: u64, percent: u64) -> u64 {
    // Wide enough for any share of anything.
    u64::try_from(u128::from(left) * u128::from(percent.min(100)) / 100).unwrap_or(left)
}

/// The network that is asked for, with everything that is denied to the parent.
///
/// # Errors
/// What goes beyond it, in words.
fn within(wanted: &NetworkMode, parent: &NetworkMode) -> Result<NetworkMode, String> {
    if wanted.is_none() || wanted == parent {
        return Ok(wanted.clone());
    }
    if parent.is_none() {
        return Err("a network".to_owned());
    }
    let (mut rules, above) = (wanted.rules(), parent.rules());
    if rank(rules.otherwise) > rank(above.otherwise) {
        return Err("a network that reaches more than it was told".to_owned());
    }
    if let Some(extra) = rules.allow.iter().find(|rule| !reaches(&above, rule)) {
        return Err(format!("a network that reaches {}", extra.host));
    }
    if let Some(extra) = rules.presets.iter().find(|preset| !above.presets.contains(preset)) {
        return Err(format!("the network of {}", extra.name()));
    }
    join(&mut rules.deny, above.deny);
    join(&mut rules.open, above.open);
    Ok(rules.into())
}

pub(super) const fn rank(otherwise: NetworkOtherwise) -> u8 {
    match otherwise {
        NetworkOtherwise::Deny => 0,
        NetworkOtherwise::Ask => 1,
        NetworkOtherwise::Allow => 2,
    }
}

/// A rule that is there word for word, or anything where nothing is named and everything allowed.
fn reaches(above: &NetworkRules, rule: &NetworkRule) -> bool {
    above.allow.contains(rule) || (above.allow.is_empty() && above.otherwise == NetworkOtherwise::Allow)
}

pub(super) fn join(list: &mut Vec<String>, more: Vec<String>) {
    for one in more {
        if !list.contains(&one) {
            list.push(one);
        }
    }
}

#[cfg(test)]
#[path = "bounds_tests.rs"]
mod tests;
