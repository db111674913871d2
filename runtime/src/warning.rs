//! Warnings: what is told of faults of the program, while the job goes on. The launcher tells
//! them, with the line of the source; a rank without one does so itself, on stderr.

use crate::{death, stack};
use std::sync::{Mutex, OnceLock};
use wireup::report::{self, Report, Rows};
use wireup::segment::Segment;

/// What a warning is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// What the program does with a buffer that a request uses.
    Buffer,
    /// Types of a message that differ without harm.
    Type,
    /// A thread that calls what it must not.
    Thread,
    /// An error that a call returns.
    Error,
    /// What is left at `MPI_Finalize`.
    Left,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Topic::Buffer => "buffer",
            Topic::Type => "type",
            Topic::Thread => "thread",
            Topic::Error => "error",
            Topic::Left => "left",
        }
    }
}

/// Warnings of a rank that the launcher is told of; later ones go to stderr.
const KEPT: usize = 32;

static PLACE: OnceLock<(&Segment, u32)> = OnceLock::new();
static SAID: Mutex<Option<Rows>> = Mutex::new(None);

/// From now on the launcher tells what this rank warns of.
pub fn start(segment: &'static Segment, rank: u32) {
    let _ = PLACE.set((segment, rank)); // a process is one rank
}

/// Warns of what this thread does. It may be in no call of MPI.
#[cold]
pub fn say(topic: Topic, text: &str) {
    if !publish(topic, text) {
        eprintln!("lariat: {text}");
    }
}

fn publish(topic: Topic, text: &str) -> bool {
    let Some((segment, rank)) = PLACE.get() else {
        return false;
    };
    // What is left has no line of its own.
    let frames = match topic {
        Topic::Left => String::new(),
        _ => frames(),
    };
    let Ok(mut said) = SAID.lock() else {
        return false;
    };
    let rows = said.get_or_insert_with(|| Rows::new(&["topic", "text", "frames"]));
    if rows.rows.len() >= KEPT {
        return false;
    }
    rows.add([topic.name(), text, &frames]);
    let is_told = report::publish(segment, *rank, Report::Warnings, rows).is_ok();
    if !is_told {
        rows.rows.pop(); // there is no room in the segment
    }
    is_told
}

/// Where in the program this thread is: places in files and their paths, as the launcher
/// reads them.
fn frames() -> String {
    let mut all = Vec::new();
    for frame in stack::walk() {
        // Inside of the call, not behind it.
        death::file_with(frame.saturating_sub(1), |path, offset| {
            all.push(format!("{offset:x} {}", String::from_utf8_lossy(path)));
        });
    }
    all.join("|")
}
