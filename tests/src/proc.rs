//! What the host's `/proc` says about a process.

use std::{collections::BTreeMap, fs, path::Path};

/// Namespaces every sandbox has of its own.
pub const NAMESPACES: [&str; 7] = ["user", "pid", "mnt", "net", "ipc", "uts", "cgroup"];

/// Fields of `/proc/<pid>/status`, `None` when it is gone.
pub fn status(pid: u32) -> Option<BTreeMap<String, String>> {
    Some(parse_status(&fs::read_to_string(format!("/proc/{pid}/status")).ok()?))
}

/// Fields of the text of a `status` file, read anywhere.
pub fn parse_status(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect()
}

/// Is there a process of that pid that is not a zombie?
pub fn runs(pid: u32) -> bool {
    status(pid).is_some_and(|fields| !fields["State"].starts_with('Z'))
}

/// All pids of the host.
pub fn all() -> Vec<u32> {
    fs::read_dir("/proc").expect("/proc").flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Pids of the direct children.
pub fn children(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    all().into_iter().filter(|pid| status(*pid).is_some_and(|fields| fields["PPid"] == parent)).collect()
}

/// Inode of a namespace, for example `net:[4026531840]`.
pub fn namespace(pid: u32, name: &str) -> String {
    fs::read_link(format!("/proc/{pid}/ns/{name}")).map(|path| path.display().to_string()).unwrap_or_default()
}

/// Path of its cgroup below the mount point of cgroup2.
pub fn cgroup(pid: u32) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

/// How many descriptors it has open. A daemon's database has a few that come with the first use of each of its connections and while its
/// log is folded: they count once they are more than that.
pub fn descriptors(pid: u32) -> usize {
    // Four connections with a file and a log each, the memory they share, two of a fold, one of a sync of the log.
    const OF_A_DATABASE: usize = 4 * 2 + 1 + 2 + 1;
    let list = descriptor_list(pid);
    let base = list.iter().filter(|path| path.contains("/aether.db")).count();
    list.len() - base.min(OF_A_DATABASE)
}

/// What its descriptors are, for messages.
pub fn descriptor_list(pid: u32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let mut list: Vec<String> =
        entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).map(|path| path.display().to_string()).collect();
    list.sort();
    list
}

/// Its mounts, one line each, without the numbers that every mount changes: its id, its parent's, its device.
pub fn mounts(pid: u32) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
    let mut lines: Vec<String> = text.lines().map(|line| line.splitn(4, ' ').nth(3).unwrap_or("").to_owned()).collect();
    lines.sort();
    lines
}

/// Mount points of all cgroup hierarchies: cgroup2, and the controllers of version 1 where the host has them.
pub fn cgroup_roots() -> Vec<String> {
    let text = fs::read_to_string("/proc/self/mounts").expect("/proc/self/mounts");
    text.lines()
        .filter_map(|line| {
            let mut fields = line.split(' ');
            let (_, point, kind) = (fields.next()?, fields.next()?, fields.next()?);
            matches!(kind, "cgroup" | "cgroup2").then(|| point.to_owned())
        })
        .collect()
}

/// The value of a controller's file for a process's cgroup, wherever the host keeps that controller.
pub fn controller_file(pid: u32, controller: &str, names: &[&str]) -> Option<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let path = |wanted: &dyn Fn(&str) -> bool| {
        text.lines()
            .filter_map(|line| line.split_once(':')?.1.split_once(':'))
            .find(|(list, _)| wanted(list))
            .map(|(_, path)| path.to_owned())
    };
    let old = path(&|list| list.split(',').any(|name| name == controller));
    let candidates = [old, path(&str::is_empty)];
    let read = |root: &String, path: &String| {
        names.iter().find_map(|name| fs::read_to_string(Path::new(root).join(path.trim_start_matches('/')).join(name)).ok())
    };
    let found = candidates.iter().flatten().find_map(|path| {
        let roots = cgroup_roots();
        // A hierarchy of version 1 is mounted under its controllers' names; cgroup2 elsewhere.
        let (named, others): (Vec<_>, Vec<_>) = roots.into_iter().partition(|root| root.ends_with(controller));
        named.iter().chain(&others).find_map(|root| read(root, path))
    });
    found.map(|value| value.trim().to_owned())
}

/// Pids in the cgroup (or below it).
pub fn in_cgroup(path: &str) -> Vec<u32> {
    let below = format!("{path}/");
    all().into_iter().filter(|pid| cgroup(*pid).is_some_and(|own| own == path || own.starts_with(&below))).collect()
}

/// Processor time of a process so far, in clock ticks (proc(5), `utime` and `stime`).
///
/// # Panics
/// When it does not run.
pub fn cpu_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
}
