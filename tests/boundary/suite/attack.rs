//! What an attack is, and what is expected to stop it.

use aether_sandbox::spawner::weaken::Part;

/// What stops an attempt by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// Own namespaces, host ids that are nobody else's, and what the kernel refuses anybody. Cannot be left out.
    Namespaces,
    /// No capability in any set.
    Capabilities,
    /// `no_new_privs`.
    NoNewPrivs,
    /// Landlock.
    Landlock,
    /// Seccomp.
    Seccomp,
    /// The spawner's filter, inherited: refuses by a list of its own.
    SpawnerFilter,
    /// The filter of set-id bits, where a directory is lent for writing.
    SetIdFilter,
    /// Read-only, masked, nosuid and nodev mounts.
    Mounts,
    /// No user namespace inside.
    UserNamespaceLimit,
    /// Session keyring of its own.
    Keyring,
    /// Descriptors closed before init starts.
    Descriptors,
    /// `aether-init` is not dumpable.
    Dumpable,
    /// `aether-init` has another user than the agent.
    InitUser,
    /// Limits of the cgroup.
    Cgroup,
    /// Limits of the process, set before its capabilities are gone.
    Rlimits,
    /// `aether-init` closes what it did not open, and goes where it is told by name.
    Init,
    /// `aether-init` runs from a sealed copy in memory.
    Sealed,
}

/// What an attempt would give to whoever it gets through for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gain {
    /// Something beyond the sandbox: at least two layers have to stop it.
    Escape,
    /// Knowledge about the host or the sandbox.
    Information,
    /// Nothing by itself: it shows that one layer works, or is a step of an attempt that stands beside it.
    Step,
}

/// An attack of the catalogue: one promise, one probe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attack {
    /// Group and number.
    pub(crate) id: &'static str,
    /// What must not happen.
    pub(crate) promise: &'static str,
    /// File in `probes/`, without `.c`.
    pub(crate) probe: &'static str,
    /// Where it runs.
    pub(crate) ground: Ground,
    /// Each thing it tries.
    pub(crate) attempts: &'static [Attempt],
}

/// Where a probe runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    /// In sandboxes only: outside it would touch this host.
    Inside,
    /// In sandboxes, on a terminal.
    Terminal,
    /// In sandboxes, and as root outside: what namespaces and ids refuse has its control there.
    Both,
}

/// One thing tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// As the probe names it.
    pub(crate) name: &'static str,
    /// What the full sandbox answers: names of errnos, or `signal N`.
    pub(crate) answers: &'static [&'static str],
    /// What stops it alone. Empty: nothing does, and it must get through (the probe itself works).
    pub(crate) by: &'static [Layer],
    /// Why fewer than two layers stop it, or where the control is when no layer can be left out.
    pub(crate) note: &'static str,
    /// No control is possible on any host; the note says what shows it instead.
    pub(crate) without_control: bool,
    /// What it would give.
    pub(crate) gain: Gain,
}

/// An attempt that these layers stop, each alone.
pub(crate) const fn stopped(name: &'static str, answers: &'static [&'static str], by: &'static [Layer]) -> Attempt {
    Attempt { name, answers, by, note: "", without_control: false, gain: Gain::Escape }
}

/// An attempt that must get through.
pub(crate) const fn works(name: &'static str) -> Attempt {
    Attempt { name, answers: &["through"], by: &[], note: "", without_control: false, gain: Gain::Step }
}

impl Attempt {
    /// With a note.
    pub(crate) const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    /// It would give away something, nothing more.
    pub(crate) const fn information(self) -> Self {
        Self { gain: Gain::Information, ..self }
    }

    /// It would give nothing by itself.
    pub(crate) const fn step(self) -> Self {
        Self { gain: Gain::Step, ..self }
    }

    /// Without a control; the note says why that is enough.
    pub(crate) const fn without_control(self, note: &'static str) -> Self {
        Self { note, without_control: true, ..self }
    }
}

impl Gain {
    /// Its name for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Escape => "escape",
            Self::Information => "information",
            Self::Step => "step",
        }
    }
}

impl Layer {
    /// The part of a launch that is this layer.
    pub(crate) const fn part(self) -> Option<Part> {
        match self {
            Self::Capabilities => Some(Part::Capabilities),
            Self::NoNewPrivs => Some(Part::NoNewPrivs),
            Self::Landlock => Some(Part::Landlock),
            Self::Seccomp => Some(Part::Seccomp),
            Self::SpawnerFilter => Some(Part::SpawnerFilter),
            Self::SetIdFilter => Some(Part::SetIdFilter),
            Self::Mounts => Some(Part::Mounts),
            Self::UserNamespaceLimit => Some(Part::UserNamespaceLimit),
            Self::Keyring => Some(Part::Keyring),
            Self::Descriptors => Some(Part::Descriptors),
            Self::Dumpable => Some(Part::Dumpable),
            Self::InitUser => Some(Part::InitUser),
            Self::Namespaces | Self::Cgroup | Self::Rlimits | Self::Init | Self::Sealed => None,
        }
    }

    /// What it means nothing without: the kernel takes a filter or a ruleset only with `no_new_privs`, and a capability reads
    /// the memory of what is not dumpable or somebody else's.
    pub(crate) const fn needs(self) -> Option<Self> {
        match self {
            Self::Seccomp | Self::SetIdFilter | Self::Landlock => Some(Self::NoNewPrivs),
            Self::Dumpable | Self::InitUser => Some(Self::Capabilities),
            _ => None,
        }
    }

    /// Layers that the matrix leaves out, one by one and all together. Nothing is lent to its sandboxes.
    pub(crate) const OPTIONAL: [Self; 11] = [
        Self::Capabilities,
        Self::NoNewPrivs,
        Self::Landlock,
        Self::Seccomp,
        Self::SpawnerFilter,
        Self::Mounts,
        Self::UserNamespaceLimit,
        Self::Keyring,
        Self::Descriptors,
        Self::Dumpable,
        Self::InitUser,
    ];

    /// Its name for people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Namespaces => "namespaces and ids",
            Self::Capabilities => "capabilities",
            Self::NoNewPrivs => "no_new_privs",
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::SpawnerFilter => "spawner's filter",
            Self::SetIdFilter => "filter of set-id bits",
            Self::Mounts => "mounts",
            Self::UserNamespaceLimit => "user namespace limit",
            Self::Keyring => "keyring",
            Self::Descriptors => "close_range",
            Self::Dumpable => "undumpable init",
            Self::InitUser => "init's own user",
            Self::Cgroup => "cgroup",
            Self::Rlimits => "rlimits",
            Self::Init => "aether-init",
            Self::Sealed => "sealed copy",
        }
    }
}
