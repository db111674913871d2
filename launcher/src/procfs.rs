//! What /proc shows of processes.

use std::path::PathBuf;

/// The numbers of all processes that /proc shows.
pub fn pids() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The contents of a file of a process. None if the process has ended, or if this user may
/// not read the file.
pub fn file(pid: i32, name: &str) -> Option<Vec<u8>> {
    std::fs::read(PathBuf::from(format!("/proc/{pid}")).join(name)).ok()
}

/// Whether an environment, as in /proc/PID/environ, has this entry.
pub fn has_entry(environ: &[u8], entry: &[u8]) -> bool {
    environ.split(|byte| *byte == 0).any(|other| other == entry)
}

/// The value of the field `name:` in lines `name: value`, as in /proc/PID/status.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|line| line.0 == name).map(|line| line.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_shown() {
        let own = nix::unistd::Pid::this().as_raw();
        assert!(pids().any(|pid| pid == own));
        let status = String::from_utf8(file(own, "status").unwrap()).unwrap();
        assert_eq!(field(&status, "Pid"), Some(own.to_string().as_str()));
        assert_eq!(field(&status, "Pi"), None);
    }

    #[test]
    fn entries_are_compared_as_a_whole() {
        let environ = b"A=1\0AB=12\0";
        assert!(has_entry(environ, b"A=1") && has_entry(environ, b"AB=12"));
        assert!(!has_entry(environ, b"AB=1") && !has_entry(environ, b"B=12"));
    }
}
