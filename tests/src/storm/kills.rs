//! Kill storms: a job of some kind, and signals to some of its processes at
//! some moments, from before the first `exec` to after `MPI_Finalize`.
//!
//! Whatever happens, the job ends and nothing is left of it. `mpirun` itself
//! dies of no signal but one that it was sent. Its exit code is 0 only when all
//! ranks came to their end, and it says why it is another. Signals that by
//! themselves end nothing do not end the job.

use super::run::{End, How, Process, Run};
use super::{Case, LIMIT, Rng, clean_command, described, passed, signal_name};
use crate::{arms, program, tool};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Signals that end a process that does nothing about them.
const ENDING: [i32; 13] = [
    libc::SIGKILL,
    libc::SIGTERM,
    libc::SIGSEGV,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGUSR1,
    libc::SIGUSR2,
];
/// Signals that end nothing.
const HARMLESS: [i32; 3] = [libc::SIGCHLD, libc::SIGWINCH, libc::SIGCONT];
/// Signals that stop a process until SIGCONT.
const STOPPING: [i32; 2] = [libc::SIGSTOP, libc::SIGTSTP];

/// Whom a signal is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Mpirun,
    /// A process that `mpirun` started.
    Rank,
    /// Several of those at once.
    Ranks,
    /// A process that one of those started.
    Child,
    /// Any, `mpirun` included.
    Any,
    /// All but `mpirun`.
    AllRanks,
    /// All.
    All,
}

/// A signal that is to be sent.
#[derive(Clone, Copy, Debug)]
struct Blow {
    /// After the start, or after the last blow.
    after: Duration,
    /// Only once something was printed, which ranks do when they have left MPI.
    late: bool,
    target: Target,
    signal: i32,
}

/// A job and what happens to it.
#[derive(Debug)]
struct Plan {
    command: Command,
    ranks: usize,
    /// Every rank says so when it has come to its end.
    passes: bool,
    /// Nobody reads what it prints until it is over.
    stalled: bool,
    blows: Vec<Blow>,
    described: String,
}

/// One case.
pub fn run(seed: u64, folder: &Path) -> Case {
    let mut rng = Rng::new("kills", seed);
    let Plan {
        command,
        ranks,
        passes,
        stalled,
        blows,
        described: job,
    } = plan(&mut rng, folder);
    let mut story = vec![job];
    let mut run = match start(command, stalled) {
        Ok(run) => run,
        Err(why) => return super::broken(&why.to_string()),
    };
    let mut struck = Vec::new();
    for blow in &blows {
        let hit = strike(&mut run, blow, &mut rng);
        story.push(format!("{blow:?}: {hit:?}"));
        struck.extend(hit.into_iter().map(|process| (process, blow.signal)));
    }
    let mpirun = run.pid();
    let end = run.finish();
    let mut faults = end.faults();
    let kind = judge(&end, &struck, mpirun, ranks, passes, &mut faults);
    Case {
        class: kind,
        faults,
        story: format!("{}{end}", described(&story)),
    }
}

fn start(mut command: Command, stalled: bool) -> std::io::Result<Run> {
    command.stdin(Stdio::null());
    if stalled {
        Run::start_unread(command, LIMIT)
    } else {
        Run::start(command, LIMIT)
    }
}

/// What runs, with what around it, and which blows it gets.
fn plan(rng: &mut Rng, folder: &Path) -> Plan {
    let mut command = clean_command(tool("mpirun"), folder);
    let mut said = String::new();
    let ranks = rng.from_to(1, 6);
    let arms = arms();
    let (arm, variables) = rng.one_of(&arms);
    command.envs(variables.iter().copied());
    options(rng, &mut command);
    command.arg("-n").arg(ranks.to_string());
    // output that nobody reads holds a job up until it is ended
    let stalled = rng.one_in(25);
    if stalled {
        command.args(["sh", "-c", "while :; do echo some output of a rank; done"]);
        let mpirun = [libc::SIGTERM, libc::SIGHUP, libc::SIGINT, libc::SIGKILL];
        let target = *rng.one_of(&[Target::Mpirun, Target::Mpirun, Target::Rank]);
        let signal = match target {
            Target::Mpirun => *rng.one_of(&mpirun),
            _ => *rng.one_of(&[libc::SIGKILL, libc::SIGSEGV, libc::SIGTERM]),
        };
        let blow = Blow {
            after: Duration::from_millis(rng.from_to(50, 900)),
            late: false,
            target,
            signal,
        };
        return Plan {
            command,
            ranks: usize::try_from(ranks).expect("few"),
            passes: false,
            stalled,
            blows: vec![blow],
            described: "output that nobody reads".to_owned(),
        };
    }
    let (name, arguments) = traffic(rng);
    let wrapper = wrapper(rng, &mut command);
    command.arg(program(name)).args(&arguments);
    said.push_str(&format!(
        "{ranks} ranks of {name} {arguments:?}, {arm}, {wrapper}"
    ));
    Plan {
        command,
        ranks: usize::try_from(ranks).expect("few"),
        passes: true,
        stalled,
        blows: blows(rng),
        described: said,
    }
}

