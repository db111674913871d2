//! Requests: what `MPI_Request` handles name (MPI 5.0, section 3.7).
//!
//! A plain send or receive is a [`pml::Request`], a persistent one a [`Persistent`];
//! everything else (collectives, generalized requests) is an [`Operation`]. A send that is
//! complete when it returns takes no entry: its handle is [`SENT`].

pub mod complete;
pub mod grequest;
pub mod message;
pub mod partitioned;
pub mod persistent;
mod stage;

use crate::error::{Class, Error, Result};
use crate::fail;
use crate::handle::{Kind, Raw, Table};
use crate::lock::Local;
use crate::object::collective::Tag;
use crate::object::comm;
use crate::pml::{self, Completion, WaitFor};
use persistent::Persistent;
pub use stage::{Function as StageFunction, Stage};
use std::num::NonZero;
use std::ptr::NonNull;
use wireup::collective;
use wireup::layout::WaitKind;

/// An operation that a request stands for, other than a plain send or receive:
/// a nonblocking or persistent collective, a persistent send, a generalized
/// request.
pub trait Operation {
    /// Whether it has completed (for a persistent one: since its last start).
    /// Does not make progress.
    fn is_done(&self) -> bool;

    /// What it waits for.
    fn waits_for(&self) -> WaitFor {
        WaitFor::NOTHING
    }

    /// The collective that it is.
    fn collective(&self) -> Option<Tag> {
        None
    }

    /// What it is called, where it is told as what is left, if it is not just a request.
    fn noun(&self) -> Option<&'static str> {
        None
    }

    /// How it ended; called once per completion.
    fn finish(&mut self) -> Completion;

    /// Starts a persistent operation. Those that are not never see this.
    ///
    /// # Errors
    /// It cannot be started.
    fn start(&mut self) -> Result<()>;

    /// Asks for it to be cancelled.
    ///
    /// # Errors
    /// It is of a kind that cannot be.
    fn cancel(&mut self) -> Result<()>;

    /// As `cancel`, of an operation that is done: too late, and no error.
    ///
    /// # Errors
    /// A user's function returned one.
    fn cancel_done(&mut self) -> Result<()> {
        Ok(())
    }

    /// How it ended, to be looked at only (`MPI_Request_get_status`): the
    /// operation is done, and will be finished later.
    fn peek(&mut self) -> Completion {
        Completion::empty()
    }

    /// Completes a generalized request (`MPI_Grequest_complete`). Whether the
    /// user has freed it before, so that it goes now.
    ///
    /// # Errors
    /// It is none.
    fn grequest_complete(&mut self) -> Result<bool> {
        fail!(REQUEST, "request is not a generalized request")
    }

    /// The user frees the request. Whether its handle stays all the same, for
    /// `MPI_Grequest_complete`.
    fn free(&mut self) -> bool {
        false
    }

    /// Takes the memory that stands in for its buffers, which has been filled.
    ///
    /// # Errors
    /// It is no collective.
    fn keep_stage(&mut self, _stage: Stage) -> Result<()> {
        fail!(REQUEST, "request is not that of a collective")
    }

    /// The operation is done, and goes without being finished: it was freed.
    ///
    /// # Errors
    /// A user's function returned one.
    fn release(&mut self) -> Result<()> {
        Ok(())
    }
}

/// `MPI_REQUEST_NULL`.
pub const NULL: Raw = 0x180;

/// The handle of every send that was complete when it returned: the kind's own
/// number with slot 0, which no table gives out.
pub const SENT: Raw = Kind::Request as Raw;

enum Body {
    Pml(pml::Request),
    Persistent(Box<Persistent>),
    Operation(Box<dyn Operation>),
}

impl Body {
    #[inline]
    fn is_done(&self) -> bool {
        match self {
            Body::Pml(request) => request.is_done(),
            Body::Persistent(persistent) => persistent.is_done(),
            Body::Operation(operation) => operation.is_done(),
        }
    }

    /// What is not reached in the table while it is being called.
    fn as_operation(&mut self) -> Option<&mut dyn Operation> {
        match self {
            Body::Pml(_) => None,
            Body::Persistent(persistent) => Some(persistent.as_mut()),
            Body::Operation(operation) => Some(operation.as_mut()),
        }
    }
}

struct Entry {
    body: Body,
    persistent: bool,
    active: bool,
    /// The communicator or file that errors are about, by its handle.
    comm: Option<NonZero<Raw>>,
}

impl Entry {
    #[inline]
    fn comm(&self) -> Option<Raw> {
        self.comm.map(NonZero::get)
    }
}

static REQUESTS: Local<Table<Entry>> = Local::new(Table::new(Kind::Request));

