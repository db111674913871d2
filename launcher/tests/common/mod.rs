//! Runs the built mpirun with a watchdog.

#![allow(dead_code, reason = "each test file uses a part of this")]

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The time after which a test's mpirun counts as hung.
const WATCHDOG: Duration = Duration::from_secs(60);

/// How a run ended, and what it printed.
#[derive(Debug)]
pub struct Outcome {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// The exit code; 128 + the signal if one killed mpirun.
    pub fn code(&self) -> i32 {
        let signal = || self.status.signal().map(|s| s + 128);
        self.status.code().or_else(signal).unwrap()
    }

    /// The lines of standard output, sorted.
    pub fn sorted(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.out.lines().collect();
        lines.sort_unstable();
        lines
    }
}

/// mpirun with these arguments, in a process group of its own, with an empty
/// standard input and its output caught.
pub fn mpirun(args: &[&str]) -> Command {
    mpirun_of(Path::new(env!("CARGO_BIN_EXE_mpirun")), args)
}

/// As [`mpirun`], of another tree.
pub fn mpirun_of(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_remove("MPIEXEC_TIMEOUT")
        .env_remove("LD_PRELOAD")
        .env("XDG_CONFIG_HOME", "/no/such/folder") // whoever runs the tests may have settings
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// mpirun with `-n ranks` and a shell script.
pub fn script(ranks: u32, script: &str) -> Command {
    mpirun(&["-n", &ranks.to_string(), "sh", "-c", script])
}

/// Runs to the end.
pub fn run(mut command: Command) -> Outcome {
    Run::start(&mut command).finish()
}

/// An mpirun that has been started.
pub struct Run {
    pub child: Child,
    out: Option<JoinHandle<Vec<u8>>>,
    err: Option<JoinHandle<Vec<u8>>>,
}

fn collect(from: Option<impl Read + Send + 'static>) -> Option<JoinHandle<Vec<u8>>> {
    let mut from = from?;
    Some(std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = from.read_to_end(&mut all);
        all
    }))
}

impl Run {
    pub fn start(command: &mut Command) -> Run {
        Run::of(command.spawn().expect("mpirun was built"))
    }

    /// Collects what `child` prints, unless a stream has been taken before.
    pub fn of(mut child: Child) -> Run {
        let out = collect(child.stdout.take());
        let err = collect(child.stderr.take());
        Run { child, out, err }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for the end; kills what hangs and fails the test.
    pub fn finish(mut self) -> Outcome {
        let status = self.wait();
        let text = |thread: Option<JoinHandle<Vec<u8>>>| {
            let bytes = thread.map_or(Vec::new(), |t| t.join().unwrap());
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Outcome {
            status,
            out: text(self.out.take()),
            err: text(self.err.take()),
        }
    }

    pub fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if began.elapsed() > WATCHDOG {
                let _ = self.child.kill();
                panic!("mpirun hangs");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Waits until `what` holds, and fails the test if it never does.
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < WATCHDOG, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A word that marks the processes of one test on their command lines.
pub fn marker(test: &str) -> String {
    format!("lariat-test-{test}-{}", std::process::id())
}

/// Processes, mpirun itself excepted, that have `marker` on their command line.
pub fn marked(marker: &str) -> Vec<i32> {
    let Ok(dir) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    dir.flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).into_owned();
            let program = line.split('\0').next().unwrap_or_default();
            (line.contains(marker) && !program.ends_with("mpirun")).then_some(pid)
        })
        .collect()
}

/// An installed tree with the mpirun under test. It is removed when it is dropped.
#[derive(Debug)]
pub struct Tree(PathBuf);

impl Tree {
    /// A tree for the test of this name; `name` may have a path in it.
    pub fn new(name: &str) -> Tree {
        let top = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let tree = Tree(top.join(format!("{}-{name}", std::process::id())));
        for folder in [
            "bin",
            "lib",
            "etc/lariat",
            "libexec/lariat",
            "config/lariat",
        ] {
            std::fs::create_dir_all(tree.0.join(folder)).unwrap();
        }
        // A link, not a copy: a file that was just written may be busy when it is run.
        std::fs::hard_link(env!("CARGO_BIN_EXE_mpirun"), tree.path("bin/mpirun")).unwrap();
        tree
    }

    /// A path in it.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.0.join(inside)
    }

    /// Writes a file of it.
    pub fn write(&self, inside: &str, text: &str) {
        std::fs::write(self.path(inside), text).unwrap();
    }

    /// Compiles C text into a file of it. Returns false if that does not work here.
    pub fn compile(&self, inside: &str, text: &str, flags: &[&str]) -> bool {
        self.write("source.c", text);
        let mut cc = Command::new("cc");
        cc.arg("-o")
            .arg(self.path(inside))
            .arg(self.path("source.c"));
        cc.args(flags).stdout(Stdio::null()).stderr(Stdio::null());
        cc.status().is_ok_and(|status| status.success())
    }

    /// Its mpirun. The user's settings lie in its folder `config`.
    pub fn mpirun(&self, args: &[&str]) -> Command {
        let mut command = mpirun_of(&self.path("bin/mpirun"), args);
        command.env("XDG_CONFIG_HOME", self.path("config"));
        command
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
