//! Running a program under `mpirun`, with a watchdog.

use crate::tree;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The settings under which a rank program must give the same answers: which
/// one it is, and the variables that make it so.
pub const MODES: [(&str, &[(&str, &str)]); 6] = [
    ("defaults", &[]),
    ("the copy arm", &[("LARIAT_ARM", "copy")]),
    ("the cma arm", &[("LARIAT_ARM", "cma")]),
    ("one-cell rings", &[("LARIAT_RING_CELLS", "1")]),
    ("a tiny eager limit", &[("LARIAT_EAGER_LIMIT", "64")]),
    (
        "a tiny eager limit and the cma arm",
        &[("LARIAT_EAGER_LIMIT", "64"), ("LARIAT_ARM", "cma")],
    ),
];

/// The settings under which the conformance programs of the arms run: each arm
/// forced, and thresholds so small that little messages go the way of large ones.
/// The driver's arm is among them where there is a driver.
#[must_use]
pub fn arms() -> Vec<(&'static str, &'static [(&'static str, &'static str)])> {
    let mut arms: Vec<(_, &[_])> = vec![
        ("defaults", &[]),
        ("the shared arm", &[("LARIAT_ARM", "shared")]),
        ("the cma arm", &[("LARIAT_ARM", "cma")]),
        ("the copy arm", &[("LARIAT_ARM", "copy")]),
        ("no shared heap", &[("LARIAT_HEAP", "0")]),
        (
            "small thresholds",
            &[
                ("LARIAT_DIRECT_MIN", "64"),
                ("LARIAT_COOP_MIN", "4k"),
                ("LARIAT_COOP_CHUNK", "1k"),
                ("LARIAT_HEAP_MIN", "1"),
            ],
        ),
        (
            "large pieces around the caches",
            &[("LARIAT_COOP_CHUNK", "1m"), ("LARIAT_NT_MIN", "32k")],
        ),
    ];
    if Path::new(DRIVER).exists() {
        arms.push(("the driver arm", &[("LARIAT_ARM", "driver")]));
        arms.push((
            "the driver arm and small thresholds",
            &[
                ("LARIAT_ARM", "driver"),
                ("LARIAT_DIRECT_MIN", "64"),
                ("LARIAT_COOP_MIN", "4k"),
                ("LARIAT_COOP_CHUNK", "1k"),
            ],
        ));
    }
    arms
}

/// The kernel driver's device.
const DRIVER: &str = "/dev/xpmem";

/// A run of `mpirun`, being described.
#[derive(Clone, Debug)]
#[must_use]
pub struct Job {
    program: PathBuf,
    arguments: Vec<OsString>,
    ranks: Option<u32>,
    options: Vec<OsString>,
    before: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    unset: Vec<OsString>,
    stdin: Vec<u8>,
    stdin_file: Option<PathBuf>,
    limit: Duration,
}

/// Options of `mpirun` that all jobs of a run of tests get first, divided by tabs: to run a
/// whole suite on several hosts.
pub const MORE_OPTIONS: &str = "TEST_MPIRUN_OPTIONS";

impl Job {
    /// A job that runs `tests/programs/NAME.c`.
    pub fn of(name: &str) -> Job {
        Job::running(crate::program(name))
    }

    /// A job that runs any program.
    pub fn running(program: impl Into<PathBuf>) -> Job {
        Job {
            program: program.into(),
            arguments: Vec::new(),
            ranks: None,
            options: Vec::new(),
            before: Vec::new(),
            env: Vec::new(),
            unset: Vec::new(),
            stdin: Vec::new(),
            stdin_file: None,
            limit: Duration::from_secs(120),
        }
    }

    /// The number of ranks (`-n`).
    pub fn ranks(mut self, n: u32) -> Job {
        self.ranks = Some(n);
        self
    }

