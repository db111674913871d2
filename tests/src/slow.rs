//! Right programs in which ranks wait: those of `tests/programs/slow.c`, which are slow, and
//! others. Nobody may call them stuck.

use crate::storm::rng::Rng;
use crate::{Job, workspace};
use std::time::Duration;

/// The modes of `slow`, as its table lists them.
///
/// # Panics
/// If the source cannot be read.
#[must_use]
pub fn modes() -> Vec<String> {
    let path = workspace().join("tests/programs/slow.c");
    let source = std::fs::read_to_string(path).expect("the source can be read");
    let table = source
        .split("} modes[] = {")
        .nth(1)
        .expect("it has a table");
    let entries = table.split("ONE(").flat_map(|part| part.split("MULTIPLE("));
    let names = entries.skip(1).filter_map(|entry| entry.split_once("),"));
    let names: Vec<String> = names.map(|(name, _)| name.to_owned()).collect();
    let names: Vec<String> = names.into_iter().filter(|name| name != "name").collect();
    assert!(names.len() >= 25, "{names:?}");
    names
}

/// How many ranks a mode is for. What keeps few processors busy has many.
#[must_use]
pub fn ranks(mode: &str) -> u32 {
    match mode {
        "ring" | "token" | "barriers" => 32,
        "uneven_work" | "beside_hogs" => 6,
        "pipeline" => 4,
        _ => 3,
    }
}

/// A mode of `slow`.
pub fn job(mode: &str) -> Job {
    let job = Job::of("slow").ranks(ranks(mode)).args([mode]);
    job.limit(Duration::from_secs(600))
}

/// Other right programs, with two numbers of ranks that they are for.
const RIGHT: [(&str, [u32; 2]); 20] = [
    ("bsend", [2, 2]),
    ("cancel_race", [2, 4]),
    ("coll_many", [3, 3]),
    ("comms", [3, 3]),
    ("completion", [2, 2]),
    ("exchange", [3, 3]),
    ("flood", [2, 3]),
    ("flood_empty", [3, 3]),
    ("intercomms", [5, 5]),
    ("modes", [2, 5]),
    ("order", [3, 3]),
    ("persistent", [2, 4]),
    ("probe", [2, 5]),
    ("reduce", [3, 3]),
    ("sendrecv", [2, 2]),
    ("threads", [2, 2]),
    ("truncate", [2, 2]),
    ("typed_messages", [2, 5]),
    ("unexpected", [2, 2]),
    ("windows_small", [2, 4]),
];

/// Those that compute for seconds, which the others are to have beside them, but not instead.
const BUSY: [&str; 5] = [
    "modes",
    "computes",
    "thread_computes",
    "uneven_work",
    "beside_hogs",
];

/// A job of a right program, chosen by chance, and what it is called: three of four times
/// a slow one; those that compute for long come a quarter as often. A false alarm ends it with
/// exit code 35.
pub fn any_job(rng: &mut Rng, modes: &[String]) -> (String, Job) {
    loop {
        let (name, job) = one_job(rng, modes);
        let is_busy = name
            .rsplit(' ')
            .next()
            .is_some_and(|last| BUSY.contains(&last));
        if !is_busy || rng.one_in(4) {
            return (name, job);
        }
    }
}

fn one_job(rng: &mut Rng, modes: &[String]) -> (String, Job) {
    let (program, ranks, mode) = if rng.one_in(4) {
        let (name, ranks) = rng.one_of(&RIGHT);
        (*name, u64::from(*rng.one_of(ranks)), None)
    } else {
        let mode = rng.one_of(modes);
        let ranks = match mode.as_str() {
            "ring" | "token" | "barriers" => rng.from_to(2, 64),
            "uneven_work" | "beside_hogs" => rng.from_to(2, 8),
            mode => ranks(mode).into(),
        };
        ("slow", ranks, Some(mode))
    };
    let words: Vec<&str> = mode.into_iter().map(String::as_str).collect();
    let name = format!("-n {ranks} {program} {}", words.join(" "));
    let ranks = u32::try_from(ranks).unwrap_or(1);
    let job = Job::of(program).ranks(ranks).args(words);
    let job = job.options(["--on-deadlock=end"]);
    (
        name.trim_end().to_owned(),
        job.limit(Duration::from_secs(900)),
    )
}
