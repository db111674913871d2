//! The engine: all that this process has under way, in parts that each keep their own.
//!
//! | part | keeps |
//! |---|---|
//! | [`Queues`] | the transport, and what waits for room in it |
//! | [`Matching`] | posted receives, and messages without one |
//! | [`Unexpected`] | the bytes of such messages, and messages in pieces |
//! | [`Transfers`] | rendezvous: announced messages and how they are copied |
//! | [`Learnt`] | what was learnt of messages so far |
//! | [`Channels`] | partitioned communication |

use crate::lock::Local;
use crate::object::comm::ContextId;
use crate::pml::active::Active;
use crate::pml::expected::Expected;
use crate::pml::learnt::Learnt;
use crate::pml::matching::Matching;
use crate::pml::partitioned::channels::Channels;
use crate::pml::protocol::Limits;
use crate::pml::queues::Queues;
use crate::pml::request::RequestRef;
use crate::pml::rndv::Transfers;
use crate::pml::rndv::pipeline::CELL_MOST;
use crate::pml::transport::{Opening, Transport, Waiter};
use crate::pml::unexpected::{Message, Unexpected};

/// Everything but the inbox, which is borrowed while what arrives is handled.
#[derive(Debug)]
pub(super) struct Core<T: Transport> {
    pub(super) queues: Queues<T>,
    pub(super) matching: Matching<RequestRef, Message>,
    pub(super) unexpected: Unexpected,
    pub(super) transfers: Transfers<T>,
    pub(super) learnt: Learnt,
    pub(super) channels: Channels,
    /// The blocking receive that is looking for its message, unposted.
    pub(super) expected: Option<Expected>,
    /// The request that a blocking call waits for.
    pub(super) awaited: Option<RequestRef>,
    /// Whether messages say what types they are made of.
    pub(super) checks_types: bool,
    /// Whether sends have more to do than to send: say types, or record the message.
    pub(super) is_slow: bool,
    /// Messages shorter than this, in bytes, need a cell and no more (see `short`).
    pub(super) short_end: usize,
    /// The longest of them that goes inline.
    pub(super) inline_max: usize,
    /// Whether the send under way was recorded already.
    pub(super) is_counted: bool,
}

/// The whole engine.
#[derive(Debug)]
pub(super) struct Engine<T: Transport> {
    pub(super) inbox: T::Inbox,
    pub(super) core: Core<T>,
}

impl<T: Transport> Engine<T> {
    /// Opens the transport.
    pub(super) fn open(opening: Opening<'_>) -> Result<(Engine<T>, T::Waiter), T::Error> {
        let (settings, me) = (opening.settings.clone(), opening.me);
        let ranks = opening.segment.ranks();
        let (transport, inbox, waiter) = T::open(opening)?;
        let bytes = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let limits = Limits {
            eager_limit: bytes(settings.eager_limit),
            direct_min: bytes(settings.direct_min),
            coop_min: bytes(settings.coop_min),
            whole_max: CELL_MOST.min(transport.whole_max()),
        };
        let chunk = bytes(settings.coop_chunk);
        let is_slow = settings.check || settings.profile || settings.trace_events > 0;
        let short_max = limits.whole_max.min(limits.eager_limit);
        let short_end = (short_max + 1).min(limits.direct_min);
        let inline_max = transport.inline_max();
        let core = Core {
            queues: Queues::new(transport, me, ranks, limits),
            matching: Matching::default(),
            unexpected: Unexpected::new(bytes(settings.unexpected_limit)),
            transfers: Transfers::new(ranks, chunk, waiter.is_oversubscribed()),
            learnt: Learnt::new(ranks, settings.learn, limits.coop_min),
            channels: Channels::default(),
            expected: None,
            awaited: None,
            checks_types: settings.check,
            is_counted: false,
            is_slow,
            short_end: if is_slow { 0 } else { short_end },
            inline_max,
        };
        Ok((Engine { inbox, core }, waiter))
    }
}

impl<T: Transport> Core<T> {
    /// There are processes up to this number: those of other jobs come after the ranks.
    pub(super) fn grow(&mut self, procs: u32) {
        self.queues.grow(procs);
        self.learnt.grow(procs);
        self.transfers.grow(procs);
    }

    /// Whether a blocking call has what it waits for.
    #[inline]
    pub(super) fn is_served(&self) -> bool {
        match (&self.expected, &self.awaited) {
            (Some(expected), _) => expected.is_over(),
            (_, Some(request)) => request.done.get(),
            _ => false,
        }
    }

    /// Whether messages of a word may go straight to the oldest receive that is posted for
    /// them.
    #[inline]
    pub(super) fn takes_words(&self) -> bool {
        self.expected.is_none() && !self.checks_types
    }

    /// Posts the expected receive, before a message of its context that it did
    /// not take is matched: it may be the one.
    #[inline]
    pub(super) fn post_expected(&mut self, context: ContextId) {
        let expected = self.expected.as_mut();
        if let Some((pattern, receive)) = expected.and_then(|x| x.post_for(context)) {
            self.matching.of(context).posted.push(pattern, receive);
        }
    }
}

static ENGINE: Local<Option<Box<Engine<Active>>>> = Local::new(None);

/// Sets the engine of this process.
pub(super) fn set(engine: Engine<Active>) {
    ENGINE.with(|slot| *slot = Some(Box::new(engine)));
}

/// Runs `f` on the engine, which exists from `MPI_Init` on.
#[inline]
pub(super) fn with_engine<R>(f: impl FnOnce(&mut Engine<Active>) -> R) -> R {
    ENGINE.with(|engine| {
        f(engine
            .as_deref_mut()
            .expect("the engine runs while MPI is initialized"))
    })
}

/// Whether this is called by the engine.
pub(super) fn is_busy() -> bool {
    ENGINE.is_busy()
}

/// Whether there is an engine.
pub(super) fn is_running() -> bool {
    ENGINE.with(|engine| engine.is_some())
}

/// Gives back what the engine has, at the end of a process that makes no more calls.
pub fn discard() {
    drop(ENGINE.with(Option::take));
}