    /// Arguments of the program.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, args: I) -> Job {
        let args = args.into_iter().map(|a| a.as_ref().to_owned());
        self.arguments.extend(args);
        self
    }

    /// Options of `mpirun`, before `-n`.
    pub fn options<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, options: I) -> Job {
        let options = options.into_iter().map(|a| a.as_ref().to_owned());
        self.options.extend(options);
        self
    }

    /// A command line in front of `mpirun` (`unshare -m …`).
    pub fn before<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, words: I) -> Job {
        let words = words.into_iter().map(|a| a.as_ref().to_owned());
        self.before.extend(words);
        self
    }

    /// A variable in the environment of `mpirun`.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Job {
        self.env
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// What `mpirun` finds on its standard input, through a pipe.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Job {
        self.stdin = bytes.into();
        self
    }

    /// A file as the standard input of `mpirun`.
    pub fn stdin_file(mut self, path: impl Into<PathBuf>) -> Job {
        self.stdin_file = Some(path.into());
        self
    }

    /// How long the job may take before it counts as hung. It is no measure of
    /// speed: the machine may be busy with other things.
    pub fn limit(mut self, limit: Duration) -> Job {
        self.limit = limit;
        self
    }

    /// The command, ready to be spawned by a test that does more than to wait.
    #[must_use]
    pub fn command(&self) -> Command {
        let mpirun = tree::tool("mpirun").into_os_string();
        let mut words = self.before.clone();
        words.push(mpirun);
        if let Ok(more) = std::env::var(MORE_OPTIONS) {
            words.extend(more.split('\t').map(OsString::from));
        }
        words.extend(self.options.iter().cloned());
        if let Some(n) = self.ranks {
            words.push("-n".into());
            words.push(n.to_string().into());
        }
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command.arg(&self.program).args(&self.arguments);
        for (name, _) in std::env::vars_os() {
            // Settings of whoever runs the tests are not the test's.
            let text = name.to_string_lossy();
            if text.starts_with("LARIAT_") || text.starts_with("MPIEXEC_") {
                command.env_remove(&name);
            }
        }
        // Nor is what they have in a settings file.
        command.env("XDG_CONFIG_HOME", "/no/such/folder");
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        for name in &self.unset {
            command.env_remove(name);
        }
        command
    }

    /// Starts the job, for a test that does something to it while it runs.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(&self) -> Running {
        let mut command = self.command();
        let line = format!("{command:?}");
        let stdin = match &self.stdin_file {
            Some(path) => Stdio::from(File::open(path).expect("the input file is there")),
            None => Stdio::piped(),
        };
        command.stdin(stdin);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // Its own process group: nothing that the watchdog does reaches others.
        command.process_group(0);
        let mut child = command
            .spawn()
            .unwrap_or_else(|why| panic!("cannot run {line}: {why}"));
        if let Some(mut pipe) = child.stdin.take() {
            let bytes = self.stdin.clone();
            // In a thread: a program that does not read must not block the test.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)));
        }
        Running {
            line,
            stdout: Text::of(child.stdout.take().expect("stdout is a pipe")),
            stderr: Text::of(child.stderr.take().expect("stderr is a pipe")),
            limit: self.limit,
            child,
        }
    }

    /// Runs the job to its end.
    ///
    /// # Panics
    /// If it cannot be started, or hangs: then with what every rank waits for.
    #[must_use]
    pub fn run(&self) -> Outcome {
        self.start().finish()
    }

    /// Runs it and wants every rank to reach `PASSED()` and to exit with 0.
    ///
    /// # Panics
    /// If one does not.
    pub fn passes(&self) {
        if let Err(why) = self.try_passes() {
            panic!("{why}");
        }
    }

    /// As [`Job::passes`], in every one of [`MODES`].
    ///
    /// # Panics
    /// With what failed in which mode.
    pub fn passes_in_every_mode(&self) {
        self.passes_in(&MODES);
    }

    /// As [`Job::passes`], with every one of the settings that [`arms`] gives.
    ///
    /// # Panics
    /// With what failed on which arm.
    pub fn passes_on_every_arm(&self) {
        self.passes_in(&arms());
    }

    fn passes_in(&self, modes: &[(&str, &[(&str, &str)])]) {
        let mut failures = String::new();
        for &(mode, variables) in modes {
            let mut job = self.clone();
            for (name, value) in variables {
                job = job.env(name, value);
            }
            if let Err(why) = job.try_passes() {
                let _ = writeln!(failures, "with {mode}: {why}");
            }
        }
        assert!(failures.is_empty(), "{failures}");
    }

    fn try_passes(&self) -> Result<(), String> {
        let outcome = self.run();
        if outcome.code() != Some(0) {
            return Err(format!("not all ranks passed:\n{outcome}"));
        }
        let ranks = self.ranks.unwrap_or(1) as usize;
        let passed = outcome.stdout.matches(" checks passed").count();
        if passed != ranks {
            return Err(format!(
                "{passed} of {ranks} ranks reached PASSED():\n{outcome}"
            ));
        }
        Ok(())
    }

    /// The program that is run.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Takes a variable out of the environment.
    pub fn unset(mut self, name: &str) -> Job {
        self.unset.push(name.into());
        self
    }
}

/// What a pipe has brought so far, and whether it is over.
#[derive(Clone, Debug)]
struct Text(Arc<Mutex<(Vec<u8>, bool)>>);

impl Text {
    fn of(mut from: impl Read + Send + 'static) -> Text {
        let text = Text(Arc::default());
        let copy = text.clone();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(n @ 1..) = from.read(&mut piece) {
                copy.lock().0.extend_from_slice(&piece[..n]);
            }
            copy.lock().1 = true;
        });
        text
    }

    fn lock(&self) -> MutexGuard<'_, (Vec<u8>, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.lock().0).into_owned()
    }

    /// All of it; after ten seconds, what there is: a process that outlives its
    /// job may hold the pipe open.
    fn whole(&self) -> String {
        let start = Instant::now();
        while !self.lock().1 && start.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.so_far()
    }
}

/// A job that runs. Dropping it ends it.
#[derive(Debug)]
#[must_use]
pub struct Running {
    line: String,
    child: Child,
    stdout: Text,
    stderr: Text,
    limit: Duration,
}

