//! Lines of Python programs: where the interpreter of a rank is in its program, as
//! `py-spy` tells, where that is installed. Without it a report names no line of Python.

use crate::snapshot::RankSnapshot;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Ranks that are asked for at the most: each takes a process.
const MOST: usize = 32;
/// How long all of them may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often to look whether they are done.
const INTERVAL: Duration = Duration::from_millis(5);

/// The lines in which the main threads of these ranks are, by rank: of ranks that run
/// Python and wait in one thread. None: it cannot be had, and lines of the interpreter's own
/// source would tell nobody anything.
pub fn lines(snapshots: &[RankSnapshot]) -> Vec<(u32, Option<String>)> {
    let wanted = snapshots
        .iter()
        .filter(|s| s.waits.len() == 1 && !s.waits[0].shown.frames.is_empty() && is_python(s.pid));
    let wanted: Vec<&RankSnapshot> = wanted.collect();
    let asked = wanted.iter().enumerate();
    let asked = asked.map(|(at, s)| (*s, (at < MOST).then(|| ask(s.pid)).flatten()));
    let asked: Vec<(&RankSnapshot, Option<Child>)> = asked.collect();
    let end = Instant::now() + PATIENCE;
    let answers = asked.into_iter().map(|(snapshot, child)| {
        let text = child.and_then(|child| answer(child, end));
        let line = text.and_then(|text| line(&text, snapshot.pid));
        (snapshot.rank, line)
    });
    answers.collect()
}

/// What py-spy says. None: it has not ended by then.
fn answer(mut child: Child, end: Instant) -> Option<String> {
    // An error: mpirun has taken note of its end already.
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= end {
            let _ = child.kill(); // it may have ended meanwhile
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(INTERVAL);
    }
    let mut text = Vec::new();
    child.stdout.take()?.read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Whether a process runs Python.
fn is_python(pid: u32) -> bool {
    let file = std::fs::read_link(format!("/proc/{pid}/exe"));
    let name = file.as_ref().ok().and_then(|file| file.file_name());
    name.is_some_and(|name| name.to_string_lossy().starts_with("python"))
}

/// Begins to ask. None: py-spy is not there.
fn ask(pid: u32) -> Option<Child> {
    Command::new("py-spy")
        .args(["dump", "--nonblocking", "--pid", &pid.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

/// The innermost line that is not in mpi4py of the main thread of process `pid`:
/// «solve.py:12».
fn line(dump: &str, pid: u32) -> Option<String> {
    let name = format!("Thread {pid} ");
    let main = dump.lines().skip_while(|line| !line.starts_with(&name));
    let frames = main.skip(1).take_while(|line| line.starts_with("    "));
    let places = frames.filter_map(|line| {
        let (_, place) = line.trim_end().strip_suffix(')')?.rsplit_once(" (")?;
        let (file, number) = place.rsplit_once(':')?;
        number.parse::<u32>().ok()?;
        Some((file, number))
    });
    let mut own = places.filter(|(file, _)| !file.starts_with("mpi4py/"));
    let (file, number) = own.next()?;
    let name = file.rsplit('/').next().unwrap_or(file);
    Some(format!("{}:{number}", wireup::plain::text(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_line_of_the_program_is_found() {
        let dump = "Process 7: python solve.py\nPython v3.11.7 (/usr/bin/python3.11)\n\n\
                    Thread 9 (idle): \"worker\"\n    wait (threading.py:3)\n\
                    Thread 7 (idle): \"MainThread\"\n    Barrier (mpi4py/MPI.pyx:4)\n    \
                    inner (a (b)/deep.py:12)\n    <module> (solve.py:20)\n";
        assert_eq!(line(dump, 7).as_deref(), Some("deep.py:12"));
        assert_eq!(line("Error: not permitted", 7), None);
        assert!(!is_python(std::process::id()));
    }
}
