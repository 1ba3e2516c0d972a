//! Templates of agents: the ones that come with the service, and own ones as files in `templates.d` beside the configuration.
//!
//! A template brings what an agent is told and which tools it has. It grants nothing: whoever starts the agent asks for limits,
//! network and directories as ever.

mod built_in;

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use aether_protocol::{AgentName, AgentSpec, ApiError, Program, Template};

/// The largest file, bytes.
const MOST: u64 = 64 << 10;

/// Where templates come from. Files are read when they are asked for, so that a new one needs no restart.
#[derive(Debug, Clone)]
pub(crate) struct Templates {
    directory: PathBuf,
}

impl Templates {
    /// With own ones in this directory, which need not exist.
    pub(crate) const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Every template by name; an own one takes the place of one that came with the service. Files that are wrong are left out, and
    /// the log says why. Reads the disk.
    pub(crate) fn all(&self) -> Vec<Template> {
        let mut all = BTreeMap::new();
        for (id, text) in built_in::BUILT_IN {
            match parse(id, text, "built-in") {
                Ok(template) => drop(all.insert((*id).to_owned(), template)),
                Err(error) => {
                    tracing::error!(template = id, error = %error.message, "a template that came with the service is wrong")
                }
            }
        }
        for entry in fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let Some(id) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".toml").map(str::to_owned)) else {
                continue;
            };
            match self.own(&id) {
                Ok(Some(template)) => drop(all.insert(id, template)),
                Ok(None) => {}
                Err(error) => tracing::warn!(file = %path.display(), error = %error.message, "a template is left out"),
            }
        }
        all.into_values().collect()
    }

    /// One template. Reads the disk.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when its file is wrong.
    pub(crate) fn find(&self, id: &str) -> Result<Template, ApiError> {
        if let Some(own) = self.own(id)? {
            return Ok(own);
        }
        let found = built_in::BUILT_IN.iter().find(|(name, _)| *name == id);
        let (name, text) =
            found.ok_or_else(|| ApiError::not_found(format!("there is no template {id:?}"), "aether templates lists them"))?;
        parse(name, text, "built-in")
    }

    fn own(&self, id: &str) -> Result<Option<Template>, ApiError> {
        // A name has no slash and no dot, so nothing outside the directory is ever named.
        if id.parse::<AgentName>().is_err() {
            return Ok(None);
        }
        let path = self.directory.join(format!("{id}.toml"));
        let unreadable = |error: io::Error| ApiError::invalid(format!("{}: {error}", path.display()), "make it a readable file");
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
            Ok(meta) if !meta.is_file() || meta.len() > MOST => {
                return Err(ApiError::invalid(format!("{} is no file of at most 64 KiB", path.display()), "make it shorter"));
            }
            Ok(_) => {}
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        parse(id, &text, &path.display().to_string()).map(Some)
    }
}

fn parse(id: &str, text: &str, source: &str) -> Result<Template, ApiError> {
    let wrong =
        |cause: String| ApiError::invalid(format!("template {id}: {cause}"), "aether templates NAME shows one that works");
    let mut template: Template = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        wrong(format!("line {line}: {}", error.message()))
    })?;
    id.clone_into(&mut template.id);
    source.clone_into(&mut template.source);
    if !(1..=10_000).contains(&template.max_steps) {
        return Err(wrong("maxSteps must be 1 to 10000".to_owned()));
    }
    if template.tools.is_empty() {
        return Err(wrong("tools is empty".to_owned()));
    }
    if template.role.trim().is_empty() || template.name.trim().is_empty() {
        return Err(wrong("name or role is empty".to_owned()));
    }
    Ok(template)
}

/// Fills in what the template of a goal brings and the wish leaves open. Nothing that was asked for is changed.
pub(crate) fn fill(spec: &mut AgentSpec, template: &Template) {
    if let Program::Goal(goal) = &mut spec.program {
        goal.role.get_or_insert_with(|| template.role.clone());
        goal.tools.get_or_insert_with(|| template.tools.clone());
        goal.max_steps.get_or_insert(template.max_steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "name = \"Mine\"\ndescription = \"d\"\ncategory = \"c\"\nrole = \"R\"\ntools = [\"think\"]\nmaxSteps = 3\n";

    #[test]
    fn every_template_that_comes_along_is_whole() {
        let all = Templates::new(PathBuf::from("/nonexistent")).all();
        assert_eq!(all.len(), built_in::BUILT_IN.len());
        for template in all {
            let categories = ["development", "research", "data", "creative", "ops"];
            assert!(categories.contains(&template.category.as_str()), "{template:?}");
            assert!(!template.goals.is_empty() && !template.instructions.is_empty(), "{template:?}");
            assert!(template.tools.contains(&"complete".to_owned()), "{}: ends by itself", template.id);
        }
    }

    #[test]
    fn own_ones_win_and_wrong_ones_say_where() {
        let dir = tempfile::tempdir().expect("dir");
        let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("write");
        write("mine.toml", OWN);
        write("code-reviewer.toml", OWN);
        write("broken.toml", "name = \"x\"\ntools = 3\n");
        write("greedy.toml", &format!("{OWN}network = \"open\"\n"));
        let templates = Templates::new(dir.path().to_owned());
        assert_eq!(templates.find("mine").expect("there").role, "R");
        assert_eq!(templates.find("code-reviewer").expect("there").name, "Mine");
        let broken = templates.find("broken").expect_err("wrong");
        assert!(broken.message.contains("line 2"), "{}", broken.message);
        assert!(templates.find("greedy").is_err(), "a template grants nothing");
        let ids: Vec<String> = templates.all().into_iter().map(|template| template.id).collect();
        assert!(ids.contains(&"mine".to_owned()) && !ids.contains(&"greedy".to_owned()));
        for name in ["../mine", "mine.toml", "", "/etc/passwd", "nosuch"] {
            assert_eq!(templates.find(name).expect_err(name).code, aether_protocol::ErrorCode::NotFound, "{name}");
        }
    }

    #[test]
    fn what_was_asked_for_stays() {
        let template = Templates::new(PathBuf::new()).find("code-developer").expect("there");
        let spec = r#"{"program": {"type": "goal", "goal": "g", "role": "Mine", "maxSteps": 2}}"#;
        let mut spec: AgentSpec = serde_json::from_str(spec).expect("spec");
        fill(&mut spec, &template);
        let Program::Goal(goal) = spec.program else { panic!("a goal") };
        assert_eq!((goal.role.as_deref(), goal.max_steps), (Some("Mine"), Some(2)));
        assert_eq!(goal.tools, Some(template.tools));
    }
}
