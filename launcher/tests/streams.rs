//! What goes in and out: standard input, whole lines, huge output, closed ends.

mod common;

use common::{Run, mpirun, run, script};
use nix::pty::openpty;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

#[test]
fn lines_of_many_ranks_do_not_tear() {
    // Each line is written in many pieces.
    let text = "i=0; while [ $i -lt 40 ]; do \
        j=0; while [ $j -lt 20 ]; do printf 'rank-%d-' $PMI_RANK; j=$((j+1)); done; \
        echo end; i=$((i+1)); done";
    let done = run(script(12, text));
    assert_eq!(done.out.lines().count(), 12 * 40);
    for line in done.out.lines() {
        let rank = line.split('-').nth(1).unwrap();
        assert_eq!(line, format!("{}end", format!("rank-{rank}-").repeat(20)));
    }
}

#[test]
fn tags_in_both_spellings() {
    let show = "echo out; echo err >&2";
    let done = run(mpirun(&["-n", "2", "-l", "sh", "-c", show]));
    assert_eq!(done.sorted(), ["[0] out", "[1] out"]);
    let done = run(mpirun(&["-n", "1", "--tag-output", "sh", "-c", show]));
    assert_eq!(done.out, "[1,0]<stdout>: out\n");
    assert_eq!(done.err, "[1,0]<stderr>: err\n");
    let done = run(mpirun(&[
        "-n",
        "1",
        "--output",
        "timestamp,merge",
        "sh",
        "-c",
        show,
    ]));
    assert_eq!(done.out.lines().count(), 2);
    assert!(
        done.out
            .lines()
            .all(|l| l.contains("Z ") && l.starts_with("20"))
    );
}

#[test]
fn output_into_files() {
    let dir = std::env::temp_dir().join(common::marker("files"));
    let list = format!("dir={}:nocopy", dir.display());
    let done = run(mpirun(&[
        "-n",
        "2",
        "--output",
        &list,
        "sh",
        "-c",
        "echo $PMI_RANK; echo e >&2",
    ]));
    assert_eq!((done.code(), &*done.out, &*done.err), (0, "", ""));
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(read("rank.1/stdout"), "1\n");
    assert_eq!(read("rank.0/stderr"), "e\n");
    let pattern = format!("{}/out.%r", dir.display());
    run(mpirun(&[
        "-n",
        "2",
        "-outfile-pattern",
        &pattern,
        "echo",
        "x",
    ]));
    assert_eq!(read("out.1"), "x\n");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn bytes_and_the_missing_end_of_line_are_kept() {
    let done = run(mpirun(&["-n", "1", "printf", "a\\000b\\nno end"]));
    assert_eq!(done.out, "a\0b\nno end");
}

#[test]
fn huge_output_arrives_whole() {
    let done = run(script(2, "head -c 20000000 /dev/zero | tr '\\0' x"));
    assert_eq!(done.out.len(), 40_000_000);
    let done = run(mpirun(&["-n", "2", "seq", "200000"]));
    assert_eq!(done.out.lines().count(), 400_000);
    assert_eq!(done.out.lines().filter(|l| *l == "123456").count(), 2);
}

#[test]
fn a_huge_line_that_stops_does_not_block_the_others() {
    // rank 0 leaves a huge line open and waits for what rank 1 does after printing
    let file = std::env::temp_dir().join(common::marker("open-line"));
    let name = file.display();
    let done = run(script(
        2,
        &format!(
            "if [ $PMI_RANK = 0 ]; then head -c 300000 /dev/zero | tr '\\0' x; \
             while [ ! -e {name} ]; do sleep 0.01; done; echo; \
             else sleep 0.2; head -c 300000 /dev/zero | tr '\\0' '\\n'; touch {name}; fi"
        ),
    ));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(done.code(), 0);
    assert_eq!(done.out.len(), 600_001);
}

#[test]
fn a_reader_that_leaves_ends_the_job_quietly() {
    let mut command = script(2, "while :; do echo y; done");
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut some = [0; 2];
    out.read_exact(&mut some).unwrap();
    drop(out);
    let mut run = Run::of(child);
    let status = run.wait();
    assert_eq!(status.code(), Some(141));
    assert_eq!(run.finish().err, "");
}

#[test]
fn rank_0_reads_a_file_a_pipe_and_nothing() {
    let mut command = mpirun(&["-n", "2", "cat"]);
    command.stdin(File::open("/etc/hostname").unwrap());
    let hostname = std::fs::read_to_string("/etc/hostname").unwrap();
    assert_eq!(run(command).out, hostname);

    let mut command = mpirun(&["-n", "2", "cat"]);
    let mut running = Run::start(command.stdin(Stdio::piped()));
    let mut input = running.child.stdin.take().unwrap();
    input.write_all(b"piped").unwrap();
    drop(input);
    assert_eq!(running.finish().out, "piped");

    let mut closed = std::process::Command::new("sh");
    let line = format!("{} -n 2 cat <&-", env!("CARGO_BIN_EXE_mpirun"));
    closed.args(["-c", &line]).stdout(Stdio::piped());
    let done = Run::start(closed.stderr(Stdio::piped())).finish();
    assert_eq!((done.code(), &*done.out), (0, ""), "{}", done.err);
}

#[test]
fn another_rank_or_all_read() {
    for (who, want) in [
        ("1", vec!["1 x"]),
        ("all", vec!["0 x", "1 x"]),
        ("none", vec![]),
    ] {
        let script = "read v && echo $PMI_RANK $v; true";
        let mut command = mpirun(&["-n", "2", "--stdin", who, "sh", "-c", script]);
        let mut running = Run::start(command.stdin(Stdio::piped()));
        let mut input = running.child.stdin.take().unwrap();
        let _ = input.write_all(b"x\n"); // nobody may read it
        drop(input);
        assert_eq!(running.finish().sorted(), want, "--stdin {who}");
    }
}

#[test]
fn a_terminal_can_be_read_and_prompts_are_seen() {
    let pty = openpty(None, None).unwrap();
    let slave = File::from(pty.slave);
    let show = "printf 'name? '; read v; echo got $v; test -t 0";
    let mut command = mpirun(&[
        "-n",
        "2",
        "sh",
        "-c",
        &format!("[ $PMI_RANK = 1 ] || {{ {show}; }}"),
    ]);
    let mut setsid = std::process::Command::new("setsid");
    setsid
        .args(["--ctty", "--wait"])
        .arg(command.get_program())
        .args(command.get_args())
        .process_group(0)
        .stdin(slave.try_clone().unwrap())
        .stdout(slave.try_clone().unwrap())
        .stderr(slave);
    command = setsid;
    let mut running = Run::start(&mut command);
    drop(command); // its copies of the slave side
    let mut master = File::from(pty.master);
    let mut seen = Vec::new();
    let mut piece = [0; 256];
    while !String::from_utf8_lossy(&seen).contains("name? ") {
        let n = master.read(&mut piece).unwrap();
        seen.extend_from_slice(&piece[..n]);
    }
    master.write_all(b"terminal\n").unwrap();
    while !String::from_utf8_lossy(&seen).contains("got terminal") {
        let n = master.read(&mut piece).unwrap();
        seen.extend_from_slice(&piece[..n]);
    }
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn a_full_disk_is_said() {
    let mut command = script(1, "while :; do echo y; done");
    command.stdout(File::options().write(true).open("/dev/full").unwrap());
    let done = run(command);
    assert_eq!(done.code(), 1);
    assert!(
        done.err.contains("standard output cannot be written"),
        "{}",
        done.err
    );
}
