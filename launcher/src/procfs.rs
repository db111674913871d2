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

/// Clock ticks in a second, as /proc counts them.
pub fn ticks_per_second() -> u32 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    let ticks = ticks
        .ok()
        .flatten()
        .and_then(|ticks| u32::try_from(ticks).ok());
    ticks.filter(|ticks| *ticks > 0).unwrap_or(100)
}

/// Some of what /proc/PID/stat shows of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// R runs, S sleeps, D sleeps in the kernel, T is stopped, Z has ended, …
    pub state: char,
    /// Processor time of all its threads so far, in clock ticks.
    pub used: u64,
    /// When it began, in clock ticks since the machine did.
    pub began: u64,
}

impl Stat {
    /// None if the process has ended.
    pub fn of(pid: i32) -> Option<Stat> {
        Stat::parse(&String::from_utf8_lossy(&file(pid, "stat")?))
    }

    fn parse(line: &str) -> Option<Stat> {
        // The second field is the name, in parentheses, and may hold anything.
        let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
        Some(Stat {
            state: fields.first()?.chars().next()?,
            used: number(14)?.saturating_add(number(15)?),
            began: number(22)?,
        })
    }
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
    fn a_name_with_parentheses_does_not_matter() {
        let line = "7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 30 12 0 0 20 0 1 0 98765 0";
        let stat = Stat {
            state: 'S',
            used: 42,
            began: 98765,
        };
        assert_eq!(Stat::parse(line), Some(stat));
        assert_eq!(Stat::parse("7 (a"), None);
        assert_eq!(Stat::of(0), None);
    }

    #[test]
    fn entries_are_compared_as_a_whole() {
        let environ = b"A=1\0AB=12\0";
        assert!(has_entry(environ, b"A=1") && has_entry(environ, b"AB=12"));
        assert!(!has_entry(environ, b"AB=1") && !has_entry(environ, b"B=12"));
    }
}
