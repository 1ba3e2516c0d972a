//! What every home begins with: the lower layer under what the agent writes.

use std::{os::unix::fs::chown, path::Path};

use aether_sandbox::plan::AGENT_ID;

use super::{BaseError, at, make_directory, write_file};

const DIRECTORIES: [&str; 5] = ["Desktop", "Documents", "Downloads", "Projects", ".config"];
const PROFILE: &str = r#"# For login shells.
PATH="$HOME/.local/bin:$PATH"
export PATH
if [ -n "${BASH_VERSION-}" ] && [ -r "$HOME/.bashrc" ]; then
    . "$HOME/.bashrc"
fi
"#;
const BASHRC: &str = r#"# For interactive shells.
case $- in *i*) ;; *) return ;; esac
case ":$PATH:" in
*":$HOME/.local/bin:"*) ;;
*) PATH="$HOME/.local/bin:$PATH" ;;
esac
HISTCONTROL=ignoreboth
HISTSIZE=10000
shopt -s checkwinsize histappend
PS1='\[\e[32m\]\u@\h\[\e[0m\]:\[\e[34m\]\w\[\e[0m\]\$ '
alias ls='ls --color=auto' grep='grep --color=auto' ll='ls -l' la='ls -A'
"#;

/// Builds a home at `tree`, which does not exist yet. Its ids are those inside: layers are mounted with an id map.
pub(super) fn build(tree: &Path) -> Result<(), BaseError> {
    make_directory(tree, 0o755)?;
    for name in DIRECTORIES {
        make_directory(&tree.join(name), 0o755)?;
        own(&tree.join(name))?;
    }
    for (name, content) in [(".profile", PROFILE), (".bashrc", BASHRC)] {
        write_file(&tree.join(name), content)?;
        own(&tree.join(name))?;
    }
    own(tree)
}

fn own(path: &Path) -> Result<(), BaseError> {
    chown(path, Some(AGENT_ID), Some(AGENT_ID)).map_err(at("chown", path))
}
