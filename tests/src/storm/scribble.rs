//! Scribbled segments: some ranks write random bytes at random places of the
//! job segment while messages of every kind move.
//!
//! Such a job may fail with any error, and its own data may be wrong; but
//! `mpirun` does not crash, ends the job, leaves nothing, never says that all
//! is well when it is not, and lets no control characters through.

use super::run::{End, How, Run};
use super::{Case, LIMIT, Rng, clean_command, described, passed, signal_name};
use crate::{arms, build_program, program, target, tool, workspace};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

/// The library that scribbles (`tests/programs/scribbler.c`).
fn scribbler() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let source = workspace().join("tests/programs/scribbler.c");
        let out = target().join("rank-programs/scribbler.so");
        build_program(&source, &out, &["-shared", "-fPIC", "-pthread"]);
        out
    })
}

/// One case.
pub fn run(seed: u64, folder: &Path) -> Case {
    let mut rng = Rng::new("scribble", seed);
    let ranks = usize::try_from(rng.from_to(1, 5)).expect("few");
    let mut scribblers: Vec<usize> = (0..ranks).filter(|_| rng.one_in(3)).collect();
    if scribblers.is_empty() {
        scribblers.push(rng.index(ranks));
    }
    let region = *rng.one_of(&["head", "records", "arena", "any", "any"]);
    let how = format!(
        "{seed} {region} {} {} {} {}",
        rng.of_any_size(400),
        rng.of_any_size(40_000),
        rng.of_any_size(60_000) - 1,
        rng.of_any_size(1_000)
    );
    let mut command = clean_command(tool("mpirun"), folder);
    let arms = arms();
    let (arm, variables) = rng.one_of(&arms);
    command.envs(variables.iter().copied());
    command.env("SCRIBBLE", &how);
    let names: Vec<String> = scribblers.iter().map(ToString::to_string).collect();
    command.env("SCRIBBLE_RANKS", format!(",{},", names.join(",")));
    command.env("SCRIBBLE_PROOF", folder.join("proof"));
    command.env("LD_PRELOAD", scribbler());
    // what ranks say goes to files, so that the rest is mpirun's own
    command.args(["--timeout", "12", "--output", "nocopy,file=said"]);
    for option in [
        "--report-regions",
        "--report-arms",
        "--report-protocols",
        "--report-segment",
        "--verbose",
    ] {
        if rng.one_in(5) {
            command.arg(option);
        }
    }
    command.arg("-n").arg(ranks.to_string());
    let (name, arguments) = traffic(&mut rng);
    command.arg(program(name)).args(&arguments);
    let mut run = match Run::start(command, LIMIT) {
        Ok(run) => run,
        Err(why) => return super::broken(&why.to_string()),
    };
    let mut story = vec![format!(
        "ranks {scribblers:?} of {ranks} scribble {how:?} in {name} {arguments:?}, {arm}"
    )];
    let mut sent = None;
    if rng.one_in(4) {
        // a report of what the segment says, amid it all
        let proof = folder.join("proof");
        while !proof.exists() && !run.is_over() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(rng.of_any_size(300_000)));
        let signal = *rng.one_of(&[libc::SIGINT, libc::SIGTERM]);
        let met = run.signal(run.pid(), signal);
        story.push(format!("{} to mpirun: {met}", signal_name(signal)));
        sent = met.then_some(signal);
    }
    let end = run.finish();
    let said: Vec<String> = (0..ranks).map(|rank| said(folder, rank)).collect();
    let mut faults = end.faults();
    let class = judge(&end, &said, &scribblers, sent, &mut faults);
    let proof = folder.join("proof").exists();
    let class = match proof {
        true => class,
        false => format!("{class} before anything was scribbled"),
    };
    for (rank, said) in said.iter().enumerate() {
        let tail: Vec<char> = said.chars().rev().take(400).collect();
        let tail: String = tail.into_iter().rev().collect();
        story.push(format!("rank {rank} said {tail:?}"));
    }
    Case {
        class,
        faults,
        story: format!("{}{end}", described(&story)),
    }
}

/// All that a rank printed.
fn said(folder: &Path, rank: usize) -> String {
    let of = |end: &str| {
        let bytes = std::fs::read(folder.join(format!("said.{rank}.{end}")));
        String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
    };
    of("out") + &of("err")
}

fn traffic(rng: &mut Rng) -> (&'static str, Vec<String>) {
    let seed = rng.from_to(1, 1000).to_string();
    match rng.below(10) {
        0 => ("traffic", vec![rng.of_any_size(20_000).to_string(), seed]),
        1 => (
            "random_programs",
            vec![seed, rng.of_any_size(10).to_string()],
        ),
        2 => ("forktraffic", vec![rng.of_any_size(8).to_string()]),
        n => {
            let kinds = [
                "small", "large", "crossing", "coll", "windows", "comms", "children",
            ];
            let kind = kinds[usize::try_from(n - 3).expect("few")];
            let rounds = rng.of_any_size(300).to_string();
            ("storm", vec![kind.to_owned(), rounds, seed])
        }
    }
}

fn judge(
    end: &End,
    said: &[String],
    scribblers: &[usize],
    sent: Option<i32>,
    faults: &mut Vec<String>,
) -> String {
    faults.extend(end.control_characters());
    let stderr = end.stderr();
    match end.how {
        How::Exit(0) => {
            let all = said.iter().map(|text| passed(text)).sum::<usize>();
            if all != said.len() {
                let ranks = said.len();
                faults.push(format!("exit code 0, but {all} of {ranks} ranks passed"));
            }
            "all passed".to_owned()
        }
        How::Exit(code) => {
            if stderr.trim().is_empty() {
                faults.push(format!("exit code {code} without a word"));
            }
            ended_with(code, &stderr, said, scribblers)
        }
        // it had not come so far as to take signals
        How::Signal(signal) if sent == Some(signal) => "ended by a signal to mpirun".to_owned(),
        How::Signal(signal) => {
            faults.push(format!("mpirun died of {}", signal_name(signal)));
            "mpirun crashed".to_owned()
        }
        How::Hung | How::Greedy(_) => "hung".to_owned(),
    }
}

/// The kind of an end with an exit code.
fn ended_with(code: i32, stderr: &str, said: &[String], scribblers: &[usize]) -> String {
    let killed = stderr.lines().find_map(|line| {
        let (before, after) = line.split_once(" killed by ")?;
        let rank = before.split_once("rank ")?.1;
        let rank = rank.split_whitespace().next()?.parse::<usize>().ok()?;
        let signal: String = after.chars().take_while(char::is_ascii_uppercase).collect();
        Some((rank, signal))
    });
    if let Some((rank, signal)) = killed {
        return match scribblers.contains(&rank) {
            true => format!("a rank that scribbles died of {signal}"),
            false => format!("another rank died of {signal}"),
        };
    }
    if code == 124 {
        return "ended by the timeout".to_owned();
    }
    if code == 128 + libc::SIGINT || code == 128 + libc::SIGTERM {
        return "ended by a signal to mpirun".to_owned();
    }
    if said.iter().any(|text| text.contains("a bug of Lariat"))
        || stderr.contains("a bug of Lariat")
    {
        return "a rank ended with «a bug of Lariat»".to_owned();
    }
    if said.iter().any(|text| text.contains(".c:")) {
        return "wrong data, seen by the program".to_owned();
    }
    "ended with an error".to_owned()
}