// SAFETY: requests are reached under the library lock only (see `lock`).
unsafe impl Send for Entry {}

/// What a look at a request finds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// `MPI_REQUEST_NULL`, or a persistent request that is not started.
    Inactive,
    /// Under way.
    Active,
    /// Complete, and not yet finished.
    Done,
}

/// What becomes of a handle whose operation was finished.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub completion: Completion,
    /// The handle from now on: the same for a persistent request, else
    /// [`NULL`].
    pub handle: Raw,
}

/// Makes a request of `operation` and names it. A persistent one is inactive
/// until started, and lives on when it completes.
///
/// # Errors
/// No more handles.
pub fn insert(operation: Box<dyn Operation>, persistent: bool) -> Result<Raw> {
    insert_on(operation, persistent, None)
}

/// As [`insert`], with the communicator or file whose error handler its errors raise.
///
/// # Errors
/// No more handles.
pub fn insert_on(
    operation: Box<dyn Operation>,
    persistent: bool,
    comm: Option<Raw>,
) -> Result<Raw> {
    let body = Body::Operation(operation);
    REQUESTS.with(|table| {
        table.insert(Entry {
            body,
            persistent,
            active: !persistent,
            comm: comm.and_then(NonZero::new),
        })
    })
}

/// Makes a request of a persistent send or receive and names it; it is inactive until it is
/// started.
///
/// # Errors
/// No more handles.
pub fn insert_persistent(persistent: Persistent, comm: Raw) -> Result<Raw> {
    let entry = Entry {
        body: Body::Persistent(Box::new(persistent)),
        persistent: true,
        active: false,
        comm: NonZero::new(comm),
    };
    REQUESTS.with(|table| table.insert(entry))
}

/// Names a send or receive that is under way.
///
/// # Errors
/// No more handles.
#[inline]
pub fn insert_pml(request: pml::Request, comm: Raw) -> Result<Raw> {
    if request.is_sent() {
        return Ok(SENT);
    }
    let body = Body::Pml(request);
    let entry = Entry {
        body,
        persistent: false,
        active: true,
        comm: NonZero::new(comm),
    };
    REQUESTS.with(|table| table.insert(entry))
}

#[cold]
fn unknown<T>(raw: Raw) -> Result<T> {
    fail!(
        REQUEST,
        "request {raw:#x} is not a handle of a request, or was completed or freed"
    )
}

/// Looks at a request, without progress.
///
/// # Errors
/// The handle names no request.
#[inline]
pub fn look(raw: Raw) -> Result<Look> {
    if raw == NULL {
        return Ok(Look::Inactive);
    }
    if raw == SENT {
        return Ok(Look::Done);
    }
    REQUESTS.with(|table| match table.find(raw) {
        None => unknown(raw),
        Some(entry) if !entry.active => Ok(Look::Inactive),
        Some(entry) if entry.body.is_done() => Ok(Look::Done),
        Some(_) => Ok(Look::Active),
    })
}

/// The number of requests at the start of `raws` that are not [`Look::Active`].
///
/// # Errors
/// A handle names no request.
#[inline]
pub fn count_done(raws: &[Raw]) -> Result<usize> {
    REQUESTS.with(|table| {
        for (i, raw) in raws.iter().enumerate() {
            if *raw == SENT || *raw == NULL {
                continue;
            }
            match table.find(*raw) {
                None => return unknown(*raw),
                Some(entry) if entry.active && !entry.body.is_done() => return Ok(i),
                Some(_) => {}
            }
        }
        Ok(raws.len())
    })
}

/// Takes a plain send or receive out, if it has completed: how it ended.
#[inline]
fn take_plain(raw: Raw) -> Option<Completion> {
    REQUESTS.with(|table| table.take(raw, end_plain))
}

/// Finishes requests from `at` on, up to the first that is not a plain send or receive which
/// has completed: its index. `each` gets every completion with its index, and must not call
/// anything of requests.
#[inline]
fn finish_plain(raws: &mut [Raw], at: usize, mut each: impl FnMut(usize, Completion)) -> usize {
    REQUESTS.with(|table| {
        for (i, raw) in raws.iter_mut().enumerate().skip(at) {
            let completion = match *raw {
                SENT => Some(Completion::empty()),
                _ => table.take(*raw, end_plain),
            };
            let Some(completion) = completion else {
                return i;
            };
            *raw = NULL;
            each(i, completion);
        }
        raws.len()
    })
}

/// How a request ended, if it is a plain send or receive that has completed.
#[inline]
fn end_plain(entry: &Entry) -> Option<Completion> {
    match &entry.body {
        Body::Pml(request) => Some(request.end()?.about(entry.comm())),
        Body::Persistent(_) | Body::Operation(_) => None,
    }
}

