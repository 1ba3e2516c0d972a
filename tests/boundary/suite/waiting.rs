//! Sandboxes that wait for an agent while others attack.

use aether_sandbox::{plan::PlanLayer, spawner::weaken::Part};
use anyhow::{Result, ensure};

use crate::{
    bench::{Bench, PIPES, Sandbox, Way, plan},
    fingerprint::descriptors,
};

/// How many wait.
const COUNT: u32 = 3;
/// Beyond the slots of everything else.
const FIRST_SLOT: u32 = 180;
/// What an agent that looks around finds. The names of its file systems are its own.
const LOOK: &str = "id; hostname; find /home/agent /tmp /dev/shm /run /var/tmp ! -path '/home/agent/probes/*' | sort; \
    grep -E '^(Cap|NoNewPrivs|Seccomp|Groups|Uid|Gid)' /proc/self/status; ls /proc | grep -c '^[0-9]'; \
    awk '{ print $5, $6 }' /proc/self/mountinfo | sort; ulimit -a; cat /proc/self/cgroup | wc -l; ls -l /proc/self/fd | wc -l";

/// They wait, each begun when nothing had been attacked yet.
pub(crate) struct Waiting<'a>(&'a Bench);

impl<'a> Waiting<'a> {
    /// Has them built. The spawner holds two descriptors of each, and makes up in its own time for the network namespaces that
    /// they took.
    pub(crate) fn prepare(bench: &'a Bench) -> Result<Self> {
        bench.rest()?;
        let wanted = descriptors(bench.spawner_pid()) + 2 * usize::try_from(COUNT)?;
        for number in 0..COUNT {
            bench.prepare(&plan(&format!("waiting{number}"), FIRST_SLOT + number)?, &[])?;
        }
        bench.rest_at(wanted)?;
        Ok(Self(bench))
    }

    /// Claims them: each looks as one that is built now for an agent.
    pub(crate) fn are_fresh(&self) -> Result<()> {
        let look = |sandbox: &mut Sandbox<'_>| sandbox.client.run(&["/usr/bin/bash", "-c", LOOK], PIPES);
        self.0.launch_in(Way::AtOnce);
        let mut now = self.0.launch("builtnow", FIRST_SLOT + COUNT, &[])?;
        let wanted = look(&mut now)?;
        ensure!(wanted.contains("boundary\n") && wanted.contains("NoNewPrivs:\t1"), "{wanted}");
        // A look that misses what an agent left is none.
        now.client.run(&["/usr/bin/touch", "/tmp/left"], PIPES)?;
        ensure!(look(&mut now)? != wanted, "a file that an agent left is not seen");
        let mut weaker = self.0.launch("weaker", FIRST_SLOT + COUNT + 1, &[Part::Capabilities])?;
        ensure!(look(&mut weaker)? != wanted, "capabilities that an agent has are not seen");
        for number in 0..COUNT {
            let mut claimed = self.0.claim(plan(&format!("waiting{number}"), FIRST_SLOT + number)?)?;
            let found = look(&mut claimed)?;
            let differing: Vec<_> = found.lines().zip(wanted.lines()).filter(|(one, other)| one != other).collect();
            ensure!(found == wanted, "{}: {differing:?}", claimed.id);
            // The ids are its own.
            let layers = |sandbox: &Sandbox<'_>| {
                let layers = sandbox.launched.layers.iter().filter(|state| state.layer != PlanLayer::UserNamespace);
                layers.map(|state| format!("{state:?}")).collect::<Vec<_>>()
            };
            ensure!(layers(&claimed) == layers(&now), "{:?}", claimed.launched.layers);
            ensure!(claimed.launched.filters == now.launched.filters, "{:?}", claimed.launched.filters);
        }
        Ok(())
    }
}
