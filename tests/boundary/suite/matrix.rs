//! Every probe in every kind of sandbox: the full one, each layer left out alone, each kept alone, and none.

use std::{
    collections::BTreeMap,
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
};

use aether_sandbox::spawner::weaken::Part;
use anyhow::{Context as _, Result};

use crate::{
    attack::{Attack, Attempt, Gain, Ground, Layer},
    attacks::ATTACKS,
    bench::{Bench, PIPES, TERMINAL},
    fingerprint::Fingerprint,
    machine, outside,
    report::{Report, Row, Verdict},
};

/// A kind of sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Full,
    Without(Layer),
    Only(Layer),
    Bare,
}

/// What each attempt of a probe answered.
type Answers = BTreeMap<String, String>;
/// Of every attack, by kind of sandbox.
type Inside = BTreeMap<(&'static str, Kind), Answers>;
/// Of every attack, by the layer that was kept as root outside.
type Outside = BTreeMap<(&'static str, Option<Part>), Answers>;

/// The name of the abstract socket that the host listens on meanwhile.
fn abstract_name() -> String {
    format!("aether-boundary-{}", std::process::id())
}

/// Runs all attacks whose id begins with `wanted`.
pub(crate) fn run(bench: &Bench, wanted: Option<&str>, report: &mut Report) -> Result<()> {
    let attacks: Vec<&Attack> = ATTACKS.iter().filter(|attack| wanted.is_none_or(|w| attack.id.starts_with(w))).collect();
    let name = abstract_name();
    let address = <SocketAddr as SocketAddrExt>::from_abstract_name(&name)?;
    let _listener = UnixListener::bind_addr(&address)?;
    let mut inside = Inside::new();
    let kinds = [Kind::Full, Kind::Bare].into_iter();
    let kinds = kinds.chain(Layer::OPTIONAL.into_iter().flat_map(|layer| [Kind::Without(layer), Kind::Only(layer)]));
    for (number, kind) in kinds.enumerate() {
        let before = Fingerprint::at_rest(bench)?;
        let mut sandbox = bench.launch(&format!("kind{number}"), u32::try_from(number)?, &kind.left_out())?;
        for attack in &attacks {
            let stdio = if attack.ground == Ground::Terminal { TERMINAL } else { PIPES };
            let text = sandbox.probe(attack.probe, &[&name], stdio).with_context(|| format!("{} in {kind:?}", attack.id))?;
            inside.insert((attack.id, kind), answers(&text));
            if kind == Kind::Full {
                report.check(attack.id, "leaves the host as it was", before.is_again(bench));
            }
        }
        drop(sandbox);
        report.check("all", &format!("the host is as it was after {kind:?}"), before.is_again(bench));
    }
    let mut outside = Outside::new();
    for attack in attacks.iter().filter(|attack| attack.ground == Ground::Both) {
        let program = bench.state.join("base/home/probes").join(attack.probe);
        for part in [None].into_iter().chain(outside::PARTS.map(Some)) {
            outside.insert((attack.id, part), answers(&outside::run(part, &program, &[&name])?));
        }
    }
    for attack in attacks {
        for attempt in attack.attempts {
            report.add(judge(attack, attempt, &inside, &outside));
        }
        let known = |name: &String| attack.attempts.iter().any(|attempt| attempt.name == name);
        let unlisted: Vec<_> = inside[&(attack.id, Kind::Full)].keys().filter(|name| !known(name)).collect();
        let listed = if unlisted.is_empty() { Ok(()) } else { Err(anyhow::anyhow!("not judged: {unlisted:?}")) };
        report.check(attack.id, "judges every attempt of its probe", listed);
    }
    Ok(())
}

impl Kind {
    /// Parts to leave out of its launch.
    fn left_out(self) -> Vec<Part> {
        let left_out = |layer: &Layer| match self {
            Self::Full => false,
            Self::Bare => true,
            Self::Without(missing) => *layer == missing,
            Self::Only(kept) => *layer != kept && kept.needs() != Some(*layer),
        };
        let parts = Layer::OPTIONAL.into_iter().filter(left_out).filter_map(Layer::part);
        // In each a descriptor of the host is lost on purpose.
        parts.chain([Part::Leak]).collect()
    }
}

fn answers(text: &str) -> Answers {
    text.lines().filter_map(|line| line.trim().split_once(' ')).map(|(name, answer)| (name.into(), answer.into())).collect()
}

/// One attempt, over all sandboxes.
fn judge(attack: &Attack, attempt: &Attempt, inside: &Inside, outside: &Outside) -> Row {
    let of = |kind| inside[&(attack.id, kind)].get(attempt.name).map_or("no answer", String::as_str);
    let out = |part| outside.get(&(attack.id, part)).and_then(|all| all.get(attempt.name)).map_or("no answer", String::as_str);
    let denied = |answer: &str| answer != "through" && answer != "no answer";
    let full = of(Kind::Full);
    let control_inside = of(Kind::Bare) == "through";
    let control_outside = out(None) == "through";
    let mut stops: Vec<Layer> = Vec::new();
    if control_inside {
        // What a layer rests on is kept with it: what that stops already is not the layer's doing.
        let rests = |layer: &Layer| layer.needs().is_some_and(|needed| denied(of(Kind::Only(needed))));
        stops.extend(Layer::OPTIONAL.into_iter().filter(|layer| denied(of(Kind::Only(*layer))) && !rests(layer)));
    } else if denied(of(Kind::Bare)) {
        stops.push(Layer::Namespaces);
        let alone = |layer: &Layer| layer.part().is_some_and(|part| denied(out(Some(part))));
        stops.extend(Layer::OPTIONAL.into_iter().filter(|layer| control_outside && alone(layer)));
    }
    if attempt.without_control {
        stops = attempt.by.to_vec();
    }
    let gaps: Vec<_> = Layer::OPTIONAL.into_iter().filter(|layer| !denied(of(Kind::Without(*layer)))).collect();
    let (idle, why_idle) = machine::idle(attack.id, attempt.name);
    let missing: Vec<_> = attempt.by.iter().filter(|layer| !stops.contains(layer) && !idle.contains(layer)).collect();
    let mut row = Row {
        id: attack.id,
        promise: attack.promise,
        attempt: attempt.name.to_owned(),
        answer: full.to_owned(),
        layers: if attempt.by.is_empty() { Vec::new() } else { stops.clone() },
        control: if control_inside {
            "all left out"
        } else if control_outside {
            "outside, as root"
        } else {
            "none"
        },
        note: if idle.is_empty() { attempt.note } else { why_idle },
        gain: attempt.gain,
        verdict: Verdict::Pass,
    };
    if attempt.by.is_empty() {
        row.control = "is one";
    }
    let single = attempt.by.len() == 1;
    // A layer that all of them rest on is missed by all of them at once. The note has to say so.
    let common = |gap: &Layer| attempt.by.iter().all(|layer| layer.needs() == Some(*gap)) && !attempt.note.is_empty();
    let stated = |gap: &Layer| common(gap) || single && attempt.by[0] == *gap;
    row.verdict = if !attempt.answers.contains(&full) {
        Verdict::Fail(format!("the full sandbox answers {full}, not {:?}; through without {gaps:?}", attempt.answers))
    } else if attempt.by.is_empty() {
        Verdict::Pass
    } else if !(control_inside || control_outside || attempt.without_control) {
        Verdict::Inconclusive(format!("it gets through nowhere: bare {}, outside {}", of(Kind::Bare), out(None)))
    } else if !missing.is_empty() {
        Verdict::Fail(format!("{missing:?} alone do not stop it; {stops:?} do"))
    } else if !gaps.iter().all(stated) {
        Verdict::Fail(format!("gets through when {gaps:?} alone is missing; {stops:?} stop it"))
    } else if stops.len() < 2 && attempt.gain == Gain::Escape && attack.id.starts_with("ESC") {
        Verdict::Fail(format!("an escape that {stops:?} alone stop"))
    } else if attempt.by.len() < 2 && attempt.note.is_empty() {
        Verdict::Fail(format!("one layer is expected and nothing says why; {stops:?} stop it"))
    } else {
        Verdict::Pass
    };
    if let Some(why) = machine::lacks(attack.id, attempt.name, full, [of(Kind::Bare), out(None)], &row.verdict) {
        row.verdict = Verdict::NotHere(why);
    }
    row
}
