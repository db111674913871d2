//! The signals that mpirun takes: those that end the job, and those that it passes on to
//! the ranks.

use crate::cli::SignalList;
use crate::spawn;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that end the job, each with the signal that ranks get then.
const ENDING: [(Signal, Signal); 3] = [
    (Signal::SIGINT, Signal::SIGTERM),
    (Signal::SIGTERM, Signal::SIGTERM),
    (Signal::SIGHUP, Signal::SIGHUP),
];

/// The signal on which mpirun says what the ranks do. The job goes on.
pub const REPORTING: Signal = Signal::SIGQUIT;

/// Signals that are passed on and mean nothing to mpirun itself.
const FORWARDED: [Signal; 4] = [
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGABRT,
];

/// Blocks the signals that mpirun takes, for all its threads, and opens the descriptor
/// from which they are read. Returns it, and the signals that were blocked before. `forward`
/// is what `--forward-signals` says.
///
/// # Errors
/// The kernel refuses: no more descriptors.
pub fn take(forward: Option<&SignalList>) -> nix::Result<(SignalFd, SigSet)> {
    let before = SigSet::thread_get_mask()?;
    let mut set = SigSet::empty();
    let ending = ENDING.iter().map(|(s, _)| *s);
    let others = [Signal::SIGTSTP, Signal::SIGCONT, REPORTING];
    let forwarded = match forward {
        Some(SignalList(None)) => Vec::new(),
        Some(SignalList(Some(more))) => [&FORWARDED[..], more].concat(),
        None => FORWARDED.to_vec(),
    };
    for signal in ending.chain(forwarded).chain(others) {
        // A signal that mpirun was started to ignore (nohup) stays ignored.
        if !spawn::is_ignored(signal as i32) {
            set.add(signal);
        }
    }
    spawn::notice_children();
    set.add(Signal::SIGCHLD);
    set.thread_block()?;
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok((SignalFd::with_flags(&set, flags)?, before))
}

/// The signals that have arrived since the last call.
pub fn arrived(signals: &SignalFd) -> impl Iterator<Item = Signal> {
    let next = || signals.read_signal().ok().flatten();
    std::iter::from_fn(next)
        .filter_map(|info| Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok())
}

/// What ranks are sent when `signal` ends the job. None if it does not end the job.
pub fn sent_at_the_end(signal: Signal) -> Option<Signal> {
    let found = ENDING.iter().find(|(ending, _)| *ending == signal);
    found.map(|(_, sent)| *sent)
}

/// What mpirun exits with when a signal ended the job.
pub fn exit_code(signal: Signal) -> u8 {
    u8::try_from(128 + signal as i32).unwrap_or(1)
}