/// Ends an active persistent send or receive, which has completed and stays: how it ended.
#[inline]
fn end_persistent(raw: Raw) -> Option<Completion> {
    REQUESTS.with(|table| match table.find_mut(raw)? {
        Entry {
            body: Body::Persistent(persistent),
            active,
            comm,
            ..
        } if *active => {
            *active = false;
            Some(persistent.finish().about(comm.map(NonZero::get)))
        }
        _ => None,
    })
}

/// Finishes a request that is [`Look::Done`] or [`Look::Inactive`].
///
/// # Errors
/// The handle names no request.
#[inline]
pub fn finish(raw: Raw) -> Result<Finished> {
    if raw == NULL || raw == SENT {
        return Ok(Finished {
            completion: Completion::empty(),
            handle: NULL,
        });
    }
    if let Some(completion) = take_plain(raw) {
        let handle = NULL;
        return Ok(Finished { completion, handle });
    }
    if let Some(completion) = end_persistent(raw) {
        let handle = raw;
        return Ok(Finished { completion, handle });
    }
    finish_other(raw)
}

#[inline(never)]
fn finish_other(raw: Raw) -> Result<Finished> {
    enum Taken {
        Inactive,
        Whole(Entry),
        Borrowed(Box<dyn Operation>, Option<Raw>),
    }
    let taken = REQUESTS.with(|table| {
        let Some(entry) = table.find_mut(raw) else {
            return unknown(raw);
        };
        if !entry.active {
            return Ok(Taken::Inactive);
        }
        if !entry.persistent {
            return table
                .remove(raw)
                .map_or_else(|| unknown(raw), |e| Ok(Taken::Whole(e)));
        }
        entry.active = false;
        match &mut entry.body {
            Body::Pml(_) | Body::Persistent(_) => unknown(raw), // finished by `finish_quick`
            Body::Operation(operation) => {
                let operation = std::mem::replace(operation, Box::new(Away));
                Ok(Taken::Borrowed(operation, entry.comm()))
            }
        }
    })?;
    // `finish` may call functions of the user, and drop what calls back: the
    // table is not borrowed here.
    Ok(match taken {
        Taken::Inactive => Finished {
            completion: Completion::empty(),
            handle: raw,
        },
        Taken::Whole(entry) => {
            let comm = entry.comm();
            let completion = match entry.body {
                Body::Pml(request) => request.finish(),
                Body::Persistent(mut persistent) => persistent.finish(),
                Body::Operation(mut operation) => operation.finish(),
            };
            Finished {
                completion: completion.about(comm),
                handle: NULL,
            }
        }
        Taken::Borrowed(mut operation, comm) => {
            let completion = operation.finish().about(comm);
            put_back(raw, Body::Operation(operation));
            Finished {
                completion,
                handle: raw,
            }
        }
    })
}

/// How a request that is [`Look::Done`] ended, leaving it as it is.
///
/// # Errors
/// The handle names no request.
pub fn peek(raw: Raw) -> Result<Completion> {
    if raw == NULL || raw == SENT {
        return Ok(Completion::empty());
    }
    let pml = REQUESTS.with(|table| match table.find(raw) {
        None => unknown(raw),
        Some(Entry { active: false, .. }) => Ok(Some(Completion::empty())),
        Some(Entry {
            body: Body::Pml(request),
            comm,
            ..
        }) => Ok(Some(request.peek().about(comm.map(NonZero::get)))),
        Some(_) => Ok(None),
    })?;
    match pml {
        Some(completion) => Ok(completion),
        None => with_operation(raw, |operation| Ok(operation.peek())),
    }
}

/// Starts a persistent request.
///
/// # Errors
/// It is none, or is started already, or cannot be started.
pub fn start(raw: Raw) -> Result<()> {
    let persistent = REQUESTS.with(|table| match table.find_mut(raw) {
        None => unknown(raw),
        Some(entry) if !entry.persistent => {
            fail!(
                REQUEST,
                "request is not persistent: only those of MPI_X_init are started"
            )
        }
        Some(entry) if entry.active => fail!(REQUEST, "request is started already"),
        Some(entry) => {
            entry.active = true;
            Ok(match &mut entry.body {
                Body::Persistent(persistent) if !persistent.is_buffered() => {
                    Some(NonNull::from(persistent.as_mut()))
                }
                _ => None,
            })
        }
    })?;
    let started = match persistent {
        // SAFETY: it is in a box of its own. To start a send or receive, but for a buffered
        // send, neither waits nor runs code of the user's, and this thread holds the library
        // lock: nobody frees it meanwhile.
        Some(mut persistent) => unsafe { persistent.as_mut() }.start(),
        None => with_operation(raw, |operation| operation.start()),
    };
    if started.is_err() {
        REQUESTS.with(|table| {
            if let Some(entry) = table.find_mut(raw) {
                entry.active = false;
            }
        });
    }
    started
}

