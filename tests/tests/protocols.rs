//! What is learnt of messages can be seen (`--report-protocols`, `MPI_T` performance
//! variables) and switched off (`learn`), and changes no result.

use lariat_tests::outside::succeeds;
use lariat_tests::{Job, Outcome, program};
use std::process::Command;

/// What is learnt, as `learn` names it.
const LEARNERS: [&str; 4] = ["arm", "split", "source", "rtr"];

/// A row of the table that `--report-protocols` prints.
#[derive(Debug)]
struct Row {
    length: String,
    ranks: String,
    /// Messages by protocol: eager, get, put, cooperative, runs, pipeline.
    counts: [u64; 6],
    learnt: String,
}

/// The table in what `mpirun` printed.
fn table(text: &str) -> Vec<Row> {
    let is_head = |line: &&str| line.starts_with("length ");
    let mut lines = text.lines().skip_while(|line| !is_head(line));
    let head = lines.next().unwrap_or_else(|| panic!("no table: {text}"));
    let titles: Vec<&str> = head
        .split("  ")
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .collect();
    let wanted = [
        "length",
        "ranks",
        "eager",
        "get",
        "put",
        "cooperative",
        "runs",
        "pipeline",
        "what was learnt",
    ];
    assert_eq!(titles, wanted, "{text}");
    lines
        .take_while(|line| line.contains("  "))
        .map(|line| {
            let mut cells = line.split("  ").map(str::trim).filter(|c| !c.is_empty());
            let mut next = || cells.next().unwrap_or_else(|| panic!("{line}")).to_owned();
            Row {
                length: next(),
                ranks: next(),
                counts: std::array::from_fn(|_| match next().as_str() {
                    "-" => 0,
                    n => n
                        .parse()
                        .unwrap_or_else(|why| panic!("{n} in {line}: {why}")),
                }),
                learnt: next(),
            }
        })
        .collect()
}

/// The messages that the program `protocols` says its ranks have sent.
fn sent(outcome: &Outcome) -> u64 {
    let lines = outcome.stdout.lines();
    let counts = lines.filter_map(|line| line.strip_suffix(" messages")?.rsplit(' ').next());
    counts.map(|n| n.parse::<u64>().expect("a number")).sum()
}

/// Runs all patterns with these settings, and checks that each message is in the table
/// once, and that nothing was learnt but what `learn` names.
fn patterns(learn: &str, settings: &[(&str, &str)]) -> Vec<Row> {
    let mut job = Job::of("protocols").ranks(2);
    for (name, value) in settings {
        job = job.env(format!("LARIAT_{}", name.to_uppercase()), value);
    }
    let job = job.options(["--report-protocols", "--set", &format!("learn={learn}")]);
    let outcome = job.run().exits(0);
    assert_eq!(
        outcome.stdout.matches("checks passed").count(),
        2,
        "{outcome}"
    );
    let rows = table(&outcome.stderr);
    let counted: u64 = rows.iter().flat_map(|row| row.counts).sum();
    assert_eq!(counted, sent(&outcome), "{outcome}");
    assert_eq!(rows[0].length, "up to 264 B", "{outcome}");
    assert_eq!((rows[0].ranks.as_str(), rows[0].counts), ("0-1", [0; 6]));
    assert!(rows[0].learnt.starts_with("not counted"), "{outcome}");
    for row in &rows[1..] {
        for learner in LEARNERS {
            let is_shown = row.learnt.contains(&format!("{learner}: "));
            let is_on = learn == "all" || learn.split(',').any(|name| name == learner);
            assert!(is_on || !is_shown, "learn={learn}: {outcome}");
        }
        assert!(!row.learnt.is_empty(), "{outcome}");
        assert!(learn != "none" || row.learnt == "nothing", "{outcome}");
    }
    rows
}

