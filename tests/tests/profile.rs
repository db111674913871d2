//! `mpirun --profile` and `--trace`: what they say of programs whose traffic is known.

use lariat_tests::{Job, Outcome};
use std::path::{Path, PathBuf};
use std::process::Command;

fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lariat-profile-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn run(ranks: u32, what: &str, page: &Path) -> Outcome {
    let option = format!("--profile={}", page.display());
    Job::of("profiled")
        .ranks(ranks)
        .options([option.as_str()])
        .args([what])
        .run()
}

/// The words of the first line that begins with these.
fn line(outcome: &Outcome, start: &str) -> Vec<String> {
    let text = &outcome.stderr;
    let mut lines = text.lines().map(str::trim);
    let found = lines.find(|line| line.starts_with(start));
    let found = found.unwrap_or_else(|| panic!("no line {start:?} in {outcome}"));
    found.split_whitespace().map(str::to_owned).collect()
}

/// What a Python expression says of the JSON `data` in a file, from `begin` to `end`.
fn json(path: &Path, begin: &str, end: &str, expression: &str) -> String {
    let script = format!(
        "import json,sys\ntext=open(sys.argv[1]).read()\n\
         text=text.split({begin:?},1)[1].split({end:?},1)[0] if {begin:?} else text\n\
         data=json.loads(text)\nprint({expression})"
    );
    let out = Command::new("python3")
        .arg("-c")
        .arg(script)
        .arg(path)
        .output();
    let out = out.expect("python3 runs");
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    String::from_utf8(out.stdout).unwrap().trim().to_owned()
}

fn page(path: &Path, expression: &str) -> String {
    json(path, "id=\"data\">", "</script>", expression)
}

#[test]
fn known_traffic_is_counted_number_by_number() {
    for ranks in [1u32, 3, 16] {
        let path = file(&format!("known-{ranks}.html"));
        let outcome = run(ranks, "known", &path).exits(0);
        let own: Vec<String> = (0..ranks)
            .map(|rank| {
                let bytes = 100 * (rank + 1) + 100_000;
                format!("[{rank}, {}, {}, {bytes}]", (rank + 1) % ranks, rank + 2)
            })
            .collect();
        assert_eq!(
            page(&path, "data['sent'][0]"),
            format!("[{}]", own.join(", "))
        );
        let puts: Vec<String> = (0..ranks)
            .map(|rank| format!("[{rank}, {}, 1, 24]", (rank + ranks - 1) % ranks))
            .collect();
        assert_eq!(
            page(&path, "data['sent'][2]"),
            format!("[{}]", puts.join(", "))
        );
        // 100 bytes are of the class from 64 on, 100,000 of that from 65,536 on.
        let sends = ranks * (ranks + 1) / 2;
        let sizes = "[(k, n) for k, n in enumerate(data['sizes'][0]) if n]";
        assert_eq!(page(&path, sizes), format!("[(7, {sends}), (17, {ranks})]"));
        let barriers = line(&outcome, "MPI_Barrier ");
        assert_eq!(barriers[1], (5 * ranks).to_string(), "{outcome}");
        assert_eq!(line(&outcome, "MPI_Send ")[1], sends.to_string());
        assert_eq!(line(&outcome, "MPI_Put ")[1], ranks.to_string());
        let text = std::fs::read_to_string(&path).unwrap();
        for outside in ["http:", "https:", "src=", "@import"] {
            assert!(!text.contains(outside), "{outside} in the page");
        }
    }
}

#[test]
fn who_is_late_is_named_with_the_line() {
    let path = file("late.html");
    let outcome = run(3, "late", &path).exits(0);
    // On a busy machine others are kept from running, too, and it varies who «computes».
    let _ = outcome.says(["of all waiting is for", "profiled.c:"]);
    let blamed = "max(range(3), key=lambda k: sum(row[2] for row in data['waits'] if row[1] == k))";
    assert_eq!(page(&path, blamed), "0");
    let lines = "sorted(set(row[2].split(':')[0] for row in data['places'] if row[2]))";
    assert_eq!(page(&path, lines), "['profiled.c']");
}

#[test]
fn a_rank_that_died_is_in_it() {
    let path = file("dies.html");
    let outcome = run(3, "dies", &path).exits(137);
    let _ = outcome.says(["killed by SIGKILL", "profile of profiled (3 ranks"]);
    assert_eq!(page(&path, "data['sent'][0][0]"), "[0, 1, 2, 100100]");
    assert_eq!(page(&path, "data['silent']"), "[]");
}

#[test]
fn a_trace_has_a_slice_for_each_call() {
    let path = file("trace.json");
    let option = format!("--trace={}", path.display());
    let trace = |more: &[&str]| {
        let options = std::iter::once(option.as_str()).chain(more.iter().copied());
        let job = Job::of("profiled")
            .ranks(3)
            .options(options.collect::<Vec<_>>());
        job.args(["known"]).run().exits(0)
    };
    let outcome = trace(&[]);
    assert!(!outcome.stderr.contains("dropped"), "{outcome}");
    let count = |what: &str| json(&path, "", "", what);
    let named = "[sum(e.get('name') == n and e['tid'] == 1 for e in data['traceEvents']) \
                 for n in ('MPI_Barrier', 'MPI_Send', 'MPI_Put')]";
    assert_eq!(count(named), "[5, 2, 1]");
    let sent = "[m for e in data['traceEvents'] if e.get('name') == 'MPI_Sendrecv' and e['tid'] == 1 for m in e['args']['sent']]";
    assert_eq!(count(sent), "[{'to': 2, 'tag': 6, 'bytes': 100000}]");
    // An arrow for each message, in the slices of both calls.
    assert_eq!(
        count(
            "sorted((e['ph'], e['tid']) for e in data['traceEvents'] if e.get('cat') == 'message')"
        ),
        "[('f', 0), ('f', 0), ('f', 0), ('f', 0), ('f', 1), ('f', 1), ('f', 2), ('f', 2), ('f', 2), \
          ('s', 0), ('s', 0), ('s', 1), ('s', 1), ('s', 1), ('s', 2), ('s', 2), ('s', 2), ('s', 2)]"
    );
    let within = "all(any(s['ph'] == 'X' and s['tid'] == e['tid'] and s['ts'] - 1 <= e['ts'] <= s['ts'] + s['dur'] + 1 \
                  for s in data['traceEvents']) for e in data['traceEvents'] if e.get('cat') == 'message')";
    assert_eq!(count(within), "True");
    let outcome = trace(&["--set", "trace_events=4"]);
    assert_eq!(
        count("[e for e in data['traceEvents'] if e.get('cat') == 'message']"),
        "[]"
    );
    let _ = outcome.says(["oldest were dropped"]);
    assert_eq!(count("data['otherData']['dropped'] > 0"), "True");
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_before_the_job() {
    for option in [
        "--profile=/nowhere/at/all.html",
        "--trace=/nowhere/at/all.json",
    ] {
        let outcome = Job::of("profiled")
            .ranks(2)
            .options([option])
            .run()
            .exits(1);
        let _ = outcome.says([&format!("{option}: the file cannot be written")]);
    }
    let outcome = Job::of("profiled")
        .ranks(1)
        .options(["--profile=/tmp"])
        .run();
    assert!(
        outcome.stderr.contains("wanted the name of a file"),
        "{outcome}"
    );
    let outcome = Job::of("profiled")
        .ranks(1)
        .options(["--set", "trace_events=99m"])
        .run();
    assert!(
        outcome.stderr.contains("a number of events up to 16m"),
        "{outcome}"
    );
}