/// Asks for an active request to be cancelled.
///
/// # Errors
/// The handle names no active request, or one that cannot be cancelled.
pub fn cancel(raw: Raw) -> Result<()> {
    // What can be received now is not cancelled: a program that posts, cancels and completes
    // again and again makes progress.
    pml::poll();
    let done = match look(raw)? {
        Look::Done => true,
        Look::Inactive => fail!(REQUEST, "request is not active: there is nothing to cancel"),
        Look::Active => false,
    };
    let of_pml = REQUESTS.with(|table| match table.find(raw) {
        Some(Entry {
            body: Body::Pml(request),
            ..
        }) => {
            if !done {
                pml::cancel(request);
            }
            true
        }
        _ => raw == SENT,
    });
    match (of_pml, done) {
        (true, _) => Ok(()),
        (false, true) => with_operation(raw, |operation| operation.cancel_done()),
        (false, false) => with_operation(raw, |operation| operation.cancel()),
    }
}

/// Lets a request go on by itself, and forgets it when it completes
/// (MPI 5.0, section 3.7.3).
///
/// # Errors
/// The handle names no request.
pub fn free(raw: Raw) -> Result<()> {
    if raw == SENT {
        return Ok(());
    }
    let of_pml = |entry: &Entry| matches!(entry.body, Body::Pml(_));
    let of_pml = REQUESTS.with(|table| table.find(raw).is_none_or(of_pml));
    if !of_pml && with_operation(raw, |operation| Ok(operation.free()))? {
        return Ok(());
    }
    let Some(entry) = REQUESTS.with(|table| table.remove(raw)) else {
        return unknown(raw);
    };
    let mut operation: Box<dyn Operation> = match entry {
        Entry {
            body: Body::Operation(operation),
            active: true,
            ..
        } => operation,
        Entry {
            body: Body::Persistent(persistent),
            active: true,
            ..
        } => persistent,
        _ => return Ok(()),
    };
    if operation.is_done() {
        return operation.release();
    }
    LEFT.with(|left| left.push(Left(operation)));
    pml::on_progress(sweep);
    Ok(())
}

/// Gives a collective's request the memory that stands in for its buffers.
///
/// # Errors
/// The handle names no request of a collective.
pub fn keep_stage(raw: Raw, stage: Stage) -> Result<()> {
    with_operation(raw, |operation| operation.keep_stage(stage))
}

/// Completes a generalized request.
///
/// # Errors
/// The handle names none, or a user's function returned an error.
pub fn grequest_complete(raw: Raw) -> Result<()> {
    if raw == NULL || raw == SENT {
        return unknown(raw);
    }
    let freed = with_operation(raw, |operation| operation.grequest_complete())?;
    pml::tell_threads(); // one may wait for it
    if !freed {
        return Ok(());
    }
    match REQUESTS.with(|table| table.remove(raw)) {
        Some(Entry {
            body: Body::Operation(mut operation),
            ..
        }) => operation.release(),
        _ => unknown(raw),
    }
}

/// What a wait for this request is for.
#[must_use]
pub fn waits_for(raw: Raw) -> WaitFor {
    REQUESTS.with(|table| match table.find(raw) {
        Some(Entry {
            body: Body::Pml(request),
            ..
        }) => request.waits_for(),
        Some(Entry {
            body: Body::Persistent(persistent),
            ..
        }) => persistent.waits_for(),
        Some(Entry {
            body: Body::Operation(operation),
            ..
        }) => operation.waits_for(),
        None => WaitFor::NOTHING,
    })
}

/// The whole handle behind the low 32 bits of one.
#[must_use]
pub fn from_low(low: u32) -> Option<Raw> {
    if low as usize == SENT {
        return Some(SENT);
    }
    REQUESTS.with(|table| table.from_low(low))
}

/// Runs `f` on an operation with the table not borrowed.
fn with_operation<R>(raw: Raw, f: impl FnOnce(&mut dyn Operation) -> Result<R>) -> Result<R> {
    let away = Body::Operation(Box::new(Away));
    let taken = REQUESTS.with(|table| {
        let entry = table.find_mut(raw)?;
        match &mut entry.body {
            Body::Pml(_) => None,
            body => Some(std::mem::replace(body, away)),
        }
    });
    let Some(mut body) = taken else {
        return unknown(raw);
    };
    let result = match body.as_operation() {
        Some(operation) => f(operation),
        None => unknown(raw),
    };
    put_back(raw, body);
    result
}

