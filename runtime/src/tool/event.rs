//! Events (MPI 5.0, section 15.3.8): what happens in messaging, told to callbacks.
//!
//! Messaging notes an event with its time ([`crate::pml::events`]). The callbacks run later,
//! when the library is at a place where they may call any function of MPI: so the least safe
//! ones may be registered, and each is called with `MPI_T_CB_REQUIRE_NONE`. Events that find
//! no room until then are counted for the handler of dropped events.

use super::variables::Group;
use crate::error::Result;
use crate::pml::events::{self, Event};
use crate::{fail, lock, pml};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The datatype of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ElementType {
    /// `MPI_INT`.
    Int,
    /// `MPI_UINT64_T`.
    Number,
}

/// An element of an event type.
#[derive(Debug)]
pub struct Element {
    pub(super) name: &'static str,
    /// Its type.
    pub datatype: ElementType,
    /// Bytes from the beginning of a copied event.
    pub displacement: usize,
}

/// An event type.
#[derive(Debug)]
pub struct EventType {
    /// Its name.
    pub name: &'static str,
    /// When it happens.
    pub meaning: &'static str,
    pub(super) group: Group,
    /// What is told.
    pub elements: &'static [Element],
}

const fn int(name: &'static str, displacement: usize) -> Element {
    Element {
        name,
        datatype: ElementType::Int,
        displacement,
    }
}

const fn number(name: &'static str, displacement: usize) -> Element {
    Element {
        name,
        datatype: ElementType::Number,
        displacement,
    }
}

/// Event types, in the order of [`events::EventKind`].
pub static TYPES: [EventType; 3] = [
    EventType {
        name: "lariat_unexpected_message",
        meaning: "a message has come that no receive has asked for yet: the sender's number \
                  in the job, tag, context id of the communicator, bytes",
        group: Group::Messages,
        elements: &[
            int("process", 0),
            int("tag", 4),
            int("context", 8),
            number("bytes", 16),
        ],
    },
    EventType {
        name: "lariat_rendezvous",
        meaning: "it was chosen how an announced message is fetched: the sender's number in \
                  the job, protocol, arm, bytes",
        group: Group::Messages,
        elements: &[
            int("process", 0),
            int("protocol", 4),
            int("arm", 8),
            number("bytes", 16),
        ],
    },
    EventType {
        name: "lariat_pressure",
        meaning: "this rank asks its peers to hold back their messages (1), or no more (0)",
        group: Group::Memory,
        elements: &[int("on", 0)],
    },
];

/// The event type of this index.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`.
pub fn describe(index: i32) -> Result<&'static EventType> {
    super::access::check()?;
    match usize::try_from(index).ok().and_then(|i| TYPES.get(i)) {
        Some(found) => Ok(found),
        None => fail!(
            T_INVALID_INDEX,
            "there is no event type {index}: they go from 0 to {}",
            TYPES.len() - 1
        ),
    }
}

/// The index of the event type of this name.
///
/// # Errors
/// `MPI_T_ERR_INVALID_NAME`.
pub fn find(name: &str) -> Result<i32> {
    super::access::check()?;
    match TYPES.iter().zip(0..).find(|(one, _)| one.name == name) {
        Some((_, index)) => Ok(index),
        None => fail!(T_INVALID_NAME, "there is no event type {name:?}"),
    }
}

/// The one source: index, name and meaning.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`.
pub fn source(index: i32) -> Result<(&'static str, &'static str)> {
    super::access::check()?;
    if index != 0 {
        fail!(
            T_INVALID_INDEX,
            "there is no event source {index}: there is one, 0"
        );
    }
    Ok((
        "lariat",
        "the messages of this rank, in order, by CLOCK_MONOTONIC in nanoseconds",
    ))
}

/// A callback: event instance, registration.
pub type Callback = Arc<dyn Fn(usize, usize) + Send + Sync>;
/// A handler of dropped events: how many, registration, user data of the callback.
pub type DroppedHandler = Arc<dyn Fn(u64, usize, usize) + Send + Sync>;

/// How safe callbacks can be: from the least to the most.
pub const SAFETIES: usize = 4;

struct Registration {
    raw: usize,
    index: usize,
    /// By how safe they are, each with its user data.
    callbacks: [Option<(Callback, usize)>; SAFETIES],
    dropped_handler: Option<DroppedHandler>,
    dropped: u64,
}

struct Registered {
    last: usize,
    all: Vec<Registration>,
    /// Events whose callbacks run now, by their handles.
    current: Vec<(usize, Event)>,
}

