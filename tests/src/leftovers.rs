//! What a job leaves behind: processes, files. There must be nothing.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The variable by which the processes of one job are known.
pub const MARK: &str = "JOB_UNDER_TEST";

/// A mark for a job that no other job has: the value for [`MARK`].
#[must_use]
pub fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{n}", std::process::id())
}

/// The processes, zombies not counted, whose environment has [`MARK`] with this value.
#[must_use]
pub fn processes(mark: &str) -> Vec<u32> {
    let wanted = format!("{MARK}={mark}").into_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(pid) = name.to_str().and_then(|n| n.parse::<u32>().ok()) else {
            continue;
        };
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        if environ.split(|b| *b == 0).any(|v| v == wanted) {
            found.push(pid);
        }
    }
    found
}

/// Waits until no process of the job is left, for what a kill takes to work.
///
/// # Panics
/// If some are still there after ten seconds.
pub fn no_processes(mark: &str) {
    let start = Instant::now();
    loop {
        let left = processes(mark);
        if left.is_empty() {
            return;
        }
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "still running: {left:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The files in /dev/shm and /tmp that have our name in theirs, or are semaphores.
#[must_use]
pub fn files() -> BTreeSet<String> {
    let ours = |path: &String| {
        let name = Path::new(path).file_name().unwrap_or_default();
        let name = name.to_string_lossy().to_lowercase();
        ["lariat", "sem."].iter().any(|n| name.contains(n))
    };
    ["/dev/shm", "/tmp"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flatten()
        .flatten()
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .filter(ours)
        .collect()
}
