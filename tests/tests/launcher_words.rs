//! The options of other launchers: each example of `docs/launcher-words.md` does what the page
//! says, and those that change something are seen to change it.

use lariat_tests::{Job, scratch, workspace};
use std::path::{Path, PathBuf};
use std::process::Output;

/// A folder with the files that the examples name.
fn folder() -> PathBuf {
    let dir = scratch("words");
    let write = |name: &str, text: &str| std::fs::write(dir.join(name), text).unwrap();
    write("hosts.txt", "localhost slots=2\n");
    write("ranks.txt", "rank 0=localhost slot=0\n");
    write("app.txt", "-n 1 true\n");
    std::fs::create_dir_all(dir.join("out")).unwrap();
    dir
}

/// Runs `mpirun WORDS` in this folder.
fn run(dir: &Path, words: &[&str]) -> Output {
    let (program, options) = words.split_last().unwrap();
    let mut job = Job::running(program).options(options);
    for (name, _) in std::env::vars().filter(|(n, _)| n.starts_with("SLURM_")) {
        job = job.unset(&name);
    }
    job.command().current_dir(dir).output().unwrap()
}

/// What is wrong with an example, if something is.
fn fault(dir: &Path, example: &str, here: &str) -> Option<String> {
    let mut words: Vec<&str> = example.split_whitespace().collect();
    words.push("true");
    let reads_programs = example.contains("app.txt");
    if reads_programs {
        words.pop();
    }
    let done = run(dir, &words);
    let code = done.status.code();
    let said = String::from_utf8_lossy(&done.stderr);
    let printed = String::from_utf8_lossy(&done.stdout);
    let (kind, word) = here.split_once(": ").unwrap_or((here, ""));
    let right = match kind {
        "refused" => {
            code == Some(1)
                && said.starts_with("mpirun: ")
                && said.lines().count() == 1
                && said.contains(word)
                && said.contains("here") | said.contains(word)
        }
        "nothing" => {
            code == Some(0)
                && said.lines().count() == 1
                && said.contains(" does nothing here: ")
                && said.contains(word)
        }
        "shows" => code == Some(0) && !said.is_empty(),
        "prints" => code == Some(0) && printed.contains("Lariat"),
        "says what was chosen" => code == Some(0),
        // A window needs a display.
        _ if example.starts_with("--xterm") => {
            code == Some(0) || said.contains("DISPLAY") || said.contains("xterm")
        }
        _ if example.starts_with("-gdb") => code == Some(0) || said.contains("gdb"),
        // Virtual machines do not always show their caches.
        _ if said.contains("cache is known on this machine") => {
            example.contains(" l") || example.contains(" L")
        }
        _ => code == Some(0) && said.is_empty(),
    };
    (!right).then(|| format!("mpirun {example}: {here}\n  but: {code:?} {said}{printed}"))
}

#[test]
fn each_example_does_what_the_page_says() {
    let page = std::fs::read_to_string(workspace().join("docs/launcher-words.md")).unwrap();
    let dir = folder();
    let mut count = 0;
    let mut faults = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells = line.trim_matches(['|', ' ']).split_once(" | ");
        let (example, here) = cells.expect("a line of a table has two cells");
        faults.extend(fault(&dir, example.trim_matches('`'), here));
        count += 1;
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(count >= 214, "only {count} examples were found");
}

/// Runs a shell script on two ranks.
fn script(options: &[&str], text: &str) -> lariat_tests::Outcome {
    let job = Job::running("sh").args(["-c", text]).ranks(2);
    job.options(options).run()
}

#[test]
fn variables_are_passed_as_the_options_say() {
    let show = "echo $((${A:-0} + ${B:-0}))";
    for (options, sum) in [
        (&[][..], "3"),
        (&["-genvnone"], "0"),
        (&["-envnone"], "0"),
        (&["-envnone", "-envlist", "B"], "2"),
        (&["-genvnone", "-envall"], "3"),
        (&["--unset-env", "A"], "2"),
        (&["--unset-env", "A*"], "2"),
        (&["--set-env", "A=5"], "7"),
        (&["--append-env", "A[+]", "4"], "7"),
        (&["--prepend-env", "A[+]", "4"], "7"),
        (&["--unset-env", "A", "--append-env", "A[+]", "4"], "6"),
    ] {
        let job = Job::running("sh").args(["-c", show]).ranks(1);
        let job = job.options(options).env("A", "1").env("B", "2");
        let _ = job.run().exits(0).prints(&format!("{sum}\n"));
    }
    let _ = script(&["--append-env", "A", "4"], "true")
        .exits(1)
        .says(["--append-env A", "PATH[:]"]);
}