static REGISTERED: Mutex<Registered> = Mutex::new(Registered {
    last: 0,
    all: Vec::new(),
    current: Vec::new(),
});

fn registered() -> MutexGuard<'static, Registered> {
    REGISTERED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registered {
    /// Has messaging note what is registered for.
    fn want(&self) {
        let bits = self.all.iter().fold(0, |bits, one| bits | 1 << one.index);
        events::want(bits);
        match bits {
            0 => pml::off_progress(tell),
            _ => pml::on_progress(tell),
        }
    }

    fn find(&mut self, raw: usize) -> Result<&mut Registration> {
        match self.all.iter_mut().find(|one| one.raw == raw) {
            Some(found) => Ok(found),
            None => fail!(
                T_INVALID_HANDLE,
                "{raw:#x} is no handle of an event registration, or was freed"
            ),
        }
    }

    fn number(&mut self) -> usize {
        self.last += 1;
        self.last
    }
}

/// Registers for events of the type of this index.
///
/// # Errors
/// `MPI_T_ERR_INVALID_INDEX`, `MPI_T_ERR_NOT_ACCESSIBLE`.
pub fn register(index: i32) -> Result<usize> {
    describe(index)?;
    super::access::check_thread()?;
    let mut all = registered();
    let raw = all.number();
    all.all.push(Registration {
        raw,
        index: usize::try_from(index).unwrap_or(0),
        callbacks: [const { None }; SAFETIES],
        dropped_handler: None,
        dropped: 0,
    });
    all.want();
    Ok(raw)
}

/// Whether this is a registration.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub fn check(raw: usize) -> Result<()> {
    super::access::check()?;
    registered().find(raw).map(drop)
}

/// Sets the callback of this safety, or takes it away.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub fn set_callback(raw: usize, safety: usize, callback: Option<(Callback, usize)>) -> Result<()> {
    super::access::check()?;
    registered().find(raw)?.callbacks[safety] = callback;
    Ok(())
}

/// Sets the handler of dropped events, or takes it away.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub fn set_dropped_handler(raw: usize, handler: Option<DroppedHandler>) -> Result<()> {
    super::access::check()?;
    registered().find(raw)?.dropped_handler = handler;
    Ok(())
}

/// Ends a registration, once it was told of all events so far.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`, `MPI_T_ERR_NOT_ACCESSIBLE`.
pub fn unregister(raw: usize) -> Result<()> {
    check(raw)?;
    super::access::check_thread()?;
    tell();
    let mut all = registered();
    all.all.retain(|one| one.raw != raw);
    all.want();
    Ok(())
}

/// Ends all registrations.
pub(super) fn end() {
    let mut all = registered();
    if !all.all.is_empty() {
        all.all.clear();
        all.want();
    }
}

/// Tells of what has happened. Whether there was anything.
fn tell() -> bool {
    let mut any = false;
    for _ in 0..events::MOST {
        let Some((event, dropped)) = events::take() else {
            break;
        };
        any = true;
        let mut all = registered();
        let instance = all.number();
        all.current.push((instance, event));
        let of_kind = |one: &&mut Registration| one.index == event.kind as usize;
        let mut calls = Vec::new();
        for one in all.all.iter_mut().filter(of_kind) {
            one.dropped += dropped;
            let Some((callback, user)) = one.callbacks.iter().flatten().next().cloned() else {
                continue;
            };
            let handler = one.dropped_handler.clone();
            let lost = handler.filter(|_| one.dropped > 0);
            let lost = lost.map(|handler| (handler, std::mem::take(&mut one.dropped)));
            calls.push((one.raw, callback, user, lost));
        }
        drop(all);
        lock::released(|| {
            for (raw, callback, user, lost) in calls {
                if let Some((handler, count)) = lost {
                    handler(count, raw, user);
                }
                callback(instance, raw);
            }
        });
        registered().current.retain(|one| one.0 != instance);
    }
    any
}

/// The event of this handle, while its callback runs.
///
/// # Errors
/// `MPI_T_ERR_INVALID_HANDLE`.
pub fn instance(raw: usize) -> Result<(&'static EventType, Event)> {
    super::access::check()?;
    let all = registered();
    match all.current.iter().find(|one| one.0 == raw) {
        Some((_, event)) => Ok((&TYPES[event.kind as usize], *event)),
        None => fail!(
            T_INVALID_HANDLE,
            "{raw:#x} is no handle of an event, or its callback is over"
        ),
    }
}
