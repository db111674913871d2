//! Wrong programs, and what is said of each: `tests/programs/wrong`. The sources say how
//! each is run and what must come out on stderr; see `wrong.h` there. Every hang must be
//! told of unasked: `mpirun` ends the job then, with exit code 35.

use lariat_tests::{Job, Outcome, workspace};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

/// Jobs that run at a time. They mostly sleep.
const AT_ONCE: usize = 12;

/// One fault, as the comment above it describes it.
#[derive(Debug)]
struct Fault {
    name: String,
    ranks: u32,
    /// `*`: any but 0.
    exit: String,
    options: Vec<String>,
    said: Vec<String>,
}

/// The faults of a source.
fn faults(source: &str) -> Vec<Fault> {
    let blocks = source.split("\n/* ").skip(1);
    let blocks = blocks.filter_map(|block| block.split_once("\n */\n"));
    blocks.filter_map(|(block, _)| fault(block)).collect()
}

fn fault(block: &str) -> Option<Fault> {
    let mut lines = block.lines();
    let head = lines.next()?.strip_suffix(':')?;
    let mut parts = head.split(", ");
    Some(Fault {
        name: parts.next()?.to_owned(),
        ranks: parts.next()?.strip_suffix(" ranks")?.parse().ok()?,
        exit: parts.next()?.strip_prefix("exit ")?.to_owned(),
        options: parts
            .flat_map(|part| part.split(' '))
            .map(str::to_owned)
            .collect(),
        said: lines
            .map(|line| line.strip_prefix("   ").unwrap_or(line).to_owned())
            .collect(),
    })
}

/// Takes what is in the brackets that begin so out of a line, where it is of the kind that
/// changes from run to run.
fn without(
    mut line: String,
    opening: &str,
    closing: &str,
    varies: impl Fn(&str) -> bool,
) -> String {
    let mut from = 0;
    while let Some(at) = line[from..].find(opening).map(|at| at + from) {
        let inside = at + opening.len();
        let Some(len) = line[inside..].find(closing) else {
            break;
        };
        if varies(&line[inside..inside + len]) {
            line.replace_range(at..inside + len + closing.len(), "");
        }
        from = (at + 1).min(line.len());
    }
    line
}

/// Takes the process id out of «(world rank 3, pid 55)».
fn without_pid(mut line: String) -> String {
    if let Some(at) = line.find(", pid ")
        && let Some(len) = line[at..].find(')')
    {
        line.replace_range(at..at + len, "");
    }
    line
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_time(text: &str) -> bool {
    let text = text.trim_start_matches("up to ").trim_start_matches("for ");
    text.strip_suffix(" s")
        .is_some_and(|number| number.parse::<f64>().is_ok())
}

/// A line without what changes from run to run. `source`: the program. The line of the
/// source in which a rank is said to wait must have the call that it is said to wait in.
fn masked(line: &str, source: &[&str]) -> Result<String, String> {
    let line = without(line.to_owned(), " (pid ", ")", is_number);
    let line = without_pid(line);
    let line = line.replace(" (core dumped)", "");
    let mut line = without(line, " (", ")", is_time);
    let mut from = 0;
    let place = |text: &str| [".c:", ".h:"].iter().filter_map(|end| text.find(end)).min();
    while let Some(at) = place(&line[from..]).map(|at| at + from) {
        let end = line[at + 3..].find(|c: char| !c.is_ascii_digit());
        let end = end.map_or(line.len(), |len| at + 3 + len);
        let number: usize = line[at + 3..end].parse().unwrap_or(0);
        let start = line[..at].rfind(" at ").ok_or("no \"at\" before a line")?;
        let call = line.split_once(" in MPI_").map(|(_, rest)| rest);
        let call = call.and_then(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
        });
        let call = call.filter(|_| line.contains(" waits in ") || line.contains(" wait in "));
        let there = source.iter().skip(number.saturating_sub(1)).take(4);
        if let Some(call) = call
            && !there
                .clone()
                .any(|text| text.contains(&format!("MPI_{call}")))
        {
            return Err(format!("line {number} has no MPI_{call}: {line}"));
        }
        line.replace_range(start..end, " at LINE");
        from = start + 1;
    }
    let context = |text: &str| is_number(text.trim_start_matches("context "));
    if let Some(at) = line.find("(context ") {
        let end = line[at..].find(')').map_or(line.len(), |len| at + len);
        if context(&line[at + 1..end]) {
            line.replace_range(at..end, "(context N");
        }
    }
    let line = line.replace("    at LINE", " at LINE");
    Ok(line.trim_end().to_owned())
}

