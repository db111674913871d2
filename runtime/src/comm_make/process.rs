//! Whether a process of another job has ended, as the kernel tells it.

/// A line of `/proc/PID/stat`, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stat {
    state: char,
    threads: u32,
    /// When the process began, in clock ticks after the machine.
    begun: u64,
}

/// Reads such a line. The process's name, which may contain anything, ends with its last
/// parenthesis.
fn parse(line: &str) -> Option<Stat> {
    let mut fields = line[line.rfind(')')? + 1..].split_ascii_whitespace();
    Some(Stat {
        state: fields.next()?.chars().next()?, // field 3 of proc_pid_stat(5)
        threads: fields.nth(16)?.parse().ok()?, // field 20
        begun: fields.nth(1)?.parse().ok()?,   // field 22
    })
}

fn look(pid: u32) -> Option<Stat> {
    let line = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(&String::from_utf8_lossy(&line))
}

/// When a process began, in clock ticks after the machine: tells it from a later one with the
/// same number. `None`: it is not known.
pub(super) fn begun(pid: u32) -> Option<u64> {
    (pid != 0).then(|| look(pid))?.map(|stat| stat.begun)
}

/// Whether the process with this number, which began then, has ended. One that nobody has
/// waited for yet has ended, too. 0 is no process, and has not.
pub(super) fn has_ended(pid: u32, begun: Option<u64>) -> bool {
    let Some(raw) = i32::try_from(pid).ok().filter(|pid| *pid > 0) else {
        return false;
    };
    // SAFETY: signal 0 is none: the call only looks whether the process is there.
    let absent = unsafe { libc::kill(raw, 0) } != 0
        && std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
    absent || look(pid).is_some_and(|stat| is_over(stat, begun))
}

/// A process whose first thread has ended is a zombie as well, but goes on while it has other
/// threads.
fn is_over(stat: Stat, begun: Option<u64>) -> bool {
    let is_zombie = matches!(stat.state, 'Z' | 'X') && stat.threads <= 1;
    is_zombie || begun.is_some_and(|begun| begun != stat.begun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_whatever_the_name_is() {
        let rest = "1 1 1 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 3 0 4711 1 2";
        for name in ["a", "a b", ") Z 1 (", "(("] {
            let stat = parse(&format!("12 ({name}) S {rest}")).unwrap();
            let wanted = Stat {
                state: 'S',
                threads: 3,
                begun: 4711,
            };
            assert_eq!(stat, wanted, "{name}");
        }
        assert_eq!(parse("12 (a) S 1 2"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn another_process_and_a_zombie_have_ended() {
        let pid = std::process::id();
        let own = begun(pid);
        assert!(own.is_some());
        assert!(!has_ended(pid, own));
        assert!(has_ended(pid, Some(own.unwrap() + 1)), "it began later");
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let since = begun(child.id());
        while !has_ended(child.id(), since) {
            std::thread::yield_now(); // it becomes a zombie, which nobody waits for yet
        }
        child.wait().unwrap();
        assert!(has_ended(child.id(), since));
    }

    #[test]
    fn a_process_lives_on_without_its_first_thread() {
        let stat = Stat {
            state: 'Z',
            threads: 2,
            begun: 1,
        };
        assert!(!is_over(stat, Some(1)));
    }
}
