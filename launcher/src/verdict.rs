//! How a rank's end is judged: fine, or an offence with a code and a sentence.
//! Pure.

use crate::explain::View;
use wireup::layout::State;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// It exited with this code.
    Exit(i32),
    /// This signal killed it; whether a core was dumped.
    Signal(i32, bool),
}

/// A rank's end, and what was known of it then.
#[derive(Clone, Debug)]
pub struct Death {
    /// The process that was reaped.
    pub pid: i32,
    /// How it ended.
    pub how: How,
    /// What the rank had published.
    pub view: View,
    /// Ranks that were waiting for it.
    pub waiters: usize,
}

/// A job's abort, as its head tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abort {
    /// The rank that aborted first.
    pub rank: u32,
    /// Its process.
    pub pid: u32,
    /// The code it gave.
    pub code: i32,
    /// Why, in its words.
    pub text: String,
}

/// Something that ends the whole job. The greater of two is the likelier cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offence {
    /// 3 abort, 2 killed by a signal, 1 gone without MPI_Finalize, 0 exit code.
    pub weight: u8,
    /// What mpirun exits with.
    pub code: u8,
    /// What mpirun says.
    pub text: String,
    /// The rank was not between `MPI_Init` and `MPI_Finalize`: the others may
    /// be about to end by themselves and get a moment to do so.
    pub orderly: bool,
}

/// An exit code for mpirun: never 0 for what is not a success.
fn code(raw: i32) -> u8 {
    match raw & 0xff {
        0 => 1,
        n => u8::try_from(n).unwrap_or(1),
    }
}

/// The name of a signal, or its number.
pub fn signal_name(signal: i32) -> String {
    nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("signal {signal}"), |s| s.as_str().to_owned())
}

/// Judges one end; `None`: it is a good one.
pub fn judge(death: &Death) -> Option<Offence> {
    let view = &death.view;
    let who = format!("rank {} (pid {})", view.rank, death.pid);
    let place = view.call.map_or(String::new(), |c| format!(" in {c}"));
    let peers = match death.waiters {
        0 => String::new(),
        1 => ", 1 peer was waiting for it".to_owned(),
        n => format!(", {n} peers were waiting for it"),
    };
    let inside = matches!(
        view.state,
        Some(State::Claimed | State::Running | State::Finalizing)
    );
    match death.how {
        How::Signal(signal, core) => {
            let core = if core { " (core dumped)" } else { "" };
            let name = signal_name(signal);
            Some(Offence {
                weight: 2,
                code: code(128 + signal),
                text: format!("{who} killed by {name}{core}{place}{peers}"),
                orderly: false,
            })
        }
        How::Exit(0) if inside => Some(Offence {
            weight: 1,
            code: 1,
            text: format!("{who} exited with code 0 without calling MPI_Finalize{place}{peers}"),
            orderly: false,
        }),
        How::Exit(0) => None,
        How::Exit(raw) => {
            let without = match inside {
                true => " without calling MPI_Finalize",
                false => "",
            };
            Some(Offence {
                weight: u8::from(inside),
                code: code(raw),
                text: format!("{who} exited with code {raw}{without}{place}{peers}"),
                orderly: !inside,
            })
        }
    }
}

/// Judges an abort.
pub fn judge_abort(abort: &Abort) -> Offence {
    let who = format!("rank {} (pid {})", abort.rank, abort.pid);
    // the library's own sentence says who, where and why; the process is ours to add
    let own = abort.text.trim();
    let own = own.strip_prefix(&format!("rank {} ", abort.rank));
    let text = match (own, abort.text.trim()) {
        (Some(rest), _) => format!("{who} {rest}"),
        (None, "") => format!("{who} aborted the job with code {}", abort.code),
        (None, text) => format!("{who} aborted the job with code {}: {text}", abort.code),
    };
    Offence {
        weight: 3,
        code: code(abort.code),
        text,
        orderly: false,
    }
}

/// The likeliest cause among ends that were noticed together; of equals, the first.
pub fn first(offences: impl IntoIterator<Item = Offence>) -> Option<Offence> {
    offences
        .into_iter()
        .reduce(|a, b| if b.weight > a.weight { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn death(how: How, state: State, call: Option<&'static str>, waiters: usize) -> Death {
        Death {
            pid: 77,
            how,
            view: View {
                rank: 1,
                pid: 77,
                state: Some(state),
                call,
                wait: None,
                pulse: crate::explain::Pulse::default(),
            },
            waiters,
        }
    }

    #[test]
    fn a_crash_is_named_with_its_call_and_who_waited() {
        let death = death(How::Signal(11, false), State::Running, Some("MPI_Recv"), 3);
        let offence = judge(&death).unwrap();
        assert_eq!(offence.code, 139);
        assert_eq!(
            offence.text,
            "rank 1 (pid 77) killed by SIGSEGV in MPI_Recv, 3 peers were waiting for it"
        );
    }

    #[test]
    fn exit_codes() {
        let judged = |how, state| judge(&death(how, state, None, 0));
        assert_eq!(judged(How::Exit(0), State::Fresh), None);
        assert_eq!(judged(How::Exit(0), State::Finalized), None);
        let early = judged(How::Exit(0), State::Running).unwrap();
        assert!(early.code == 1 && early.text.contains("without calling MPI_Finalize"));
        let three = judged(How::Exit(3), State::Finalized).unwrap();
        assert!(three.code == 3 && three.orderly);
        assert!(!judged(How::Exit(3), State::Running).unwrap().orderly);
    }

    #[test]
    fn the_cause_wins_over_its_consequences() {
        let crash = judge(&death(How::Signal(11, false), State::Running, None, 0));
        let exit = judge(&death(How::Exit(1), State::Running, None, 0));
        let found = first([exit, crash.clone()].into_iter().flatten());
        assert_eq!(found, crash);
    }

    #[test]
    fn an_abort_says_why() {
        let abort = Abort {
            rank: 2,
            pid: 9,
            code: 7,
            text: "rank 2 called MPI_Abort on MPI_COMM_WORLD with error code 7".to_owned(),
        };
        let offence = judge_abort(&abort);
        assert_eq!(offence.code, 7);
        assert_eq!(
            offence.text,
            "rank 2 (pid 9) called MPI_Abort on MPI_COMM_WORLD with error code 7"
        );
        let abort = Abort {
            code: 0,
            text: "message truncated".to_owned(),
            ..abort
        };
        let offence = judge_abort(&abort);
        assert_eq!(offence.code, 1, "an abort is never a success");
        assert!(offence.text.ends_with("code 0: message truncated"));
    }
}
