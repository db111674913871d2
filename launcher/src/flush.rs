//! The last stage of a job: all ranks have ended, and what they printed is being written.

use crate::deadline::{Deadline, poll_timeout};
use crate::forward::Forwarder;
use crate::say::{READER_PATIENCE, say, say_within};
use crate::signals;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;
use std::os::fd::AsFd;
use std::time::Duration;

/// How often to look whether anything was written, where a reader may be given up.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Waits until all output is written. After a job that ended well a reader may take any
/// time. If the job failed, or a signal or the deadline ends it now, mpirun gives up once
/// the reader has taken nothing for [`READER_PATIENCE`], or at a second signal.
///
/// `code` is what the job exits with so far, and `interrupts` the number of signals so
/// far that end it. Returns the exit code.
pub fn flush(
    output: &Forwarder,
    signals: &SignalFd,
    deadline: Option<Deadline>,
    mut code: Option<u8>,
    mut interrupts: u32,
) -> Option<u8> {
    let mut written = output.written();
    let mut idle = Duration::ZERO;
    let mut late_signal = None;
    let mut take_signals = |code: &mut Option<u8>| {
        for signal in signals::arrived(signals) {
            if signals::sent_at_the_end(signal).is_some() {
                if code.is_none() {
                    *code = Some(signals::exit_code(signal));
                    late_signal = Some(signal);
                }
                interrupts += 1;
            } else if signal == Signal::SIGTSTP {
                let _ = kill(Pid::this(), Signal::SIGSTOP); // returns after SIGCONT
            }
        }
        interrupts
    };
    while !output.ended() {
        let late = deadline.filter(Deadline::is_over);
        let ending = code.is_some() || late.is_some();
        let wait = match (ending, deadline) {
            (true, _) => PollTimeout::try_from(CHECK_INTERVAL).unwrap_or(PollTimeout::MAX),
            (false, Some(deadline)) => poll_timeout(deadline.at()),
            (false, None) => PollTimeout::NONE,
        };
        let mut fds = [
            PollFd::new(output.news.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.as_fd(), PollFlags::POLLIN),
        ];
        let events = poll(&mut fds, wait);
        let _ = output.news.read();
        let interrupts = take_signals(&mut code);
        if output.written() != written {
            written = output.written();
            idle = Duration::ZERO;
        } else if ending && events == Ok(0) {
            // Counted, not taken from the clock: mpirun may have been stopped meanwhile.
            idle += CHECK_INTERVAL;
        }
        if idle >= READER_PATIENCE || interrupts > 1 {
            return Some(give_up(output, late, code));
        }
    }
    take_signals(&mut code); // the output may have ended before the first look
    if let Some(signal) = late_signal {
        say(&format!(
            "{} came after all ranks had ended, while their output was being written",
            signal.as_str()
        ));
    }
    code
}

/// Drops the output that is not written yet. `late` is the deadline, if it has passed.
fn give_up(output: &Forwarder, late: Option<Deadline>, code: Option<u8>) -> u8 {
    output.abandon();
    let time = match (late, code) {
        (Some(deadline), None) => {
            let seconds = deadline.seconds;
            format!("the job's output is not written after {seconds} s: ")
        }
        _ => String::new(),
    };
    // If nobody reads standard error either, mpirun does not wait for it a second time.
    let text = format!("{time}nobody reads the output, the rest of it is lost");
    say_within(&text, Duration::ZERO);
    code.unwrap_or(124)
}
