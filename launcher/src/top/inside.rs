//! `mpirun --top`: the view of the job that this mpirun runs, in a thread of its own.

use super::output::KeptOutput;
use super::sampler::Sampler;
use super::screen::Screen;
use super::session::{Session, Wish};
use super::table;
use super::view::Around;
use crate::cli::{JobOptions, StdinReader};
use crate::inspect::Watched;
use crate::say::say;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the thread looks whether it is to end.
const TURN: Duration = Duration::from_millis(20);

/// A view that is to be shown, before the job begins.
#[derive(Debug)]
pub struct Prepared {
    interval: Duration,
    /// None: there is no terminal, and tables are printed.
    output: Option<KeptOutput>,
}

impl Prepared {
    /// Takes over the terminal's streams, if a view is wanted and there is a terminal to show
    /// it on. None: none is wanted. From then on the ranks do not read the terminal: its keys
    /// are the view's.
    ///
    /// # Errors
    /// The output cannot be kept.
    pub fn of(global: &mut JobOptions) -> io::Result<Option<Prepared>> {
        let Some(seconds) = global.top else {
            return Ok(None);
        };
        let has_keys = File::open("/dev/tty").is_ok();
        let output = match has_keys {
            true => KeptOutput::begin()?,
            false => None,
        };
        if output.is_some() && io::stdin().is_terminal() {
            global.stdin = Some(StdinReader::Nobody);
        }
        Ok(Some(Prepared {
            interval: Duration::from_secs_f64(seconds),
            output,
        }))
    }

    /// Shows the view of this job.
    ///
    /// # Errors
    /// There is no more memory or no thread.
    pub fn start(self, watched: Watched) -> io::Result<Live> {
        let stop = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&stop);
        let Prepared { interval, output } = self;
        let show = move || match output {
            Some(output) => on_terminal(&watched, interval, output, &ends),
            None => as_lines(&watched, interval, &ends),
        };
        let thread = std::thread::Builder::new().name("top".to_owned());
        Ok(Live {
            stop,
            thread: Some(thread.spawn(show)?),
        })
    }
}

/// A view that is shown. Dropping it ends it, prints what was kept of the output, and a last
/// table.
#[derive(Debug)]
pub struct Live {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<String>>,
}

impl Drop for Live {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        let table = self.thread.take().map(JoinHandle::join);
        if let Some(Ok(table)) = table {
            say(table.trim_end());
        }
    }
}

fn title(watched: &Watched, program: &mut String, began: Instant) -> String {
    // The programs of ranks that have ended cannot be seen any more.
    let now = watched.program();
    if !now.is_empty() {
        *program = now;
    }
    let pid = Pid::this().as_raw();
    let hosts = watched.hosts().map(|hosts| hosts.len());
    table::title(pid, (watched.ranks(), hosts), program, began.elapsed())
}

/// Prints a table every interval. Returns the last one.
fn as_lines(watched: &Watched, interval: Duration, stop: &AtomicBool) -> String {
    let began = Instant::now();
    let mut sampler = Sampler::default();
    sampler.moment(watched); // processor time counts from here
    let mut program = String::new();
    let mut next = began + interval;
    loop {
        sampler.sample(watched);
        let is_over = stop.load(Relaxed);
        if is_over || Instant::now() >= next {
            let title = title(watched, &mut program, began);
            let text = table::text(&title, &sampler.moment(watched));
            if is_over {
                return text;
            }
            say(text.trim_end());
            next = Instant::now() + interval;
        }
        let due = sampler
            .due()
            .min(next)
            .saturating_duration_since(Instant::now());
        std::thread::sleep(due.min(TURN));
    }
}

/// Shows the live view until the job ends or the user leaves it; then prints what the job
/// prints. Returns the last table.
fn on_terminal(
    watched: &Watched,
    interval: Duration,
    mut output: KeptOutput,
    stop: &AtomicBool,
) -> String {
    let began = Instant::now();
    let mut program = String::new();
    let mut session = Session::new(watched, interval);
    let mut screen = Screen::open(output.terminal()).ok();
    let mut name = title(watched, &mut program, began);
    let mut named = began;
    while !stop.load(Relaxed) {
        if named.elapsed() >= interval {
            name = title(watched, &mut program, began);
            named = Instant::now();
        }
        let Some(shown) = &mut screen else {
            session.sample();
            output.pump();
            std::thread::sleep(TURN);
            continue;
        };
        let around = || Around {
            title: name.clone(),
            output: Some(output.tail()),
            over: false,
            keys: "q leave the view  ^C end the job",
        };
        match session.turn(shown, &around) {
            Ok(None | Some(Wish::Signal(Signal::SIGTSTP))) => {}
            Ok(Some(Wish::Signal(signal))) => {
                // As the terminal would have done. The thread that runs the job takes it.
                let _ = kill(Pid::this(), signal);
            }
            Ok(Some(Wish::Leave)) | Err(_) => screen = None,
        }
    }
    drop(screen);
    drop(output);
    table::text(&title(watched, &mut program, began), &session.last())
}
