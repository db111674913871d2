//! Live views of a job: `lariat top` and `mpirun --top`. The job's segment is sampled from
//! outside, and nothing is asked of the ranks.
//!
//! ```text
//! sampler   samples, and what the kernel knows of the ranks
//! doing     what a rank does, in a word
//! blame     at whom the chains of waits end
//! tally     where time goes, added up
//! table     all that as text; columns: cells below each other
//! view      the picture; session: keys and turns; screen: the terminal
//! inside    mpirun --top; output: what its job prints meanwhile
//! ```

mod blame;
pub mod columns;
mod doing;
pub mod inside;
mod output;
mod sampler;
mod screen;
mod session;
mod table;
mod tally;
mod view;

use crate::inspect::Job;
use crate::say::{Failure, failure};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use sampler::Sampler;
use screen::Screen;
use session::{Session, Wish};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};
use view::Around;

/// The longest sleep between two samples of a job that is watched without a terminal: it may
/// have ended.
const LONGEST_SLEEP: Duration = Duration::from_millis(100);

/// A job's name, ranks, program and age.
pub fn title(job: &Job) -> String {
    let hosts = job.watched.hosts().map(|hosts| hosts.len());
    let size = (job.watched.ranks(), hosts);
    table::title(job.pid, size, &job.program(), job.age())
}

/// Shows a job until it ends, the user leaves, or `count` tables are printed.
///
/// # Errors
/// The terminal is gone, or nobody reads the tables.
pub fn watch(job: Job, interval: Duration, count: Option<u64>, plain: bool) -> Result<(), Failure> {
    let wants_view = !plain && count.is_none() && io::stdout().is_terminal();
    let screen = wants_view.then(|| Screen::open(io::stdout()));
    match screen {
        Some(Ok(screen)) => on_terminal(&job, interval, screen),
        // A terminal without keys shows tables.
        Some(Err(_)) | None => as_tables(&job, interval, count),
    }
    .map_err(failure)
}

fn as_tables(job: &Job, interval: Duration, count: Option<u64>) -> io::Result<()> {
    let mut sampler = Sampler::default();
    sampler.moment(&job.watched); // processor time counts from here
    let mut next = Instant::now() + interval;
    let mut left = count;
    let mut title = title(job);
    loop {
        sampler.sample(&job.watched);
        let is_over = !job.runs();
        if is_over || Instant::now() >= next {
            if !is_over {
                title = self::title(job);
            }
            let mut text = table::text(&title, &sampler.moment(&job.watched));
            if is_over {
                text.push_str(&format!("job {} has ended\n", job.pid));
            }
            let mut out = io::stdout().lock();
            out.write_all(text.as_bytes())?;
            out.flush()?;
            left = left.map(|left| left - 1);
            if is_over || left == Some(0) {
                return Ok(());
            }
            out.write_all(b"\n")?;
            next = Instant::now() + interval;
        }
        let due = sampler.due().min(next);
        let due = due.saturating_duration_since(Instant::now());
        std::thread::sleep(due.min(LONGEST_SLEEP));
    }
}

fn on_terminal(job: &Job, interval: Duration, mut screen: Screen) -> io::Result<()> {
    // Signals that would end this process must give the terminal back first.
    let ending = [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
    ];
    let set: SigSet = ending.into_iter().collect();
    set.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&set, flags)?;
    let mut session = Session::new(&job.watched, interval);
    let mut title = title(job);
    let mut named = Instant::now();
    let mut over = false;
    loop {
        if let Ok(Some(info)) = signals.read_signal() {
            drop(screen);
            set.thread_unblock()?;
            let number = i32::try_from(info.ssi_signo).unwrap_or(libc::SIGTERM);
            raise(Signal::try_from(number)?)?;
            return Ok(());
        }
        if !over && named.elapsed() >= interval {
            named = Instant::now();
            over = !job.runs();
            match over {
                true => session.end(),
                false => title = self::title(job),
            }
        }
        let around = || Around {
            title: title.clone(),
            output: None,
            over,
            keys: "q leave",
        };
        match session.turn(&mut screen, &around)? {
            None => {}
            Some(Wish::Leave | Wish::Signal(Signal::SIGINT | Signal::SIGQUIT)) => return Ok(()),
            Some(Wish::Signal(_)) => {
                screen.leave();
                raise(Signal::SIGSTOP)?; // until the shell lets it go on
                screen.enter()?;
                session.refresh();
            }
        }
    }
}