/// Options that change what `mpirun` does meanwhile.
fn options(rng: &mut Rng, command: &mut Command) {
    let all: [&[&str]; 9] = [
        &["--tag-output"],
        &["-l"],
        &["--output", "dir=out"],
        &["--report-regions"],
        &["--report-arms"],
        &["--report-protocols"],
        &["--bind-to", "none"],
        &["--timeout", "100"],
        &["--report-segment"],
    ];
    for option in all {
        if rng.one_in(8) {
            command.args(option);
        }
    }
}

/// A rank program and its arguments: as long as makes a blow meet it.
fn traffic(rng: &mut Rng) -> (&'static str, Vec<String>) {
    let seed = rng.from_to(1, 1000).to_string();
    let many = |rng: &mut Rng, high: u64| rng.from_to(high / 8, high).to_string();
    match rng.below(12) {
        0 => ("storm", vec!["small".to_owned(), "1".to_owned(), seed]),
        1 => ("traffic", vec![many(rng, 20_000), seed]),
        2 => ("random_programs", vec![seed, many(rng, 20)]),
        3 => ("forktraffic", vec![many(rng, 20)]),
        4 => ("threads_wake", vec![]),
        n => {
            let kinds = [
                "small", "large", "crossing", "coll", "windows", "comms", "children",
            ];
            let kind = kinds[usize::try_from(n - 5).expect("few")];
            ("storm", vec![kind.to_owned(), many(rng, 400), seed])
        }
    }
}

/// What stands between `mpirun` and the program, put on the command line.
fn wrapper(rng: &mut Rng, command: &mut Command) -> &'static str {
    let scripts: [(&'static str, &'static str); 6] = [
        ("a wrapper that waits", "\"$0\" \"$@\"; exit $?"),
        ("a wrapper that becomes it", "exec \"$0\" \"$@\""),
        (
            "a wrapper with children",
            "sleep 1000 & sleep 1000 & exec \"$0\" \"$@\"",
        ),
        (
            "a wrapper with a child in a session of its own",
            "setsid sleep 1000 </dev/null >/dev/null 2>&1 & \"$0\" \"$@\"",
        ),
        (
            "output before it",
            "i=0; while [ $i -lt 3000 ]; do echo line $i of much output; i=$((i+1)); done; exec \"$0\" \"$@\"",
        ),
        (
            "a wrapper that ignores signals",
            "trap '' TERM INT HUP; \"$0\" \"$@\"",
        ),
    ];
    match rng.below(14) {
        n @ 0..6 => {
            let (what, script) = scripts[usize::try_from(n).expect("few")];
            command.args(["sh", "-c", script]);
            what
        }
        6 => {
            command.args(["nice", "-n", "1"]);
            "nice"
        }
        7 => {
            command.args(["setsid", "-w"]);
            "a session of its own"
        }
        _ => "nothing around it",
    }
}

fn blows(rng: &mut Rng) -> Vec<Blow> {
    let targets = [
        Target::Rank,
        Target::Rank,
        Target::Rank,
        Target::Mpirun,
        Target::Mpirun,
        Target::Ranks,
        Target::Child,
        Target::Any,
        Target::AllRanks,
        Target::All,
    ];
    // from before exec (a millisecond) to the end of the longest
    let after = Duration::from_micros(match rng.below(4) {
        0 => rng.below(12_000),
        1 => rng.below(100_000),
        _ => rng.of_any_size(600_000),
    });
    let late = rng.one_in(6);
    let target = *rng.one_of(&targets);
    let first = Blow {
        after: match late {
            true => after / 100,
            false => after,
        },
        late,
        target,
        signal: match rng.below(10) {
            0 => *rng.one_of(&HARMLESS),
            1 | 2 => *rng.one_of(&STOPPING),
            _ => *rng.one_of(&ENDING),
        },
    };
    let mut blows = vec![first];
    let soon = Duration::from_micros(rng.of_any_size(400_000));
    if STOPPING.contains(&first.signal) {
        // it goes on; or the job is ended meanwhile
        let ends = rng.one_in(3);
        blows.push(Blow {
            after: soon,
            late: false,
            target: if ends { Target::Mpirun } else { target },
            signal: match ends {
                true => *rng.one_of(&[libc::SIGTERM, libc::SIGINT, libc::SIGKILL]),
                false => libc::SIGCONT,
            },
        });
        // and nobody stays stopped who is to end
        blows.push(Blow {
            after: Duration::ZERO,
            late: false,
            target: Target::All,
            signal: libc::SIGCONT,
        });
    } else if rng.one_in(4) {
        blows.push(Blow {
            after: soon,
            late: false,
            target: *rng.one_of(&targets),
            signal: *rng.one_of(&ENDING),
        });
    }
    blows
}

