//! "Inspect this machine and write a report."

use super::{
    DISCLAIMER,
    script::{Move, Script, Seen, fenced, give_up, quote, succeed},
};

struct Section {
    title: &'static str,
    thought: &'static str,
    command: &'static str,
}

const SECTIONS: &[Section] = &[
    Section {
        title: "System",
        thought: "First the kernel and the distribution.",
        command: "uname -srm; grep -E '^(PRETTY_NAME|VERSION_ID)=' /etc/os-release; echo \"host name: $(uname -n)\"; date -u '+now: %F %T UTC'; cut -d' ' -f1 /proc/uptime | sed 's/^/uptime in seconds: /'",
    },
    Section {
        title: "Processors",
        thought: "Then the processors.",
        command: "echo \"usable processors: $(nproc)\"; grep -m1 'model name' /proc/cpuinfo; cat /proc/loadavg | sed 's/^/load: /'",
    },
    Section {
        title: "Memory",
        thought: "Memory of the machine, and the limit set for me where it is visible.",
        command: "grep -E '^(MemTotal|MemAvailable|SwapTotal):' /proc/meminfo; for f in memory.max memory.current pids.max cpu.max; do [ -r /sys/fs/cgroup/$f ] && echo \"cgroup $f: $(cat /sys/fs/cgroup/$f)\"; done; true",
    },
    Section { title: "Disks", thought: "Space on the file systems.", command: "df -h 2>/dev/null; true" },
    Section {
        title: "Identity and confinement",
        thought: "Who I am here, and what confines me.",
        command: "id; grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status; echo 'uid map:'; cat /proc/self/uid_map; echo 'namespaces:'; readlink /proc/self/ns/* | tr '\\n' ' '",
    },
    Section {
        title: "Mounts",
        thought: "What is mounted, and how.",
        command: "cut -d' ' -f2-4 /proc/self/mounts | awk '{ split($3, o, \",\"); print $1, \"(\" $2 \",\", o[1] \")\" }'",
    },
    Section {
        title: "Network",
        thought: "Network interfaces.",
        command: "tail -n +3 /proc/net/dev | awk '{ print $1, \"received\", $2, \"bytes\" }'; grep -v '^#' /etc/resolv.conf 2>/dev/null; true",
    },
    Section {
        title: "Processes",
        thought: "What runs beside me.",
        command: "for p in /proc/[0-9]*; do [ -r $p/comm ] && echo \"${p#/proc/} $(cat $p/comm)\"; done 2>/dev/null | sort -n",
    },
    Section {
        title: "Installed tools",
        thought: "Which tools and toolchains are installed.",
        command: "for t in bash python3 perl ruby node npm gcc g++ clang make cmake meson cargo rustc go java git curl wget tar gzip xz zstd sqlite3 jq vim; do if command -v $t >/dev/null; then case $t in go) v=$(go version);; java) v=$(java -version 2>&1);; perl) v=$(perl -e 'print $^V');; *) v=$($t --version </dev/null 2>&1);; esac; echo \"$t: $(echo \"$v\" | grep -m1 .)\"; else missing=\"$missing $t\"; fi; done; echo \"not installed:$missing\"",
    },
    Section { title: "Home", thought: "What is in my home.", command: "cd && pwd && ls -la" },
];

pub(super) fn next(script: &mut Script<'_>, report: &str) -> Move {
    steps(script, report).unwrap_or_else(|step| step)
}

fn steps(script: &mut Script<'_>, report: &str) -> Result<Move, Move> {
    let mut results = Vec::new();
    for section in SECTIONS {
        results.push((section, script.run(section.thought, section.command)?));
    }
    let text = write_report(&results);
    let written = script.write("Now the report, with what the commands printed.", report, &text)?;
    if !written.ok {
        return Ok(give_up(format!("the report could not be written: {}", written.text)));
    }
    let check = script.run("Is it there, and whole?", &format!("wc -c < {}", quote(report)))?;
    if check.output().trim() != text.len().to_string() {
        return Ok(give_up(format!("{report} should have {} bytes, but: {}", text.len(), check.text)));
    }
    let failed = results.iter().filter(|(_, seen)| !seen.ok).count();
    let note = if failed == 0 { String::new() } else { format!(" ({failed} of the commands failed; the report says which)") };
    Ok(succeed(format!(
        "inspected this machine with {} commands and wrote {report}{note}: {}",
        SECTIONS.len(),
        headline(&results)
    )))
}

fn write_report(results: &[(&Section, &Seen)]) -> String {
    let mut text = format!(
        "# This machine\n\n{DISCLAIMER}: every block below is what the command above it printed inside this sandbox.\n\n**In short:** {}\n",
        headline(results)
    );
    for (section, seen) in results {
        text.push_str(&format!("\n## {}\n\n{}\n", section.title, fenced("sh", section.command)));
        if !seen.ok {
            text.push_str(&format!("The command failed ({}).\n\n", seen.text.lines().next().unwrap_or_default()));
        }
        text.push_str(&fenced("text", &seen.output()));
    }
    text
}

/// One line from the results: distribution, kernel, processors, memory, identity.
fn headline(results: &[(&Section, &Seen)]) -> String {
    let field = |title: &str, start: &str| -> Option<String> {
        let (_, seen) = results.iter().find(|(section, _)| section.title == title)?;
        let output = seen.output();
        let value = output.lines().find_map(|line| line.strip_prefix(start))?;
        Some(value.trim().trim_matches('"').to_owned())
    };
    let mut parts = Vec::new();
    parts.extend(field("System", "PRETTY_NAME="));
    parts.extend(field("System", "").map(|kernel| format!("kernel {kernel}")));
    parts.extend(field("Processors", "usable processors:").map(|n| format!("{n} processors")));
    parts.extend(field("Memory", "MemTotal:").and_then(mebibytes).map(|n| format!("{n} MiB of memory")));
    parts.extend(
        field("Identity and confinement", "uid=").and_then(|id| Some(format!("running as uid {}", id.split(' ').next()?))),
    );
    parts.join(", ")
}

fn mebibytes(text: String) -> Option<u64> {
    text.split(' ').next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}