#[test]
fn algorithms_of_collectives_are_shown() {
    let rules = "--set=collectives=bcast:3:1m=flat,bcast:9:0=chain";
    let job = Job::of("coll").args(["3"]).ranks(3);
    let outcome = job.options(["--report-protocols", rules]).run().exits(0);
    let rows = |collective: &str| {
        let lines = outcome.stderr.lines();
        let cells = lines.map(|line| line.split_whitespace().collect::<Vec<_>>());
        let of = cells.filter(|cells| cells.get(1) == Some(&collective));
        of.map(|cells| cells[2..].join(" ")).collect::<Vec<_>>()
    };
    let bcast = rows("bcast");
    assert_eq!(
        bcast.last().map(String::as_str),
        Some("1m flat setting"),
        "{outcome}"
    );
    let built_in = |row: &String| row.ends_with(" built in");
    assert!(bcast[..bcast.len() - 1].iter().all(built_in), "{outcome}");
    assert!(rows("allreduce").iter().all(built_in), "{outcome}");
    assert_eq!(rows("barrier").len(), 1, "{outcome}");
}

/// All patterns with all of it, nothing, and each learner by itself.
fn every_learner(settings: &[(&str, &str)]) {
    for learn in ["all", "none"].into_iter().chain(LEARNERS) {
        patterns(learn, settings);
    }
}

#[test]
fn results_are_the_same_whatever_is_learnt() {
    every_learner(&[]);
    // What does not depend on times: rewritten messages, and which protocols there were.
    let rows = patterns("source", &[]);
    let is_rewritten = |row: &Row| row.learnt.contains(" were rewritten");
    assert!(rows.iter().any(is_rewritten), "{rows:?}");
    let rows = patterns("none", &[]);
    for (name, protocol) in [("eager", 0), ("get", 1), ("put", 2), ("runs", 4)] {
        assert!(
            rows.iter().any(|row| row.counts[protocol] > 0),
            "{name}: {rows:?}"
        );
    }
}

#[test]
fn results_are_the_same_whatever_is_learnt_without_the_shared_heap() {
    every_learner(&[("heap", "0")]);
}

#[test]
fn results_are_the_same_whatever_is_learnt_by_calls() {
    every_learner(&[("arm", "cma")]);
}

#[test]
fn forced_to_pieces_messages_go_eagerly_or_by_pipeline() {
    for learn in ["all", "none"] {
        for row in &patterns(learn, &[("arm", "copy")])[1..] {
            let [eager, .., pipeline] = row.counts;
            assert_eq!(eager + pipeline, row.counts.iter().sum(), "{row:?}");
            let is_seen = row.learnt.starts_with("source: ") && learn == "all";
            assert!(is_seen || row.learnt == "nothing", "{row:?}");
        }
    }
}

#[test]
fn the_table_follows_the_thresholds() {
    let job = |limit: &str| {
        let job = Job::of("protocols").ranks(2).args(["8"]);
        let job = job
            .env("LARIAT_ARM", "copy")
            .env("LARIAT_EAGER_LIMIT", limit);
        let job = match limit {
            "2k" => job.env("LARIAT_REPORT_PROTOCOLS", "1"),
            _ => job.options(["--set", "report_protocols=1"]),
        };
        table(&job.run().exits(0).stderr)
    };
    let is_eager = |rows: &[Row], length: &str| {
        let mut of_class = rows.iter().filter(|row| row.length == length).peekable();
        assert!(of_class.peek().is_some(), "{length}: {rows:?}");
        of_class.all(|row| row.counts[0] > 0 && row.counts[5] == 0)
    };
    let small = job("2k");
    assert!(is_eager(&small, "265 B to 2 KiB"), "{small:?}");
    assert!(!is_eager(&small, "8 KiB to 16 KiB"), "{small:?}");
    let large = job("1m");
    assert!(is_eager(&large, "8 KiB to 16 KiB"), "{large:?}");
    assert!(is_eager(&large, "128 KiB to 256 KiB"), "{large:?}");
}

#[test]
fn a_program_without_mpirun_shows_its_own_table() {
    let mut alone = Command::new(program("self"));
    alone.env("LARIAT_REPORT_PROTOCOLS", "1");
    let output = succeeds(alone);
    let rows = table(&String::from_utf8_lossy(&output.stderr));
    assert_eq!((rows.len(), rows[0].ranks.as_str()), (1, "0"), "{rows:?}");
}

#[test]
fn tools_can_count_messages() {
    for ranks in [1, 2] {
        Job::of("performance_variables").ranks(ranks).passes();
    }
    Job::of("performance_variables")
        .ranks(2)
        .passes_on_every_arm();
}