#[test]
fn output_goes_where_the_options_say() {
    let text = "echo \"<$LARIAT_RANK>\"; [ $LARIAT_RANK = 1 ] || echo wrong >&2";
    let xml = script(&["--xml", "--merge-stderr-to-stdout"], text).exits(0);
    let mut lines: Vec<&str> = xml.stdout.lines().collect();
    lines.sort_unstable();
    let wanted = [
        "<stderr rank=\"0\">wrong</stderr>",
        "<stdout rank=\"0\">&lt;0&gt;</stdout>",
        "<stdout rank=\"1\">&lt;1&gt;</stdout>",
    ];
    assert_eq!(lines, wanted, "{xml}");
    let said = script(&["-prepend-pattern", "(%r) "], "echo hello").exits(0);
    let mut lines: Vec<&str> = said.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["(0) hello", "(1) hello"]);
    // Terminals only where they are asked for, and what comes out of them is not changed.
    let test = "test -t 1 && test -t 2 && echo terminal || echo pipe";
    let _ = script(&["--pty"], test)
        .exits(0)
        .prints("terminal\nterminal\n");
    let _ = script(&[], test).exits(0).prints("pipe\npipe\n");
    let lost = script(&["--pty"], "seq 5000; exit 0").exits(0);
    assert_eq!(lost.stdout.lines().count(), 10_000);
    assert!(!lost.stdout.contains('\r'));
}

#[test]
fn failures_end_a_job_unless_it_is_to_go_on() {
    let text = "[ $LARIAT_RANK = 1 ] && exit 7; sleep 1; echo alive";
    let on = script(&["-disable-auto-cleanup"], text)
        .exits(7)
        .prints("alive\n");
    let _ = on.says(["rank 1", "The others go on"]);
    let text = "exit $((LARIAT_RANK * 3))";
    let codes = script(&["-print-all-exitcodes"], text).exits(3);
    let _ = codes.says(["exit codes: 0 (rank 0), 3 (rank 1)"]);
    let _ = script(&["--nooversubscribe", "--cpu-set", "0"], "true")
        .exits(1)
        .says(["2 ranks", "--nooversubscribe"]);
}

#[test]
fn places_are_where_the_options_say() {
    let show = "grep Cpus_allowed_list: /proc/self/status | cut -f2";
    let _ = script(&["--cpu-set", "0"], show).exits(0).prints("0\n0\n");
    let _ = script(&["--cpu-set", "0", "--bind-to", "none"], show)
        .exits(0)
        .prints("0\n0\n");
    let _ = script(&["-bind-to", "user:0"], show)
        .exits(0)
        .prints("0\n0\n");
    let nowhere = script(&["--cpu-set", "4095"], show).exits(1);
    let _ = nowhere.says(["--cpu-set", "4095", "these may"]);
    let nothing = script(&["--do-not-launch", "--report-bindings"], "echo started");
    let _ = nothing.exits(0).prints("").says(["rank 0"]);
    let dir = folder();
    std::fs::write(dir.join("far.txt"), "rank 0=other.example slot=0\n").unwrap();
    for (file, word) in [
        ("far.txt", "other.example"),
        ("app.txt", "line 1"),
        ("none.txt", "none.txt"),
    ] {
        let done = run(&dir, &["--rankfile", file, "true"]);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(
            done.status.code() == Some(1) && said.contains(word),
            "{said}"
        );
    }
}

#[test]
fn variables_that_do_nothing_are_told_of() {
    let job = Job::running("true").ranks(1);
    let wrong = job.clone().env("LARIAT_EAGRE_LIMIT", "1").run().exits(0);
    let _ = wrong.says(["LARIAT_EAGRE_LIMIT", "did you mean LARIAT_EAGER_LIMIT?"]);
    let other = job
        .clone()
        .env("OMPI_MCA_btl", "self")
        .env("HYDRA_IFACE", "eth0");
    let quiet = other.run().exits(0);
    assert_eq!(quiet.stderr, "", "{quiet}");
    let _ = other
        .options(["--verbose"])
        .run()
        .exits(0)
        .says(["OMPI_MCA_btl is set and is not read here", "HYDRA_IFACE"]);
    let rank = job.env("MPIEXEC_PREFIX_DEFAULT", "1");
    let _ = rank.run().exits(0);
}

#[test]
fn programs_see_the_universe_and_the_buffering_that_were_asked_for() {
    let job = Job::of("words").ranks(2);
    let options = ["-usize", "77", "-memory-alloc-kinds", "mpi,system"];
    let told = job.clone().options(options).run().exits(0);
    let _ = told.prints("universe 77, kinds mpi,system\n");
    // A line leaves the C library before the program is killed.
    let killed = job
        .args(["dies"])
        .options(["--stream-buffering", "1"])
        .run();
    assert!(killed.stdout.contains("printed"), "{killed}");
}
