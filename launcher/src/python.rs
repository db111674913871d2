//! Lines of Python programs: where the interpreter of a rank is in its program, as
//! `py-spy` tells, where that is installed. Without it a report names no line of Python, but
//! those of extensions in C.

use crate::snapshot::RankSnapshot;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Ranks that are asked for at the most: each takes a process.
const MOST: usize = 32;
/// How long all of them may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lines in which the main threads of these ranks are, by rank: of ranks that run
/// Python and wait in one thread. None: it cannot be had.
pub fn lines(snapshots: &[RankSnapshot]) -> Vec<(u32, Option<String>)> {
    let wanted = snapshots
        .iter()
        .filter(|s| s.waits.len() == 1 && !s.waits[0].shown.frames.is_empty() && is_python(s.pid));
    let wanted: Vec<&RankSnapshot> = wanted.collect();
    let asked = wanted.iter().enumerate();
    let asked = asked.map(|(at, s)| (*s, (at < MOST).then(|| ask(s.pid)).flatten()));
    let asked: Vec<(&RankSnapshot, Option<Question>)> = asked.collect();
    let end = Instant::now() + PATIENCE;
    let answers = asked.into_iter().map(|(snapshot, question)| {
        let text = question.and_then(|question| question.answer(end));
        let line = text.and_then(|text| line(&text, snapshot.pid));
        (snapshot.rank, line)
    });
    answers.collect()
}

/// A command whose output is read while it runs: a pipe has room for 64 KiB only.
struct Question {
    child: Child,
    output: Receiver<Vec<u8>>,
}

impl Question {
    /// Starts the command. None: it is not there.
    fn ask(command: &mut Command) -> Option<Question> {
        let command = command.stdin(Stdio::null()).stderr(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).spawn().ok()?;
        let mut pipe = child.stdout.take()?;
        let (send, output) = channel();
        thread::spawn(move || {
            let mut text = Vec::new();
            if pipe.read_to_end(&mut text).is_ok() {
                let _ = send.send(text); // nobody waits any more
            }
        });
        Some(Question { child, output })
    }

    /// What it prints. None: it has not ended by then.
    fn answer(mut self, end: Instant) -> Option<String> {
        let left = end.saturating_duration_since(Instant::now());
        let text = self.output.recv_timeout(left).ok();
        let _ = self.child.kill(); // it has closed its output, or is late
        let _ = self.child.wait(); // mpirun may have taken note of its end already
        text.map(|text| String::from_utf8_lossy(&text).into_owned())
    }
}

/// Whether a process runs Python.
fn is_python(pid: u32) -> bool {
    let file = std::fs::read_link(format!("/proc/{pid}/exe"));
    let name = file.as_ref().ok().and_then(|file| file.file_name());
    name.is_some_and(|name| name.to_string_lossy().starts_with("python"))
}

/// Begins to ask. None: py-spy is not there.
fn ask(pid: u32) -> Option<Question> {
    let args = ["dump", "--nonblocking", "--pid", &pid.to_string()];
    Question::ask(Command::new("py-spy").args(args))
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

    #[test]
    fn long_answers_are_read_and_late_ones_are_not_waited_for() {
        let ask = |script| Question::ask(Command::new("sh").args(["-c", script])).unwrap();
        let minute = Duration::from_secs(60);
        let long = ask("head -c 300000 /dev/zero").answer(Instant::now() + minute);
        assert_eq!(long.map(|text| text.len()), Some(300_000));
        let late = ask("exec sleep 600");
        let pid = late.child.id();
        assert_eq!(late.answer(Instant::now()), None);
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
        assert!(Question::ask(&mut Command::new("/no/such/program")).is_none());
    }
}
