//! Which models take images.

/// Whether the models of an endpoint take images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// Somebody said so of all of them.
    Said(bool),
    /// As their names say.
    ByName {
        /// What holds for a name that says nothing.
        unknown: bool,
    },
}

/// Parts of names of models that read text alone.
const BLIND: &[&str] = &[
    "gpt-3.5",
    "gpt-oss",
    "o1-mini",
    "o1-preview",
    "o3-mini",
    "claude-2",
    "claude-instant",
    "deepseek-r1",
    "deepseek-v3",
    "deepseek-chat",
    "deepseek-reasoner",
    "deepseek-coder",
    "codellama",
    "codestral",
    "devstral",
    "starcoder",
    "phi3",
    "phi4",
    "qwq",
    "-coder",
];

/// Parts of names of models that take images. They are looked at first: `phi3` does not see, `phi3-vision` does.
const SEEING: &[&str] = &[
    "gpt-4o",
    "gpt-4.1",
    "gpt-4-turbo",
    "gpt-5",
    "claude-3",
    "claude-opus",
    "claude-sonnet",
    "claude-haiku",
    "gemini",
    "gemma3",
    "gemma-3",
    "llava",
    "bakllava",
    "vision",
    "-vl",
    "2vl",
    "2.5vl",
    "3vl",
    "minicpm-v",
    "moondream",
    "pixtral",
    "mistral-small3",
    "llama4",
    "llama-4",
    "internvl",
];

impl Sight {
    /// Does this model take images?
    pub fn of(self, model: &str) -> bool {
        match self {
            Self::Said(said) => said,
            Self::ByName { unknown } => by_name(model).unwrap_or(unknown),
        }
    }
}

fn by_name(model: &str) -> Option<bool> {
    let name = model.to_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    if has(SEEING) { Some(true) } else { has(BLIND).then_some(false) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whether_its_model_sees() {
        for (model, sees) in [
            ("gpt-5.2", Some(true)),
            ("openai/gpt-4o-mini", Some(true)),
            ("claude-opus-4-6", Some(true)),
            ("models/gemini-3-flash", Some(true)),
            ("llama3.2-vision:11b", Some(true)),
            ("Qwen2.5-VL-7B-Instruct", Some(true)),
            ("qwen2.5vl:7b", Some(true)),
            ("o3-mini", Some(false)),
            ("gpt-3.5-turbo", Some(false)),
            ("qwen2.5-coder:32b", Some(false)),
            ("phi4", Some(false)),
            ("llama3.1", None),
            ("my-own-model", None),
        ] {
            assert_eq!(by_name(model), sees, "{model}");
        }
    }

    #[test]
    fn a_word_of_people_counts_more_than_a_name() {
        assert!(Sight::Said(true).of("gpt-3.5-turbo") && !Sight::Said(false).of("gpt-5.2"));
        assert!(Sight::ByName { unknown: true }.of("lab") && !Sight::ByName { unknown: false }.of("lab"));
        assert!(Sight::ByName { unknown: false }.of("llava:7b") && !Sight::ByName { unknown: true }.of("o1-mini"));
    }
}
