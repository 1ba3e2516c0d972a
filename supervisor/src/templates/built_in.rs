//! The templates that come with the service, by name.

/// Name and text of each.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("api-developer", include_str!("../../templates/api-developer.toml")),
    ("code-developer", include_str!("../../templates/code-developer.toml")),
    ("code-reviewer", include_str!("../../templates/code-reviewer.toml")),
    ("content-creator", include_str!("../../templates/content-creator.toml")),
    ("data-analyst", include_str!("../../templates/data-analyst.toml")),
    ("data-scientist", include_str!("../../templates/data-scientist.toml")),
    ("database-admin", include_str!("../../templates/database-admin.toml")),
    ("devops-engineer", include_str!("../../templates/devops-engineer.toml")),
    ("full-stack-developer", include_str!("../../templates/full-stack-developer.toml")),
    ("incident-responder", include_str!("../../templates/incident-responder.toml")),
    ("ml-engineer", include_str!("../../templates/ml-engineer.toml")),
    ("project-manager", include_str!("../../templates/project-manager.toml")),
    ("python-developer", include_str!("../../templates/python-developer.toml")),
    ("research-analyst", include_str!("../../templates/research-analyst.toml")),
    ("security-auditor", include_str!("../../templates/security-auditor.toml")),
    ("system-admin", include_str!("../../templates/system-admin.toml")),
    ("system-administrator", include_str!("../../templates/system-administrator.toml")),
    ("technical-writer", include_str!("../../templates/technical-writer.toml")),
    ("test-engineer", include_str!("../../templates/test-engineer.toml")),
    ("ui-ux-designer", include_str!("../../templates/ui-ux-designer.toml")),
    ("web-researcher", include_str!("../../templates/web-researcher.toml")),
];
