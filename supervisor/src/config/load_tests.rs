//! Files as people write them, and as they break.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use super::*;
use crate::config::{Listen, Size};

struct Files(tempfile::TempDir);

impl Files {
    fn new(text: &str) -> Self {
        let files = Self(tempfile::tempdir().expect("dir"));
        files.put("a.toml", text, 0o644);
        files
    }

    fn put(&self, name: &str, text: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("mkdir");
        fs::write(&path, text).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("mode");
    }

    fn load(&self) -> Result<Loaded, ConfigError> {
        let mut loaded = load(Some(&self.0.path().join("a.toml")))?;
        loaded.read_secrets().map(|()| loaded)
    }

    /// What is said, without the directory.
    fn refusal(&self) -> String {
        let error = self.load().expect_err("refused");
        assert!(!error.fix().is_empty(), "{error}");
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn refusal(text: &str) -> String {
    Files::new(text).refusal()
}

#[test]
fn nothing_configured_gives_the_documented_defaults() {
    let config = Files::new("").load().expect("empty is fine").config;
    assert_eq!((config.agents.max_concurrent, config.limits.pids), (20, 2048));
    assert_eq!(config.limits.memory, Size(1 << 30));
}

#[test]
fn errors_name_file_line_and_key() {
    let unknown = refusal("[agents]\nmax_concurrent = 2\nfoo = 1\n");
    assert!(unknown.starts_with("a.toml:3: agents.foo: unknown field"), "{unknown}");
    let kind = refusal("[limits]\npids = \"many\"\n");
    assert!(kind.starts_with("a.toml:2: limits.pids: invalid type"), "{kind}");
    assert_eq!(refusal("[agents]\nmax_concurrent = 0\n"), "a.toml:2: agents.max_concurrent: must be at least 1");
    let size = refusal("[limits]\nmemory = \"1X\"\n");
    assert!(size.starts_with("a.toml:2: limits.memory:"), "{size}");
    assert_eq!(refusal("[storage]\nvolume = \"1M\"\n"), "a.toml:2: storage.volume: must be at least 256M");
    // The same name in another table is not taken for it.
    let inline = refusal("limits = { memory = \"1G\" }\nagents = { max_steps = 0 }\n");
    assert_eq!(inline, "a.toml:2: agents.max_steps: must be 1 to 10000");
    let cut = refusal("[agents]\nmax_concurrent = \n");
    assert!(cut.starts_with("a.toml:2: max_concurrent: "), "{cut}");
}

#[test]
fn drop_ins_replace_single_keys_in_the_order_of_their_names() {
    let files = Files::new("listen = \"none\"\n[agents]\nmax_concurrent = 2\nmax_steps = 7\n");
    files.put("a.toml.d/20-late.toml", "[agents]\nmax_concurrent = 4\n", 0o644);
    files.put("a.toml.d/10-early.toml", "[agents]\nmax_concurrent = 3\n", 0o644);
    files.put("a.toml.d/30-note.txt", "no toml", 0o644);
    files.put("a.toml.d/.40-hidden.toml", "no toml", 0o644);
    let loaded = files.load().expect("good files");
    assert_eq!((loaded.config.agents.max_concurrent, loaded.config.agents.max_steps), (4, 7));
    assert_eq!(loaded.config.listen, Some(Listen::None));
    assert_eq!(loaded.files().count(), 3);
    files.put("a.toml.d/20-late.toml", "[agents]\n\nmax_concurrent = 0\n", 0o644);
    assert_eq!(files.refusal(), "a.toml.d/20-late.toml:3: agents.max_concurrent: must be at least 1");
}

#[test]
fn who_may_read_and_write_the_files() {
    let secret = "[llm.openai]\napi_key = \"k\"\n";
    let files = Files::new(secret);
    let said = files.refusal();
    assert!(said.starts_with("a.toml:2: llm.openai.api_key: the file holds a secret"), "{said}");
    files.put("a.toml", secret, 0o640);
    files.load().expect("only its group may read it");
    files.put("a.toml", "", 0o666);
    assert_eq!(files.refusal(), "a.toml: everybody may write it (mode 0666)");
    files.put("a.toml", "[llm.openai]\napi_key = \"\"\n", 0o644);
    files.load().expect("an empty key is no secret");
}

#[test]
fn a_key_in_a_file_of_its_own() {
    let files = Files::new("");
    let path = files.0.path().join("key");
    files.put("a.toml", &format!("[llm.openai]\napi_key_file = {path:?}\n"), 0o644);
    let said = files.refusal();
    assert!(said.starts_with("a.toml:2: llm.openai.api_key_file: key cannot be read"), "{said}");
    files.put("key", "sk-1\n", 0o644);
    assert!(files.refusal().contains("holds a secret and others may use it (mode 0644)"));
    files.put("key", "sk-1\n", 0o600);
    assert_eq!(files.load().expect("a good key").config.llm.openai.api_key.as_deref(), Some("sk-1"));
    files.put("key", "two words\n", 0o600);
    assert!(files.refusal().contains("does not hold a key"));
}

#[test]
fn what_is_no_file_of_text_is_refused() {
    let dir = tempfile::tempdir().expect("dir");
    let refusal = |path: &Path| load(Some(path)).expect_err("refused").to_string();
    assert!(refusal(dir.path()).ends_with("cannot be read: it is no regular file"));
    assert!(refusal(&dir.path().join("none")).contains("cannot be read: No such file"));
    let binary = dir.path().join("binary.toml");
    fs::write(&binary, b"a = 1\n\xff\xfe").expect("write");
    assert!(refusal(&binary).ends_with("binary.toml:2: is not UTF-8 text"));
}
