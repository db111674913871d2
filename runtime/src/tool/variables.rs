//! The performance variables that there are (MPI 5.0, section 15.3.7): names, classes and
//! where their values come from.

use crate::job;
use crate::object::comm::ContextId;
use crate::pml::counters::{self, Arm, PeerCount};
use crate::pml::levels::{self, Level};
use std::sync::LazyLock;

/// Classes of variables, with the numbers of the standard ABI.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VariableClass {
    /// `MPI_T_PVAR_CLASS_STATE`.
    State = 1,
    /// `MPI_T_PVAR_CLASS_LEVEL`.
    Level = 2,
    /// `MPI_T_PVAR_CLASS_HIGHWATERMARK`.
    HighWatermark = 5,
    /// `MPI_T_PVAR_CLASS_COUNTER`.
    Counter = 7,
    /// `MPI_T_PVAR_CLASS_AGGREGATE`.
    Aggregate = 8,
    /// `MPI_T_PVAR_CLASS_TIMER`.
    Timer = 9,
    /// `MPI_T_PVAR_CLASS_GENERIC`.
    Generic = 10,
}

/// Where a variable's values come from.
#[derive(Clone, Copy, Debug)]
enum Source {
    /// The messages of the protocol of this number, by class of sizes.
    Messages(usize),
    LeastSizes,
    UnexpectedBytes,
    UnexpectedPeak,
    Pressure,
    ByPeer(PeerCount),
    /// Sent if true, else taken.
    Cells(bool),
    Level(Level),
    /// The number of [`counters::waits`].
    Waits(usize),
    LongWaits,
}

/// Which category a variable is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Group {
    Messages,
    Memory,
    Waits,
}

/// A variable.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// Its class.
    pub class: VariableClass,
    pub(super) group: Group,
    source: Source,
}

impl Variable {
    /// Whether its value is what has come together since a start: the difference of two
    /// looks at what the library counts.
    #[must_use]
    pub fn is_cumulative(&self) -> bool {
        use VariableClass::{Aggregate, Counter, Timer};
        matches!(self.class, Counter | Aggregate | Timer)
    }

    /// Whether it can be neither written nor reset.
    #[must_use]
    pub fn is_readonly(&self) -> bool {
        !self.is_cumulative() && self.class != VariableClass::HighWatermark
    }

    /// Whether it can be read and reset in one step.
    #[must_use]
    pub fn is_atomic(&self) -> bool {
        !self.is_readonly()
    }

    /// Whether it runs all the time, and cannot be started or stopped.
    #[must_use]
    pub fn is_continuous(&self) -> bool {
        !matches!(self.source, Source::Waits(_))
    }

    /// Whether it is one of a communicator.
    #[must_use]
    pub fn is_of_comm(&self) -> bool {
        matches!(
            self.source,
            Source::Level(Level::PostedReceives | Level::UnexpectedMessages)
        ) && self.name.ends_with("_of_comm")
    }

    /// Whether it is a state, with a name for each value (`MPI_INT`).
    #[must_use]
    pub fn is_state(&self) -> bool {
        self.class == VariableClass::State
    }

    /// Whether it has one value, and not one for each peer or class of sizes.
    fn is_single(&self) -> bool {
        use Source::{Level, Pressure, UnexpectedBytes, UnexpectedPeak, Waits};
        matches!(
            self.source,
            UnexpectedBytes | UnexpectedPeak | Pressure | Level(_) | Waits(_)
        )
    }

    /// Whether it is read out of messaging itself, and not of what that counts.
    pub(super) fn looks_inside(&self) -> bool {
        matches!(self.source, Source::Level(_) | Source::Cells(_))
    }

    /// What the library has by now, of the communicator of this context where it is one
    /// of those.
    pub(super) fn values(&self, context: Option<ContextId>) -> Vec<u64> {
        let ranks = job::current().map_or(0, |job| job.size);
        match self.source {
            Source::Messages(protocol) => counters::messages(protocol),
            Source::LeastSizes => counters::least_sizes(),
            Source::UnexpectedBytes => vec![counters::unexpected_bytes()],
            Source::UnexpectedPeak => vec![counters::take_unexpected_peak()],
            Source::Pressure => vec![counters::pressure()],
            Source::ByPeer(what) => counters::by_peer(what),
            Source::Cells(sent) => levels::cells(sent, ranks),
            Source::Level(what) => vec![levels::level(what, context)],
            Source::Waits(which) => vec![counters::waits()[which]],
            Source::LongWaits => counters::long_waits(),
        }
    }
}

fn variable(
    name: impl Into<String>,
    class: VariableClass,
    group: Group,
    source: Source,
    meaning: impl Into<String>,
) -> Variable {
    Variable {
        name: name.into(),
        meaning: meaning.into(),
        class,
        group,
        source,
    }
}

