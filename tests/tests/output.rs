//! What ranks print, and a reader that is slow, or does not read at all: nothing is
//! lost of what somebody reads, and mpirun ends in time where nobody does.

use lariat_tests::{Job, leftovers};
use std::io::{BufRead, BufReader, PipeReader, Read};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Prints without end.
fn yes() -> Job {
    Job::running("yes").ranks(2)
}

/// Bytes that can be read now.
fn waiting(pipe: &PipeReader) -> usize {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int.
    let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut count) };
    assert_eq!(asked, 0);
    usize::try_from(count).unwrap()
}

/// Waits until nothing more fits into a pipe.
fn full(pipe: &PipeReader, child: &mut Child) {
    let start = Instant::now();
    let mut last = (0, Instant::now());
    while last.0 < 4096 || last.1.elapsed() < Duration::from_millis(200) {
        let now = waiting(pipe);
        if now != last.0 {
            last = (now, Instant::now());
        }
        assert!(child.try_wait().unwrap().is_none() && start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Waits for mpirun, which has ranks marked with `mark`, and sees that none is left.
fn ends(child: &mut Child, mark: &str) -> ExitStatus {
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > Duration::from_secs(60) {
            let _ = child.kill();
            panic!("mpirun waits for a reader that does not read");
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    leftovers::no_processes(mark);
    status
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: the child is ours and not waited for, so that its number is still its own.
    unsafe { libc::kill(i32::try_from(child.id()).unwrap(), signal) };
}

#[test]
fn mpirun_ends_though_nobody_reads_its_output() {
    let dies = "if [ $LARIAT_RANK = 1 ]; then sleep 1; kill -SEGV $$; fi; exec yes";
    let dies = Job::running("sh").args(["-c", dies]).ranks(2);
    let script = "trap '' TERM; yes";
    let deaf = Job::running("sh").args(["-c", script]).ranks(2);
    let jobs = [
        (yes(), &[libc::SIGTERM][..], 128 + libc::SIGTERM),
        (yes(), &[libc::SIGHUP], 128 + libc::SIGHUP),
        (deaf, &[libc::SIGTERM, libc::SIGTERM], 128 + libc::SIGTERM),
        (yes().options(["--timeout", "1"]), &[], 124),
        (dies, &[], 128 + libc::SIGSEGV),
    ];
    // the reader of standard output sleeps, then that of standard error, then both
    let readers = [(true, false), (false, true), (true, true)];
    std::thread::scope(|scope| {
        for (job, signals, code) in &jobs {
            for (out, err) in readers {
                scope.spawn(move || unread(job, out, err, signals, *code));
            }
        }
    });
}

/// Runs a job whose ranks print without end where nobody reads it, sends mpirun
/// these signals, and wants this exit code.
fn unread(job: &Job, out: bool, err: bool, signals: &[i32], code: i32) {
    let mark = leftovers::mark();
    let mut command = job.clone().env(leftovers::MARK, &mark).command();
    let (reader, writer) = std::io::pipe().unwrap();
    if !out {
        command = to_stderr(&command);
    }
    let ours = |stalls| match stalls {
        true => Stdio::from(writer.try_clone().unwrap()),
        false => Stdio::null(),
    };
    command.stdin(Stdio::null());
    command.stdout(ours(out)).stderr(ours(err));
    let mut child = command.spawn().unwrap();
    drop(command);
    if !signals.is_empty() {
        full(&reader, &mut child);
    }
    for one in signals {
        signal(&child, *one);
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = ends(&mut child, &mark);
    let what = format!("{signals:?}, stdout stalls: {out}, stderr stalls: {err}: {status}");
    assert_eq!(status.code(), Some(code), "{what}");
}

/// The same job, but its ranks print to standard error.
fn to_stderr(command: &Command) -> Command {
    let words: Vec<_> = command.get_args().map(ToOwned::to_owned).collect();
    let at = words.iter().position(|w| w == "yes" || w == "sh").unwrap();
    let mut turned = Command::new(command.get_program());
    turned.args(&words[..at]);
    turned.args(["sh", "-c", "exec \"$@\" >&2", "sh"]);
    turned.args(&words[at..]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => turned.env(name, value),
            None => turned.env_remove(name),
        };
    }
    turned
}

#[test]
fn one_stream_that_is_not_read_does_not_hold_up_the_other() {
    let script = "if [ $LARIAT_RANK = 0 ]; then exec yes; fi; sleep 1; echo here >&2; sleep 100";
    let mut command = Job::running("sh").args(["-c", script]).ranks(2).command();
    let (stalled, writer) = std::io::pipe().unwrap();
    command.stdin(Stdio::null()).stdout(writer);
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    drop(command);
    let mut text = Vec::new();
    let mut errors = child.stderr.take().unwrap();
    while !text.ends_with(b"here\n") {
        let mut byte = [0];
        assert_eq!(errors.read(&mut byte).unwrap(), 1, "{text:?}");
        text.push(byte[0]);
    }
    signal(&child, libc::SIGTERM);
    let mut said = String::new();
    errors.read_to_string(&mut said).unwrap();
    assert!(said.contains("SIGTERM: ending the job"), "{said}");
    assert_eq!(child.wait().unwrap().code(), Some(128 + libc::SIGTERM));
    drop(stalled);
}

/// Reads `pipe` to its end, `piece` bytes at a time with pauses of `pause`.
fn slowly(mut pipe: impl Read, piece: usize, pause: Duration) -> usize {
    let mut buffer = vec![0; piece];
    let mut all = 0;
    loop {
        match pipe.read(&mut buffer).unwrap() {
            0 => return all,
            n => all += n,
        }
        std::thread::sleep(pause);
    }
}

#[test]
fn nothing_is_lost_that_somebody_reads_however_slowly() {
    // A job that ends well waits for its reader, however long that sleeps.
    let flood = Job::running("sh").args(["-c", "seq 40000"]).ranks(2);
    let mut child = flood.command().stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(5));
    let all = slowly(child.stdout.take().unwrap(), 64 << 10, Duration::ZERO);
    assert_eq!((all, child.wait().unwrap().code()), (2 * 228_894, Some(0)));
    // One that fails waits as long as it is read at all.
    let fails = Job::running("sh")
        .args(["-c", "seq 40000; exit 3"])
        .ranks(1);
    let mut command = fails.command();
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pipe = child.stdout.take().unwrap();
    let all = slowly(pipe, 4096, Duration::from_millis(80));
    assert_eq!((all, child.wait().unwrap().code()), (228_894, Some(3)));
}

#[test]
fn a_fifo_that_nobody_reads_is_no_place_for_output() {
    let fifo = lariat_tests::scratch("fifo").join("out");
    let name = std::ffi::CString::new(fifo.to_str().unwrap()).unwrap();
    // SAFETY: the name is a string of C's.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let pattern = fifo.to_str().unwrap();
    let job = Job::running("true").ranks(1);
    let outcome = job.options(["--outfile-pattern", pattern]).run();
    let _ = outcome.fails().says([pattern, "nobody reads it"]);
}

/// What the rank prints fits into pipes, so that it ends though nobody reads.
#[test]
fn a_signal_that_comes_when_only_output_is_left_is_told_of() {
    let job = Job::running("sh").args(["-c", "echo $$ >&2; exec seq 20000"]);
    let mut command = job.ranks(1).command();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut rank = String::new();
    errors.read_line(&mut rank).unwrap();
    let start = Instant::now();
    while Path::new("/proc").join(rank.trim()).exists() {
        assert!(start.elapsed() < Duration::from_secs(60), "rank {rank}");
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, libc::SIGINT);
    let all = slowly(child.stdout.take().unwrap(), 64 << 10, Duration::ZERO);
    let mut said = String::new();
    errors.read_to_string(&mut said).unwrap();
    assert!(
        said.contains("SIGINT came after all ranks had ended"),
        "{said}"
    );
    let code = child.wait().unwrap().code();
    assert_eq!((all, code), (108_894, Some(128 + libc::SIGINT)));
}
