//! The tree of a plan: pure.

use aether_protocol::{NodeStatus, Plan, PlanNode, PlanStatus, Timestamp};

/// Most nodes of a plan, with all below them.
pub const MAX_NODES: usize = 100;
/// The longest title, in characters; longer ones are cut.
pub const MAX_TITLE: usize = 300;

/// A part of a plan before it is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What is to be done.
    pub title: String,
    /// Its parts.
    pub parts: Vec<String>,
}

/// A plan in which nothing has begun.
///
/// # Errors
/// What is wrong with it, for the agent.
pub fn begin(goal: &str, drafts: Vec<Draft>) -> Result<Plan, String> {
    let count: usize = drafts.iter().map(|draft| 1 + draft.parts.len()).sum();
    if count == 0 {
        return Err("a plan has at least one node".to_owned());
    }
    if count > MAX_NODES {
        return Err(format!("the plan has {count} nodes, at most {MAX_NODES} are allowed: plan the next part only"));
    }
    let node = |id: String, title: &str, children| {
        let title: String = title.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MAX_TITLE).collect();
        if title.is_empty() {
            return Err(format!("node {id} has no title"));
        }
        Ok(PlanNode { id, title, status: NodeStatus::Pending, actual_steps: None, children })
    };
    let mut nodes = Vec::with_capacity(drafts.len());
    for (i, draft) in drafts.iter().enumerate() {
        let id = (i + 1).to_string();
        let parts = draft.parts.iter().enumerate().map(|(n, part)| node(format!("{id}.{}", n + 1), part, Vec::new()));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        nodes.push(node(id, &draft.title, parts)?);
    }
    let at = Timestamp::now();
    let goal = goal.chars().take(2000).collect();
    Ok(Plan { id: 0, goal, status: PlanStatus::Active, nodes, created_at: at.clone(), updated_at: at })
}

/// Sets where a node stands; what is above it follows, and what is below it and not settled.
///
/// # Errors
/// What is wrong, for the agent.
pub fn update(plan: &mut Plan, id: &str, status: NodeStatus, actual_steps: Option<u32>) -> Result<(), String> {
    let known = plan.nodes.iter().flat_map(|node| std::iter::once(node).chain(&node.children)).map(|node| node.id.clone());
    let known: Vec<String> = known.collect();
    let root = plan.nodes.iter_mut().find(|root| root.id == id || root.children.iter().any(|child| child.id == id));
    let Some(root) = root else {
        return Err(format!("there is no node {id:?}; the nodes are {}", known.join(", ")));
    };
    if root.id == id {
        root.actual_steps = actual_steps.or(root.actual_steps);
        match root.children.iter_mut().find(|child| !child.status.is_settled()) {
            Some(next) if status == NodeStatus::Active => next.status = NodeStatus::Active,
            _ => {
                let open = |child: &&mut PlanNode| !child.status.is_settled() || status == NodeStatus::Pending;
                root.children.iter_mut().filter(open).for_each(|child| child.status = status);
            }
        }
        root.status = status;
    } else if let Some(child) = root.children.iter_mut().find(|child| child.id == id) {
        child.status = status;
        child.actual_steps = actual_steps.or(child.actual_steps);
    }
    if !root.children.is_empty() {
        root.status = of_parts(&root.children);
    }
    plan.status = match of_parts(&plan.nodes) {
        NodeStatus::Failed => PlanStatus::Failed,
        NodeStatus::Completed | NodeStatus::Skipped => PlanStatus::Completed,
        NodeStatus::Pending | NodeStatus::Active => PlanStatus::Active,
    };
    Ok(())
}

/// Where a whole stands whose parts are these.
fn of_parts(parts: &[PlanNode]) -> NodeStatus {
    let any = |status| parts.iter().any(|part| part.status == status);
    if parts.iter().all(|part| part.status.is_settled()) {
        return match (any(NodeStatus::Failed), any(NodeStatus::Completed)) {
            (true, _) => NodeStatus::Failed,
            (false, true) => NodeStatus::Completed,
            (false, false) => NodeStatus::Skipped,
        };
    }
    if any(NodeStatus::Active) || parts.iter().any(|part| part.status.is_settled()) {
        NodeStatus::Active
    } else {
        NodeStatus::Pending
    }
}

/// The plan as lines of text, for the model.
pub fn show(plan: &Plan) -> String {
    let mut lines = Vec::new();
    let line = |node: &PlanNode, indent: &str| {
        let mark = match node.status {
            NodeStatus::Pending => "pending",
            NodeStatus::Active => "active",
            NodeStatus::Completed => "completed",
            NodeStatus::Failed => "failed",
            NodeStatus::Skipped => "skipped",
        };
        format!("{indent}{} [{mark}] {}", node.id, node.title)
    };
    for node in &plan.nodes {
        lines.push(line(node, ""));
        lines.extend(node.children.iter().map(|child| line(child, "  ")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let draft = |title: &str, parts: &[&str]| Draft { title: title.into(), parts: parts.iter().map(|&p| p.into()).collect() };
        begin("ship it", vec![draft("look", &[]), draft("build", &["compile", "test"])]).expect("a plan")
    }

    #[test]
    fn what_is_above_follows_what_is_below() {
        let mut plan = plan();
        update(&mut plan, "2.1", NodeStatus::Completed, Some(3)).expect("there");
        assert_eq!(show(&plan), "1 [pending] look\n2 [active] build\n  2.1 [completed] compile\n  2.2 [pending] test");
        assert_eq!(plan.nodes[1].children[0].actual_steps, Some(3));
        update(&mut plan, "2.2", NodeStatus::Failed, None).expect("there");
        assert_eq!((plan.nodes[1].status, plan.status), (NodeStatus::Failed, PlanStatus::Active));
        update(&mut plan, "1", NodeStatus::Completed, None).expect("there");
        assert_eq!(plan.status, PlanStatus::Failed, "all is settled, and something failed");
        update(&mut plan, "2.2", NodeStatus::Completed, None).expect("tried again");
        assert_eq!(plan.status, PlanStatus::Completed);
    }

    #[test]
    fn what_is_below_and_open_follows_what_is_above() {
        let mut plan = plan();
        update(&mut plan, "2", NodeStatus::Active, None).expect("there");
        assert_eq!(plan.nodes[1].children[0].status, NodeStatus::Active);
        update(&mut plan, "2.1", NodeStatus::Failed, None).expect("there");
        update(&mut plan, "2", NodeStatus::Skipped, None).expect("there");
        let below: Vec<_> = plan.nodes[1].children.iter().map(|child| child.status).collect();
        assert_eq!(below, [NodeStatus::Failed, NodeStatus::Skipped], "what failed is not made good by its parent");
        assert_eq!(plan.nodes[1].status, NodeStatus::Failed);
    }

    #[test]
    fn bad_plans_are_refused_with_the_reason() {
        let draft = |title: &str| Draft { title: title.into(), parts: Vec::new() };
        assert!(begin("g", Vec::new()).is_err_and(|why| why.contains("at least one")));
        assert!(begin("g", vec![draft("x"); MAX_NODES + 1]).is_err_and(|why| why.contains("at most")));
        assert!(begin("g", vec![draft("x"), draft(" \n ")]).is_err_and(|why| why.contains("node 2")));
        let unknown = update(&mut plan(), "3", NodeStatus::Active, None);
        assert_eq!(unknown, Err("there is no node \"3\"; the nodes are 1, 2, 2.1, 2.2".into()));
    }
}
