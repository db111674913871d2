//! Warnings: what a rank says on stderr of faults of the program, while the job goes on. They
//! are kept in the job segment as well, for the report that `mpirun --report` writes.

use crate::lock::Local;
use std::sync::OnceLock;
use wireup::report::{self, Report, Rows};
use wireup::segment::Segment;

/// What a warning is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Topic {
    /// What the program does with a buffer that a request uses.
    Buffer,
    /// Types of a message that differ without harm.
    Type,
    /// What is left at `MPI_Finalize`.
    Left,
}

impl Topic {
    fn name(self) -> &'static str {
        match self {
            Topic::Buffer => "buffer",
            Topic::Type => "type",
            Topic::Left => "left",
        }
    }
}

/// Warnings of a rank that are kept; later ones are on stderr only.
const KEPT: usize = 32;

static PLACE: OnceLock<(&Segment, u32)> = OnceLock::new();
static SAID: Local<Option<Rows>> = Local::new(None);

/// From now on warnings of this rank are kept in the job segment.
pub fn start(segment: &'static Segment, rank: u32) {
    let _ = PLACE.set((segment, rank)); // a process is one rank
}

/// Says «lariat: », and this.
#[cold]
pub fn say(topic: Topic, text: &str) {
    eprintln!("lariat: {text}");
    let Some((segment, rank)) = PLACE.get() else {
        return;
    };
    SAID.with(|said| {
        let rows = said.get_or_insert_with(|| Rows::new(&["topic", "text"]));
        if rows.rows.len() < KEPT {
            rows.add([topic.name(), text]);
            // Without room in the segment it is on stderr only.
            let _ = report::publish(segment, *rank, Report::Warnings, rows);
        }
    });
}
