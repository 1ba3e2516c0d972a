//! From what a person asked for and what this host can do to a complete plan. Pure: no I/O, no clock, no chance.

use aether_protocol::{AgentName, AgentSpec, ApiError, ErrorCode, Layer};
use aether_sandbox::{
    host::{Feature, HostSupport},
    plan::{CgroupLimits, DiskLimits, IdRange, LentMount, PlanLayer, Profile, SandboxId, SandboxPlan, TRUST},
};

use crate::{config::LimitsConfig, egress};

/// What the plan needs beside spec and host.
#[derive(Debug, Clone)]
pub struct Lent {
    /// Name of the sandbox.
    pub id: SandboxId,
    /// Its home.
    pub home: SandboxId,
    /// Its uids.
    pub ids: IdRange,
    /// Who lends the mounts: uid and gid, in the order of the spec's mounts.
    pub lenders: Vec<(u32, u32)>,
}

/// Compiles a spec that was checked.
///
/// # Errors
/// `Unsupported` naming the missing layer and its fix, unless the spec allows it to be missing.
pub fn compile(
    spec: &AgentSpec,
    name: &AgentName,
    host: &HostSupport,
    limits: &LimitsConfig,
    lent: Lent,
) -> Result<SandboxPlan, ApiError> {
    check_host(spec, host)?;
    Ok(plan_of(spec, name, limits, lent))
}

/// The plan of a spec, whatever the host can do.
pub fn plan_of(spec: &AgentSpec, name: &AgentName, limits: &LimitsConfig, lent: Lent) -> SandboxPlan {
    let mounts = spec.mounts.iter().zip(&lent.lenders).map(|(mount, (uid, gid))| LentMount {
        target: mount.target.clone(),
        read_only: mount.read_only,
        lender_uid: *uid,
        lender_gid: *gid,
    });
    // Its descriptor comes after those of the spec's mounts.
    let trust = egress::opens_tls(&spec.network).then(|| LentMount {
        target: TRUST.to_owned(),
        read_only: true,
        lender_uid: 0,
        lender_gid: 0,
    });
    SandboxPlan {
        id: lent.id,
        hostname: name.as_str().trim_matches('-').to_owned(),
        ids: lent.ids,
        home: lent.home,
        limits: CgroupLimits {
            memory_bytes: spec.limits.memory_bytes.unwrap_or(limits.memory.0),
            pids: spec.limits.pids.unwrap_or(limits.pids),
            cpu_quota_usec: quota(spec.limits.cpus.unwrap_or(limits.cpus)),
        },
        profile: match spec.profile {
            aether_protocol::Profile::Standard => Profile::Standard,
            aether_protocol::Profile::Packages => Profile::Packages,
            aether_protocol::Profile::Browser => Profile::Browser,
        },
        disk: Some(DiskLimits {
            bytes: spec.limits.disk_bytes.unwrap_or(limits.disk.0),
            inodes: spec.limits.inodes.unwrap_or(limits.inodes),
            required: spec.limits.disk_bytes.is_some(),
            inodes_required: spec.limits.inodes.is_some(),
        }),
        mounts: mounts.chain(trust).collect(),
        network: aether_net::compile(match egress::needs_network(spec) {
            true => aether_net::Mode::Relayed,
            false => aether_net::Mode::None,
        }),
        tmp_bytes: limits.tmp.0,
        shm_bytes: limits.shm.0,
        may_miss: spec.allow_reduced.iter().map(|layer| plan_layer(*layer)).collect(),
    }
}

/// Refuses what this host cannot isolate.
///
/// # Errors
/// `Unsupported`, as [`compile`].
pub fn check_host(spec: &AgentSpec, host: &HostSupport) -> Result<(), ApiError> {
    egress::compile(&spec.network)?;
    if spec.mounts.iter().any(|mount| mount.target.trim_end_matches('/') == TRUST) {
        let hint = "lend another directory, and name it to programs with SSL_CERT_FILE or the like";
        return Err(ApiError::invalid(format!("nothing can be mounted on {TRUST:?}"), hint));
    }
    for (layer, feature) in missing(host) {
        if !spec.allow_reduced.iter().any(|allowed| plan_layer(*allowed) == layer) {
            let name = layer.name();
            let hint = format!("{} (or give the layer up for this agent: --allow-reduced {name})", feature.fix);
            return Err(ApiError::new(
                ErrorCode::Unsupported,
                format!("this host cannot provide the layer {name}: {}", feature.detail),
                hint,
            ));
        }
    }
    Ok(())
}

/// The layers this host lacks, each with the reason and the fix.
fn missing(host: &HostSupport) -> Vec<(PlanLayer, Feature)> {
    [
        (PlanLayer::UserNamespace, &host.user_namespaces),
        (PlanLayer::Filesystem, &host.idmapped_state),
        (PlanLayer::Filesystem, &host.overlay),
        (PlanLayer::Cgroup, &host.cgroup),
        (PlanLayer::Memory, &host.memory),
        (PlanLayer::Pids, &host.pids),
        (PlanLayer::Cpu, &host.cpu),
        (PlanLayer::Landlock, &host.landlock),
        (PlanLayer::Seccomp, &host.seccomp),
    ]
    .into_iter()
    .filter(|(_, feature)| !feature.works)
    .map(|(layer, feature)| (layer, feature.clone()))
    .collect()
}

/// CPU time per period of 100 ms.
fn quota(cpus: f64) -> u64 {
    // At least 1 ms: the kernel refuses less. The spec's check keeps this far below 2^53.
    ((cpus * 100_000.0).round() as u64).max(1_000)
}

