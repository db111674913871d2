//! `mpirun --report=json:FILE`: what it writes however a job ends.

use lariat_tests::{Job, Outcome};
use std::path::{Path, PathBuf};
use std::process::Command;

fn file(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("lariat-report-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

fn option(path: &Path) -> String {
    format!("--report=json:{}", path.display())
}

/// What each Python expression says of the document, a line for each.
fn said(path: &Path, expressions: &[&str]) -> Vec<String> {
    let all: Vec<String> = expressions.iter().map(|one| format!("({one})")).collect();
    let script = format!(
        "import json,sys\nd=json.load(open(sys.argv[1]))\nfor x in [{}]: print(x)",
        all.join(",")
    );
    let out = Command::new("python3")
        .arg("-c")
        .arg(script)
        .arg(path)
        .output();
    let out = out.expect("python3 runs");
    let errors = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{errors}");
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn run(job: Job, options: &[&str], path: &Path) -> Outcome {
    let options = options.iter().map(|option| (*option).to_owned());
    job.options(options.chain([option(path)])).run()
}

#[test]
fn a_job_that_ends_well_has_a_short_one() {
    let path = file("well.json");
    let outcome = run(Job::of("persistent").ranks(2), &[], &path).exits(0);
    assert!(outcome.stderr.is_empty(), "{outcome}");
    let all = said(
        &path,
        &[
            "d['version'], d['exit_code'], d['ending'], d['error']",
            "d['command'][-1].rsplit('/')[-1], d['seconds']>0",
            "[(r['rank'],r['called_mpi'],r['end']['exit_code']) for r in d['ranks']]",
            "d['failures'], d['reports'], d['warnings']",
        ],
    );
    assert_eq!(
        all,
        [
            "(1, 0, 'success', None)",
            "('persistent', True)",
            "[(0, True, 0), (1, True, 0)]",
            "([], [], [])",
        ]
    );
}

#[test]
fn who_waits_for_whom_is_told_in_parts() {
    let path = file("stuck.json");
    let job = Job::of("wrong/pt2pt").ranks(2).args(["wrong_tag"]);
    let _ = run(job, &["--on-deadlock=end"], &path).exits(35);
    let all = said(
        &path,
        &[
            "d['exit_code'], d['ending'], len(d['reports'])",
            "[d['reports'][0][k] for k in ('occasion','all_stuck','stuck','ring','left')]",
            "[[w[k] for k in ('call','kind','on','for_ranks','peer','tag','count','datatype','bytes')] for w in d['reports'][0]['ranks'][0]['waits']]",
            "[w['at'].split(':')[0] for r in d['reports'][0]['ranks'] for w in r['waits']]",
            "d['reports'][0]['ranks'][1]['waits'][0]['collective']",
            "[[u[k] for k in ('source','tag','on','bytes','hint')] for u in d['reports'][0]['ranks'][0]['unreceived']]",
            "[r['end']['ended_by_mpirun'] for r in d['ranks']]",
            "d['reports'][0]['text'].splitlines()[-1]",
        ],
    );
    assert_eq!(
        all,
        [
            "(35, 'deadlock', 1)",
            "['stuck', True, [0, 1], [0, 1, 0], []]",
            "[['MPI_Recv', 'receive', 'MPI_COMM_WORLD', [1], 1, 8, 3, 'MPI_DOUBLE', 24]]",
            "['pt2pt.c', 'pt2pt.c']",
            "{'call': 'MPI_Barrier', 'number': 2}",
            "[[1, 7, 'MPI_COMM_WORLD', 24, 'tag 7 came, tag 8 is wanted']]",
            "[True, True]",
            "  each waits for the next: 0 → 1 → 0",
        ]
    );
}

#[test]
fn a_death_is_told_with_its_frames() {
    let path = file("death.json");
    let _ = run(Job::of("dies").ranks(3).args(["null"]), &[], &path).exits(139);
    let all = said(
        &path,
        &[
            "d['exit_code'], d['ending'], len(d['failures'])",
            "[d['failures'][0][k] for k in ('kind','rank','signal','address','call','last_call')]",
            "[f['function'] for f in d['failures'][0]['frames']]",
            "[f['file'] for f in d['failures'][0]['frames'] if f['line']>0]",
            "[(w['rank'],w['call'],w['on']) for w in d['failures'][0]['waiters']]",
            "[r['end']['ended_by_mpirun'] for r in d['ranks']]",
        ],
    );
    assert_eq!(
        all,
        [
            "(139, 'failure', 1)",
            "['signal', 1, 'SIGSEGV', 0, None, 'MPI_Comm_rank']",
            "['store', 'die', 'main']",
            "['dies.c', 'dies.c', 'dies.c']",
            "[(0, 'MPI_Barrier', 'MPI_COMM_WORLD'), (2, 'MPI_Barrier', 'MPI_COMM_WORLD')]",
            "[True, False, True]",
        ]
    );
}

#[test]
fn mismatches_and_warnings_are_there() {
    let path = file("mismatch.json");
    let job = Job::of("wrong/mismatch").ranks(4).args(["two_roots"]);
    let _ = run(job, &["--check"], &path).exits(8);
    let all = said(
        &path,
        &[
            "d['ending'], [(f['kind'],f['error_class']) for f in d['failures'][:1]]",
            "'root is 0 at ranks' in d['failures'][0]['text']",
            "d['failures'][0]['frames'][0]['function']",
        ],
    );
    assert_eq!(
        all,
        [
            "('failure', [('mismatch', 'MPI_ERR_ROOT')])",
            "True",
            "two_roots"
        ]
    );
    let path = file("warning.json");
    let job = Job::of("wrong/leaks").ranks(2).args(["receive_left"]);
    let outcome = run(job, &["--check"], &path).exits(0);
    let all = said(
        &path,
        &[
            "d['ending'], [w['topic'] for w in d['warnings']]",
            "'\\n'.join('mpirun: '+w['text'] for w in d['warnings'])",
        ],
    );
    assert_eq!(all[0], "('success', ['left'])");
    assert!(outcome.stderr.contains(&all[1]), "{outcome}\n{}", all[1]);
}

#[test]
fn it_is_written_whatever_ends_the_job() {
    let path = file("timeout.json");
    let job = Job::of("wrong/pt2pt").ranks(2).args(["recv_recv"]);
    let _ = run(job.clone(), &["--timeout", "1"], &path).exits(124);
    let ending = "d['exit_code'], d['ending'], [r['occasion'] for r in d['reports']][-1:]";
    assert_eq!(said(&path, &[ending]), ["(124, 'timeout', ['timeout'])"]);

    let path = file("signal.json");
    let mut running = job.options([option(&path)]).start();
    running.wait_for_error("stuck: ");
    running.signal(libc::SIGTERM);
    let _ = running.finish().exits(143);
    assert_eq!(said(&path, &[ending]), ["(143, 'signal', ['signal'])"]);

    let path = file("nothing.json");
    let job = Job::running("/nowhere/program").ranks(2);
    let _ = run(job, &[], &path).exits(127);
    let error = "d['ending'], '/nowhere/program is not found' in d['error'], d['ranks']";
    assert_eq!(said(&path, &[error]), ["('not started', True, [])"]);
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_before_the_job() {
    let job = Job::of("hello").ranks(2);
    let path = Path::new("/nowhere/report.json");
    let outcome = run(job.clone(), &[], path).exits(1);
    let outcome = outcome.says(["--report=json:/nowhere/report.json: the file cannot be written"]);
    assert!(outcome.stdout.is_empty(), "{outcome}");
    for (word, why) in [
        (
            "--report=xml:a",
            "the form xml is not known; it is json:FILE",
        ),
        ("--report=a", "a names no form; it is json:FILE"),
        ("--report=json:", "wanted the name of a file"),
    ] {
        let _ = job.clone().options([word]).run().fails().says([why]);
    }
}