impl Running {
    /// The process id of `mpirun`.
    #[must_use]
    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("process ids are small")
    }

    /// Waits until `mpirun` has printed this on stdout.
    ///
    /// # Panics
    /// If that does not happen within the job's limit.
    pub fn wait_for(&mut self, text: &str) {
        self.wait_in(&self.stdout.clone(), text);
    }

    /// Waits until this was said on stderr.
    ///
    /// # Panics
    /// If that does not happen within the job's limit.
    pub fn wait_for_error(&mut self, text: &str) {
        self.wait_in(&self.stderr.clone(), text);
    }

    /// Sends a signal that ends nothing, again and again until this was said on stderr.
    ///
    /// # Panics
    /// If that does not happen within the job's limit.
    pub fn signal_until(&mut self, signal: i32, text: &str) {
        let start = Instant::now();
        while !self.stderr.so_far().contains(text) {
            let over = self.child.try_wait().expect("a child can be waited for");
            let said = self.stderr.so_far();
            assert!(
                over.is_none() && start.elapsed() < self.limit,
                "{text:?} was never printed by {} ({over:?}): {said:?}",
                self.line
            );
            std::thread::sleep(Duration::from_millis(300));
            self.signal(signal);
        }
    }

    fn wait_in(&mut self, stream: &Text, text: &str) {
        let start = Instant::now();
        while !stream.so_far().contains(text) {
            let over = self.child.try_wait().expect("a child can be waited for");
            assert!(
                over.is_none() && start.elapsed() < self.limit,
                "{text:?} was never printed by {} ({over:?}): {:?}, {:?}",
                self.line,
                self.stdout.so_far(),
                self.stderr.so_far()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Sends a signal to `mpirun`.
    pub fn signal(&self, signal: i32) {
        // SAFETY: the child is ours and not waited for, so that its number is still its own.
        unsafe { libc::kill(self.pid(), signal) };
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If the job hangs: then with what every rank waits for.
    #[must_use]
    pub fn finish(mut self) -> Outcome {
        let ended = wait(&mut self.child, self.limit);
        let hung = ended.is_none();
        let outcome = Outcome {
            status: ended.unwrap_or_else(|| stop(&mut self.child)),
            line: self.line.clone(),
            stdout: self.stdout.whole(),
            stderr: self.stderr.whole(),
        };
        assert!(
            !hung,
            "hung: not over after {:?}; what it said when interrupted:\n{outcome}",
            self.limit
        );
        outcome
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            stop(&mut self.child);
        }
    }
}

/// How a job ended.
#[derive(Debug)]
pub struct Outcome {
    line: String,
    /// Of `mpirun`.
    pub status: ExitStatus,
    /// All that came out of `mpirun`.
    pub stdout: String,
    /// All that it and its ranks said on stderr.
    pub stderr: String,
}

impl Outcome {
    /// The exit code, if it was no signal that ended `mpirun`.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Wants this exit code.
    ///
    /// # Panics
    /// If it was another.
    pub fn exits(self, code: i32) -> Outcome {
        assert!(
            self.code() == Some(code),
            "exit code {code} was expected:\n{self}"
        );
        self
    }

    /// Wants an exit code that says that something failed.
    ///
    /// # Panics
    /// If it was 0 or a signal.
    pub fn fails(self) -> Outcome {
        let failed = self.code().is_some_and(|code| code != 0);
        assert!(failed, "an exit code above 0 was expected:\n{self}");
        self
    }

    /// Wants all of these in what was said on stderr, upper and lower case alike.
    ///
    /// # Panics
    /// If one is not there.
    pub fn says<const N: usize>(self, words: [&str; N]) -> Outcome {
        let said = self.stderr.to_lowercase();
        for word in words {
            assert!(
                said.contains(&word.to_lowercase()),
                "{word:?} was expected on stderr:\n{self}"
            );
        }
        self
    }

    /// Wants exactly this on stdout.
    ///
    /// # Panics
    /// If it is something else.
    pub fn prints(self, text: &str) -> Outcome {
        assert!(
            self.stdout == text,
            "{text:?} was expected on stdout:\n{self}"
        );
        self
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = match (self.status.code(), self.status.signal()) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {signal:?}"),
        };
        writeln!(f, "{}\n{status}", self.line)?;
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            // The end tells most; a flood would hide it.
            let from = text.len().saturating_sub(6000);
            let from = (from..=text.len()).find(|at| text.is_char_boundary(*at));
            writeln!(f, "--- {name}\n{}", &text[from.unwrap_or(0)..])?;
        }
        Ok(())
    }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    while start.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    None
}

/// Ends a job that hangs: an interrupt, upon which `mpirun` reports who waits
/// for whom and ends its ranks; then a kill.
fn stop(child: &mut Child) -> ExitStatus {
    let pid = i32::try_from(child.id()).expect("process ids are small");
    // SAFETY: the child is ours and not waited for, so that its number is still its own.
    unsafe { libc::kill(pid, libc::SIGINT) };
    if let Some(status) = wait(child, Duration::from_secs(5)) {
        return status;
    }
    // SAFETY: as above; the group was made for this child.
    unsafe { libc::kill(-pid, libc::SIGKILL) };
    child.wait().expect("a child can be waited for")
}