const fn plan_layer(layer: Layer) -> PlanLayer {
    match layer {
        Layer::UserNamespace => PlanLayer::UserNamespace,
        Layer::Namespaces => PlanLayer::Namespaces,
        Layer::Network => PlanLayer::Network,
        Layer::Filesystem => PlanLayer::Filesystem,
        Layer::Cgroup => PlanLayer::Cgroup,
        Layer::Memory => PlanLayer::Memory,
        Layer::Pids => PlanLayer::Pids,
        Layer::Cpu => PlanLayer::Cpu,
        Layer::Landlock => PlanLayer::Landlock,
        Layer::Seccomp => PlanLayer::Seccomp,
        Layer::Capabilities => PlanLayer::Capabilities,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that has everything.
    fn host() -> HostSupport {
        let yes = || Feature::yes("found");
        HostSupport {
            kernel: "6.18".into(),
            landlock_abi: 7,
            landlock: yes(),
            user_namespaces: yes(),
            seccomp: yes(),
            system_calls: yes(),
            idmapped_state: yes(),
            idmapped_usr: yes(),
            overlay: yes(),
            disk: yes(),
            inodes: yes(),
            cgroup: yes(),
            memory: yes(),
            pids: yes(),
            cpu: yes(),
            relay: yes(),
            cgroup_layout: "unified".into(),
            service_uid: 900,
        }
    }

    fn spec(more: &str) -> AgentSpec {
        serde_json::from_str(&format!(r#"{{"program": {{"type": "command", "argv": ["true"]}}{more}}}"#)).expect("spec")
    }

    fn lent(lenders: &[(u32, u32)]) -> Lent {
        Lent {
            id: "abcdefghijkl".parse().expect("id"),
            home: "abcdefghijkl".parse().expect("id"),
            ids: IdRange::new(3).expect("slot"),
            lenders: lenders.to_vec(),
        }
    }

    fn compiled(spec: &AgentSpec, host: &HostSupport) -> Result<SandboxPlan, ApiError> {
        let name = "true-1".parse().expect("name");
        compile(spec, &name, host, &LimitsConfig::default(), lent(&[(1000, 100)]))
    }

    #[test]
    fn defaults_are_complete() {
        let plan = compiled(&spec(""), &host()).expect("plan");
        insta::assert_debug_snapshot!(plan, @r#"
        SandboxPlan {
            id: SandboxId(
                "abcdefghijkl",
            ),
            hostname: "true-1",
            ids: IdRange {
                slot: 3,
            },
            home: SandboxId(
                "abcdefghijkl",
            ),
            profile: Standard,
            limits: CgroupLimits {
                memory_bytes: 1073741824,
                pids: 2048,
                cpu_quota_usec: 100000,
            },
            disk: Some(
                DiskLimits {
                    bytes: 10737418240,
                    inodes: 1000000,
                    required: false,
                    inodes_required: false,
                },
            ),
            mounts: [],
            network: LoopbackOnly,
            tmp_bytes: 268435456,
            shm_bytes: 67108864,
            may_miss: [],
        }
        "#);
    }

    #[test]
    fn wishes_are_kept() {
        let wish = r#", "limits": {"memoryBytes": 33554432, "cpus": 1.5, "pids": 64},
            "mounts": [{"source": {"type": "root", "path": "/srv/a"}, "target": "/data", "readOnly": true}],
            "allowReduced": ["cpu"]"#;
        let plan = compiled(&spec(wish), &host()).expect("plan");
        assert_eq!(plan.limits, CgroupLimits { memory_bytes: 33_554_432, pids: 64, cpu_quota_usec: 150_000 });
        let mount = LentMount { target: "/data".into(), read_only: true, lender_uid: 1000, lender_gid: 100 };
        assert_eq!(plan.mounts, [mount]);
        assert_eq!(plan.may_miss, [PlanLayer::Cpu]);
    }

    #[test]
    fn a_missing_layer_is_refused_with_its_name_and_fix() {
        let mut host = host();
        host.landlock = Feature::no("Landlock is not active", "boot with lsm=landlock");
        let error = compiled(&spec(""), &host).expect_err("no landlock");
        assert_eq!(error.code, ErrorCode::Unsupported);
        assert_eq!(error.message, "this host cannot provide the layer landlock: Landlock is not active");
        assert!(error.hint.contains("lsm=") && error.hint.contains("--allow-reduced landlock"), "{}", error.hint);
        assert!(compiled(&spec(r#", "allowReduced": ["landlock"]"#), &host).is_ok());
        assert!(compiled(&spec(r#", "allowReduced": ["seccomp"]"#), &host).is_err());
    }

    #[test]
    fn every_probed_feature_counts() {
        let switches: [fn(&mut HostSupport) -> &mut Feature; 9] = [
            |h| &mut h.landlock,
            |h| &mut h.user_namespaces,
            |h| &mut h.seccomp,
            |h| &mut h.idmapped_state,
            |h| &mut h.overlay,
            |h| &mut h.cgroup,
            |h| &mut h.memory,
            |h| &mut h.pids,
            |h| &mut h.cpu,
        ];
        for switch in switches {
            let mut host = host();
            *switch(&mut host) = Feature::no("broken", "mend it");
            let error = compiled(&spec(""), &host).expect_err("refused");
            assert!(error.message.contains("broken") && error.hint.starts_with("mend it"), "{error:?}");
        }
    }
}