/// Whether `text` is `pattern`, in which `*` stands for anything.
fn fits(text: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return text == pattern;
    };
    let Some(text) = text.strip_prefix(head) else {
        return false;
    };
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    ends.into_iter().any(|at| fits(&text[at..], rest))
}

fn judge(fault: &Fault, outcome: &Outcome, source: &[&str]) -> Result<(), String> {
    let code = outcome
        .code()
        .map_or("a signal".to_owned(), |code| code.to_string());
    if !fits(&code, &fault.exit) || fault.exit == "*" && code == "0" {
        return Err(format!("exit code {} was expected", fault.exit));
    }
    let lines = outcome.stderr.lines();
    let lines = lines.filter(|line| !line.starts_with("  no core file")); // as the limits say
    let said: Result<Vec<_>, _> = lines.map(|line| masked(line, source)).collect();
    let (mut said, mut wanted) = (said?, fault.said.clone());
    if code == "0" {
        // Ranks speak for themselves, in any order.
        said.sort_unstable();
        wanted.sort_unstable();
    }
    let mut pairs = said.iter().zip(&wanted);
    match said.len() == wanted.len() && pairs.all(|(line, wanted)| fits(line, wanted)) {
        true => Ok(()),
        false => Err(format!(
            "it was to say\n{}\nand said\n{}",
            fault.said.join("\n"),
            said.join("\n")
        )),
    }
}

/// Runs all faults of a program, some at a time.
fn all_are_told(program: &str) {
    let path = workspace().join(format!("tests/programs/wrong/{program}.c"));
    let source = std::fs::read_to_string(path).expect("the source can be read");
    let lines: Vec<&str> = source.lines().collect();
    let faults = faults(&source);
    let listed = source.matches("FAULT(").count();
    assert_eq!(faults.len(), listed, "each fault must say what is expected");
    let next = Mutex::new(faults.iter());
    let failures = Mutex::new(String::new());
    let job = Job::of(&format!("wrong/{program}")).limit(Duration::from_secs(60));
    let work = || {
        loop {
            let taken = next.lock().expect("no thread panics with it").next();
            let Some(fault) = taken else { break };
            let job = job.clone().ranks(fault.ranks).args([&fault.name]);
            let job = job.options(["--on-deadlock=end"]).options(&fault.options);
            let outcome = job.run();
            if let Err(why) = judge(fault, &outcome, &lines) {
                let mut failures = failures.lock().expect("no thread panics with it");
                let _ = writeln!(failures, "--- {}: {why}\n{outcome}", fault.name);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no thread panics with it");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn messages_that_never_match() {
    all_are_told("pt2pt");
}

#[test]
fn collectives_that_not_all_come_to() {
    all_are_told("collectives");
}

#[test]
fn windows_that_wait_for_ever() {
    all_are_told("windows");
}

#[test]
fn threads_that_cannot_go_on() {
    all_are_told("threads");
}

#[test]
fn calls_that_do_not_fit_each_other() {
    all_are_told("mismatch");
}

#[test]
fn buffers_that_are_in_use() {
    all_are_told("buffers");
}

#[test]
fn what_is_left_and_who_leaves_too_early() {
    all_are_told("leaks");
}

#[test]
fn what_changes_from_run_to_run_is_masked() {
    let source = ["", "    MPI_Recv(buffer);"];
    let line = "  rank 1 of \"odd\" (world rank 3, pid 55) waits in MPI_Recv for rank 2 (1.4 s)    at x.c:2";
    assert_eq!(
        masked(line, &source).unwrap(),
        "  rank 1 of \"odd\" (world rank 3) waits in MPI_Recv for rank 2 at LINE"
    );
    assert!(masked("rank 0 waits in MPI_Recv    at x.c:1", &["", ""]).is_err());
    assert_eq!(
        masked(
            "rank 0 (pid 7) in f (context 12), store at a.c:3, main at b.c:44",
            &source
        )
        .unwrap(),
        "rank 0 in f (context N), store at LINE, main at LINE"
    );
    assert!(fits("ranks 0-1: a; b", "ranks *: a*") && !fits("ab", "a*c"));
}