fn of_protocols() -> impl Iterator<Item = Variable> {
    counters::protocols().enumerate().map(|(number, protocol)| {
        let side = match protocol {
            "eager" => "sent",
            _ => "received",
        };
        variable(
            format!("lariat_messages_{protocol}"),
            VariableClass::Counter,
            Group::Messages,
            Source::Messages(number),
            format!(
                "messages {side} by the protocol «{protocol}», by class of sizes \
                 (lariat_size_classes), without those that go inline at once"
            ),
        )
    })
}

fn of_arms() -> impl Iterator<Item = Variable> {
    Arm::ALL.into_iter().flat_map(|arm| {
        let name = arm.name();
        let (messages, bytes) = (PeerCount::Received(arm), PeerCount::ReceivedBytes(arm));
        [
            variable(
                format!("lariat_messages_received_by_{name}"),
                VariableClass::Counter,
                Group::Messages,
                Source::ByPeer(messages),
                format!("announced messages received through the arm «{name}», by the sender's number in the job"),
            ),
            variable(
                format!("lariat_bytes_received_by_{name}"),
                VariableClass::Aggregate,
                Group::Messages,
                Source::ByPeer(bytes),
                format!("bytes of announced messages received through the arm «{name}», by the sender's number in the job"),
            ),
        ]
    })
}

pub(super) static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
    use Group::{Memory, Messages, Waits};
    use VariableClass::{Aggregate, Counter, Generic, HighWatermark, State, Timer};
    let mut all: Vec<Variable> = of_protocols().collect();
    all.push(variable(
        "lariat_size_classes",
        Generic,
        Messages,
        Source::LeastSizes,
        "the shortest message of each class of sizes, in bytes",
    ));
    all.push(variable(
        "lariat_unexpected_bytes",
        VariableClass::Level,
        Memory,
        Source::UnexpectedBytes,
        "bytes that messages take which no receive has asked for yet, each with what keeping \
         it costs",
    ));
    all.extend(of_arms());
    let others = [
        (
            "lariat_messages_sent_eagerly",
            Counter,
            Messages,
            Source::ByPeer(PeerCount::SentEagerly),
            "messages that were sent at once and are longer than a cell, by the receiver's number in the job",
        ),
        (
            "lariat_bytes_sent_eagerly",
            Aggregate,
            Messages,
            Source::ByPeer(PeerCount::SentEagerlyBytes),
            "bytes of messages that were sent at once and are longer than a cell, by the receiver's number in the job",
        ),
        (
            "lariat_cells_sent",
            Counter,
            Messages,
            Source::Cells(true),
            "cells sent, by the receiver's number in the job: short messages, pieces of longer ones, and what ranks tell one another of them",
        ),
        (
            "lariat_cells_received",
            Counter,
            Messages,
            Source::Cells(false),
            "cells taken, by the sender's number in the job",
        ),
        (
            "lariat_posted_receives",
            VariableClass::Level,
            Messages,
            Source::Level(Level::PostedReceives),
            "receives that have no message yet, of all communicators, the library's own among them",
        ),
        (
            "lariat_posted_receives_of_comm",
            VariableClass::Level,
            Messages,
            Source::Level(Level::PostedReceives),
            "receives of the program on this communicator that have no message yet",
        ),
        (
            "lariat_unexpected_messages",
            VariableClass::Level,
            Messages,
            Source::Level(Level::UnexpectedMessages),
            "messages that no receive has asked for yet, of all communicators, the library's own among them",
        ),
        (
            "lariat_unexpected_messages_of_comm",
            VariableClass::Level,
            Messages,
            Source::Level(Level::UnexpectedMessages),
            "messages of the program on this communicator that no receive has asked for yet",
        ),
        (
            "lariat_unexpected_bytes_most",
            HighWatermark,
            Memory,
            Source::UnexpectedPeak,
            "the most bytes that messages have taken which no receive had asked for",
        ),
        (
            "lariat_pressure",
            State,
            Memory,
            Source::Pressure,
            "whether this rank asks its peers to hold back their messages",
        ),
        (
            "lariat_attachments",
            VariableClass::Level,
            Memory,
            Source::Level(Level::Attachments),
            "parts of other ranks' memory that are mapped or attached here",
        ),
        (
            "lariat_yields",
            Counter,
            Waits,
            Source::Waits(0),
            "times that a wait let others have the processor",
        ),
        (
            "lariat_sleeps",
            Counter,
            Waits,
            Source::Waits(1),
            "times that a wait slept",
        ),
        (
            "lariat_sleep_time",
            Timer,
            Waits,
            Source::Waits(2),
            "how long waits slept, in nanoseconds",
        ),
        (
            "lariat_long_waits",
            Counter,
            Waits,
            Source::LongWaits,
            "waits that lasted longer than a millisecond: for something else, for a message, for a receiver, for a collective, for the others in MPI_Finalize",
        ),
    ];
    all.extend(others.map(|(name, class, group, source, meaning)| {
        variable(name, class, group, source, meaning)
    }));
    // Simple tools, such as gyan, expect that the first variables have one value.
    all.sort_by_key(|variable| !variable.is_single());
    all
});
