//! What one call of an agent's loop used.

use serde::{Deserialize, Serialize};

/// What a call that ran a program used, as the kernel counted it, with everything that it started. A figure that this host does not count
/// for a call is null, and `absent` says why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CallUsage {
    /// CPU time, microseconds.
    #[ts(type = "number | null")]
    pub cpu_usec: Option<u64>,
    /// Most memory at a time, with the pages of files that it read and wrote, bytes.
    #[ts(type = "number | null")]
    pub memory_peak_bytes: Option<u64>,
    /// Most memory that a single one of its processes had at a time, of those that were waited for, bytes.
    #[ts(type = "number | null")]
    pub largest_process_bytes: Option<u64>,
    /// Read from storage by processes that were waited for, bytes.
    #[ts(type = "number | null")]
    pub read_bytes: Option<u64>,
    /// Written to files on storage by processes that were waited for, bytes.
    #[ts(type = "number | null")]
    pub written_bytes: Option<u64>,
    /// Most processes and threads at a time.
    #[ts(type = "number | null")]
    pub most_tasks: Option<u64>,
    /// Processes that were still there when its program had ended.
    pub left: u32,
    /// They go on, as the call asked; otherwise they were killed.
    pub left_running: bool,
    /// Why figures are null, one sentence each.
    pub absent: Vec<String>,
}

impl CallUsage {
    /// The figures in words, most telling first: `CPU 1.20 s · memory 34 MiB · written 4 KiB · 3 processes`. What is not counted is left out.
    pub fn words(&self) -> String {
        let mut parts = Vec::new();
        if let Some(usec) = self.cpu_usec {
            parts.push(format!("CPU {}", seconds(usec)));
        }
        match (self.memory_peak_bytes, self.largest_process_bytes) {
            (Some(bytes), _) => parts.push(format!("memory {}", size(bytes))),
            (None, Some(bytes)) => parts.push(format!("largest process {}", size(bytes))),
            (None, None) => {}
        }
        for (word, bytes) in [("read", self.read_bytes), ("written", self.written_bytes)] {
            if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
                parts.push(format!("{word} {}", size(bytes)));
            }
        }
        if let Some(most) = self.most_tasks {
            parts.push(if most == 1 { "1 process".to_owned() } else { format!("up to {most} processes") });
        }
        match (self.left, self.left_running) {
            (0, _) => {}
            (left, true) => parts.push(format!("{left} go on")),
            (left, false) => parts.push(format!("{left} left behind were killed")),
        }
        parts.join(" · ")
    }
}

fn seconds(usec: u64) -> String {
    match usec {
        0..1_000_000 => format!("{} ms", usec.div_ceil(1000)),
        1_000_000..100_000_000 => format!("{}.{:02} s", usec / 1_000_000, usec % 1_000_000 / 10_000),
        _ => format!("{} s", usec / 1_000_000),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..10_737_418_240 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_in_words_leave_out_what_is_not_counted() {
        let all = CallUsage {
            cpu_usec: Some(1_204_000),
            memory_peak_bytes: Some(34 << 20),
            largest_process_bytes: Some(9 << 20),
            read_bytes: Some(0),
            written_bytes: Some(4096),
            most_tasks: Some(3),
            ..CallUsage::default()
        };
        assert_eq!(all.words(), "CPU 1.20 s · memory 34 MiB · written 4 KiB · up to 3 processes");
        let some = CallUsage { memory_peak_bytes: None, most_tasks: Some(1), cpu_usec: Some(1), left: 2, ..all.clone() };
        assert_eq!(some.words(), "CPU 1 ms · largest process 9 MiB · written 4 KiB · 1 process · 2 left behind were killed");
        assert_eq!(CallUsage::default().words(), "");
        assert_eq!(CallUsage { left: 1, left_running: true, ..CallUsage::default() }.words(), "1 go on");
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        assert_eq!(serde_json::from_str::<CallUsage>(r#"{"cpuUsec":5}"#).unwrap().cpu_usec, Some(5));
    }
}
