//! ESC-24: a host without Landlock is refused by name, and taken only by who allows exactly that.

use aether_sandbox::{
    plan::PlanLayer,
    spawner::weaken::Part,
    wire::spawner::{SpawnerReply, SpawnerRequest},
};
use anyhow::{Result, bail, ensure};

use crate::{
    bench::{Bench, PIPES, plan},
    report::Report,
};

pub(super) fn run(bench: &Bench, report: &mut Report) -> Result<()> {
    report.check("ESC-24", "without Landlock the launch is refused by name, with the fix", refused(bench));
    report.check(
        "ESC-24",
        "whoever allows it to be missing gets a sandbox that says so, and the other layers hold",
        reduced(bench),
    );
    Ok(())
}

fn refused(bench: &Bench) -> Result<()> {
    let mut strict = plan("strict", 71)?;
    // Another layer that may be missing is not this one.
    strict.may_miss = vec![PlanLayer::Seccomp];
    let reply = bench.ask(&SpawnerRequest::LaunchWithout(Box::new(strict), vec![Part::HostLandlock]))?;
    let SpawnerReply::Failed(failure) = reply else { bail!("{reply:?}") };
    ensure!(failure.layer == Some(PlanLayer::Landlock), "{failure:?}");
    ensure!(failure.cause.contains("Landlock") && failure.hint.contains("lsm=landlock"), "{failure:?}");
    Ok(())
}

fn reduced(bench: &Bench) -> Result<()> {
    let mut allowed = plan("reduced", 71)?;
    allowed.may_miss = vec![PlanLayer::Landlock];
    let mut sandbox = bench.launch_plan(allowed, &[Part::HostLandlock])?;
    let off: Vec<_> = sandbox.launched.layers.iter().filter(|state| !state.active).collect();
    ensure!(off.len() == 1 && off[0].layer == PlanLayer::Landlock && off[0].detail.contains("no Landlock"), "{off:?}");
    let text = sandbox.probe("esc_landlock", &[], PIPES)?;
    ensure!(text.lines().count() > 4 && !text.contains("through"), "{text}");
    Ok(())
}