fn put_back(raw: Raw, body: Body) {
    let displaced = REQUESTS.with(|table| match table.find_mut(raw) {
        Some(entry) => std::mem::replace(&mut entry.body, body),
        None => body,
    });
    drop(displaced);
}

/// Stands in for an operation that is being called.
struct Away;

impl Operation for Away {
    fn is_done(&self) -> bool {
        false
    }

    fn finish(&mut self) -> Completion {
        Completion::empty()
    }

    fn start(&mut self) -> Result<()> {
        Err(in_use())
    }

    fn cancel(&mut self) -> Result<()> {
        Err(in_use())
    }
}

#[cold]
fn in_use() -> Error {
    Error::new(
        Class::REQUEST,
        "request is being started or completed by another call right now",
    )
}

/// Operations whose requests were freed while they were under way.
struct Left(Box<dyn Operation>);

// SAFETY: reached under the library lock only.
unsafe impl Send for Left {}

static LEFT: Local<Vec<Left>> = Local::new(Vec::new());

/// Forgets freed operations that have completed.
fn sweep() -> bool {
    let done: Vec<Left> = LEFT.with(|left| {
        let (done, rest) = std::mem::take(left)
            .into_iter()
            .partition(|l| l.0.is_done());
        *left = rest;
        if left.is_empty() {
            pml::off_progress(sweep);
        }
        done
    });
    let any = !done.is_empty();
    for mut left in done {
        left.0.finish();
    }
    any
}

/// What each request is that the program has not completed or freed: a noun, and what
/// follows it.
#[must_use]
pub fn left() -> Vec<(String, String)> {
    REQUESTS.with(|table| table.iter().map(|(_, entry)| in_words(entry)).collect())
}

fn in_words(entry: &Entry) -> (String, String) {
    let comm = entry.comm().and_then(comm::find);
    let on = comm.map_or(String::new(), |comm| format!(" on {}", comm.label()));
    let what = match &entry.body {
        Body::Pml(request) => request.waits_for(),
        Body::Persistent(operation) if entry.active => operation.waits_for(),
        Body::Operation(operation) if entry.active => operation.waits_for(),
        Body::Persistent(_) | Body::Operation(_) => WaitFor::NOTHING,
    };
    let operation = match &entry.body {
        Body::Operation(operation) => Some(operation),
        Body::Pml(_) | Body::Persistent(_) => None,
    };
    let noun = operation.and_then(|operation| operation.noun());
    let collective = operation.and_then(|operation| operation.collective());
    let kind = match entry.persistent {
        true if !entry.active => {
            let noun = match (collective, noun) {
                (Some(tag), _) => format!("{} request", tag.kind().name()),
                (None, Some(noun)) => noun.to_owned(),
                (None, None) => "persistent request".to_owned(),
            };
            return (noun, format!("{on} never freed"));
        }
        true => "persistent ",
        false => "",
    };
    if let Some(tag) = collective {
        let number = tag.number().wrapping_add(1);
        return (
            format!("{} request", tag.kind().name()),
            format!("{on} (collective no. {number})"),
        );
    }
    // Odd contexts are the collectives', whose tags say which.
    if what.context & 1 == 1
        && let Some((kind, number)) = collective::parse(what.tag)
    {
        let number = number.wrapping_add(1);
        let name = match kind {
            collective::Kind::CHECK | collective::Kind::BOARD => "collective".to_owned(),
            kind => kind.name(),
        };
        return (
            format!("{name} request"),
            format!("{on} (collective no. {number})"),
        );
    }
    let peer = what.first_peer();
    let peer = peer.and_then(|peer| comm?.peers().rank_of(peer));
    let peer = peer.map_or("any rank".to_owned(), |peer| format!("rank {peer}"));
    let tag = match what.tag {
        -1 => "any tag".to_owned(),
        tag => format!("tag {tag}"),
    };
    match what.kind {
        WaitKind::Receive if let Some(noun) = noun => {
            (noun.to_owned(), format!(" from {peer} {tag}{on}"))
        }
        WaitKind::Send if let Some(noun) = noun => {
            (noun.to_owned(), format!(" to {peer} {tag}{on}"))
        }
        WaitKind::Receive => (format!("{kind}receive"), format!(" from {peer} {tag}{on}")),
        WaitKind::Send => (format!("{kind}send"), format!(" to {peer} {tag}{on}")),
        _ => (format!("{kind}request"), on),
    }
}