/// Sends one signal when its time has come; to whom it went: `None` for
/// `mpirun`, else the process.
fn strike(run: &mut Run, blow: &Blow, rng: &mut Rng) -> Vec<Process> {
    while blow.late && !run.printed() && !run.is_over() {
        std::thread::sleep(Duration::from_micros(500));
    }
    std::thread::sleep(blow.after);
    if run.is_over() {
        return Vec::new();
    }
    let mpirun = run.pid();
    let mut all = run.processes();
    all.sort_by_key(|process| process.pid);
    let (own, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|p| p.pid == mpirun);
    // mpirun's guard is its child, but no rank: a job goes on without it.
    let is_rank = |p: &Process| p.parent == mpirun && p.name != "lariat-guard";
    let (ranks, children): (Vec<_>, Vec<_>) = others.into_iter().partition(is_rank);
    let one = |rng: &mut Rng, of: Vec<Process>| match of.len() {
        0 => Vec::new(),
        n => vec![of[rng.index(n)].clone()],
    };
    let targets = match blow.target {
        Target::Mpirun => own,
        Target::Rank => one(rng, ranks),
        Target::Ranks => ranks.into_iter().filter(|_| !rng.one_in(2)).collect(),
        Target::Child if children.is_empty() => one(rng, ranks),
        Target::Child => one(rng, children),
        Target::Any => one(rng, [own, ranks, children].concat()),
        Target::AllRanks => [ranks, children].concat(),
        Target::All => [ranks, children, own].concat(),
    };
    let met = |process: &Process| run.signal(process.pid, blow.signal);
    targets.into_iter().filter(met).collect()
}

/// Sees whether the end fits what was done, and names its kind.
fn judge(
    end: &End,
    struck: &[(Process, i32)],
    mpirun: i32,
    ranks: usize,
    passes: bool,
    faults: &mut Vec<String>,
) -> String {
    let harmless = |s: i32| HARMLESS.contains(&s) || STOPPING.contains(&s);
    let to_mpirun: Vec<i32> = struck
        .iter()
        .filter(|(p, s)| p.pid == mpirun && !harmless(*s))
        .map(|(_, s)| *s)
        .collect();
    let ending = struck.iter().any(|(_, s)| !harmless(*s));
    faults.extend(end.words_of_a_bug());
    faults.extend(end.control_characters());
    if wrong_data(&end.stderr()) && !ending {
        faults.push("a check of the program's failed".to_owned());
    }
    match end.how {
        How::Exit(0) => {
            // what it printed may be in files
            let all = passed(&end.stdout()) == ranks;
            if passes && !all {
                let n = passed(&end.stdout());
                faults.push(format!("exit code 0, but {n} of {ranks} ranks passed"));
            }
            if !passes {
                faults.push("exit code 0 of a job that never ends".to_owned());
            }
            match (struck.is_empty(), ending) {
                (true, _) => "ended before the signal".to_owned(),
                (_, false) => "a harmless signal, and all passed".to_owned(),
                (_, true) => "an ending signal, and all passed".to_owned(),
            }
        }
        How::Exit(124) => {
            faults.push("hung until the timeout".to_owned());
            "hung until the timeout".to_owned()
        }
        How::Exit(code) => {
            if !ending {
                faults.push(format!("exit code {code}, and no signal that ends a job"));
            }
            if end.stderr().trim().is_empty() {
                faults.push(format!("exit code {code} without a word"));
            }
            let known = struck.iter().find(|(_, s)| code == 128 + s);
            match known {
                Some((_, signal)) => format!("exit code of {}", signal_name(*signal)),
                None => format!("another exit code: {code}"),
            }
        }
        How::Signal(signal) => {
            if !to_mpirun.contains(&signal) {
                faults.push(format!("mpirun died of {}", signal_name(signal)));
            }
            format!("mpirun ended by {}", signal_name(signal))
        }
        How::Hung | How::Greedy(_) => "hung".to_owned(),
    }
}

/// Whether a check of a rank program's failed (`check.h` says file and line).
fn wrong_data(stderr: &str) -> bool {
    stderr
        .lines()
        .any(|line| line.contains(".c:") && line.contains(": rank "))
}
