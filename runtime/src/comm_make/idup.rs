//! `MPI_Comm_idup` (MPI 5.0, section 7.4.2): a duplicate whose context id is
//! agreed upon in the background.
//!
//! Attributes are copied and the new handle is named at once; the communicator
//! behind it is complete when the request is. Member 0 takes the context id (of
//! an intercommunicator: both sides' members 0 tell each other first), and it
//! runs down a binomial tree.

use super::intra::{NONE, give_up, told_context, twin};
use super::{context, inter, talk};
use crate::error::{Error, Result};
use crate::handle::Raw;
use crate::lock::Local;
use crate::object::collective::Tag;
use crate::object::comm::{self, Comm, Space};
use crate::object::info::Info;
use crate::pml::collective::{self, Verdict, Watch};
use crate::pml::{self, Buffer, Completion, Mode, Request};
use crate::request::{self, Operation};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use wireup::collective::Kind;

enum Stage {
    /// Member 0 of an intercommunicator's side: to and from the other side's.
    Meet,
    /// Waiting for the parent's word.
    Receive,
    /// Telling the children.
    Send,
    Done,
}

struct Machine {
    comm: Arc<Comm>,
    new: Raw,
    stage: Stage,
    /// Tags among the peers of an intercommunicator, and within the local group.
    tags: [i32; 2],
    /// The word that comes in and the word that goes out: context ids. They
    /// stay where they are while messages are under way.
    incoming: Box<[u8; 4]>,
    outgoing: Box<[u8; 4]>,
    pending: Vec<Request>,
    error: Option<Error>,
    watch: Watch,
}

impl Machine {
    fn local(&self) -> &Comm {
        let inter = self.comm.inter.as_ref();
        inter.map_or(&*self.comm, |inter| &*inter.local)
    }

    fn begin(&mut self) {
        let rank = self.comm.rank;
        let is_inter = self.comm.inter.is_some();
        if let Some(parent) = talk::parent(rank) {
            self.stage = Stage::Receive;
            let comm = self.local_arc();
            self.receive(&comm, parent, self.tags[1]);
            return;
        }
        let word = match is_inter {
            false => context::take_for(&self.comm, 1).map_or(NONE, |context| context.0),
            true => inter::lead(&self.comm, 1).unwrap_or(NONE),
        };
        *self.outgoing = word.to_le_bytes();
        if is_inter {
            self.stage = Stage::Meet;
            let comm = self.comm.clone();
            self.send(&comm, 0, self.tags[0]);
            self.receive(&comm, 0, self.tags[0]);
        } else {
            self.tell();
        }
    }

    fn local_arc(&self) -> Arc<Comm> {
        let inter = self.comm.inter.as_ref();
        inter.map_or(&self.comm, |inter| &inter.local).clone()
    }

    fn send(&mut self, comm: &Comm, to: u32, tag: i32) {
        let buffer = Buffer::bytes(self.outgoing.as_ptr(), self.outgoing.len());
        // SAFETY: the boxed word stays, unchanged, until the request is done:
        // the machine is kept by `ACTIVE` until then.
        let sent = unsafe { pml::isend(comm, Space::Collective, to, tag, &buffer, Mode::Standard) };
        self.note(sent);
    }

    fn receive(&mut self, comm: &Comm, from: u32, tag: i32) {
        let buffer = Buffer::bytes(self.incoming.as_mut_ptr(), self.incoming.len());
        // SAFETY: the boxed word stays, touched by nobody else, until the request
        // is done: the machine is kept by `ACTIVE` until then.
        let posted = unsafe { pml::irecv(comm, Space::Collective, Some(from), Some(tag), &buffer) };
        self.note(posted);
    }

    fn note(&mut self, started: Result<Request>) {
        match started {
            Ok(request) => self.pending.push(request),
            Err(error) => self.fail(error),
        }
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    fn tell(&mut self) {
        self.stage = Stage::Send;
        let comm = self.local_arc();
        let (rank, size) = (self.local().rank, self.local().size());
        for child in talk::children(rank, size) {
            self.send(&comm, child, self.tags[1]);
        }
    }

    /// Goes on as far as messages allow; whether anything moved.
    fn advance(&mut self) -> bool {
        let mut moved = false;
        while !matches!(self.stage, Stage::Done) {
            if !self.pending.iter().all(Request::is_done) {
                break;
            }
            moved = true;
            for request in std::mem::take(&mut self.pending) {
                if let Some(error) = request.finish().error {
                    self.fail(error);
                }
            }
            match self.stage {
                Stage::Meet => {
                    if *self.outgoing == NONE.to_le_bytes() {
                        self.outgoing = self.incoming.clone();
                    }
                    self.tell();
                }
                Stage::Receive => {
                    self.outgoing = self.incoming.clone();
                    self.tell();
                }
                Stage::Send => {
                    self.stage = Stage::Done;
                    self.each_talk(collective::leave);
                    self.complete();
                    if let Some(error) = &self.error {
                        self.each_talk(|comm, tag| collective::give_up(comm, tag, None, error));
                    }
                }
                Stage::Done => {}
            }
        }
        moved
    }

    /// Calls `f` with the communicators that this talks over, and the tags there.
    fn each_talk(&self, f: impl Fn(&Comm, Tag)) {
        if self.comm.inter.is_some() {
            f(&self.comm, Tag(self.tags[0]));
        }
        f(self.local(), Tag(self.tags[1]));
    }

    /// Looks whether this can still come to an end, after a wait that has stalled.
    /// If not, it ends with an error, which it passes on. Returns whether it does.
    fn look(&mut self) -> bool {
        if self.error.is_some() || self.pending.is_empty() {
            return false;
        }
        let mut watch = std::mem::take(&mut self.watch);
        let mut verdict = watch.look(self.local(), Tag(self.tags[1]), &[], |_| true);
        if matches!(verdict, Verdict::Fine) && self.comm.inter.is_some() {
            verdict = watch.look(&self.comm, Tag(self.tags[0]), &[], |_| true);
        }
        self.watch = watch;
        match verdict {
            Verdict::Fine => return false,
            Verdict::Moves => self.fail(collective::not_moved(collective::moved())),
            Verdict::Fails(error) => self.fail(error),
        }
        self.pending.iter().for_each(pml::cancel);
        true
    }

    fn complete(&mut self) {
        let base = match told_context(&[u32::from_le_bytes(*self.outgoing)]) {
            Ok(base) => base,
            Err(error) => return self.fail(error),
        };
        let made = match &self.comm.inter {
            None => Ok((base, None)),
            Some(_) => inter::rebuild(&self.comm, base),
        };
        match made {
            Ok((context, inter)) => comm::complete(self.new, |new| {
                new.context = context;
                new.inter = inter; // the bridge and the groups are those of the original
            }),
            Err(error) => self.fail(error),
        }
    }
}

struct Shared {
    machine: RefCell<Machine>,
    done: Cell<bool>,
}

impl Shared {
    fn advance(&self) -> bool {
        // Starting a message may make progress, and come back here.
        let Ok(mut machine) = self.machine.try_borrow_mut() else {
            return false;
        };
        let moved = machine.advance();
        self.done.set(matches!(machine.stage, Stage::Done));
        moved
    }
}

/// Those under way.
static ACTIVE: Local<Vec<Rc<Shared>>> = Local::new(Vec::new());

/// What a wait that stalls calls.
fn look() -> bool {
    let active = ACTIVE.with(|active| active.clone());
    active.iter().fold(false, |any, shared| {
        let found = shared.machine.try_borrow_mut();
        found.is_ok_and(|mut machine| machine.look()) | any
    })
}

/// What [`pml::progress()`] calls.
fn drive() -> bool {
    let active = ACTIVE.with(|active| active.clone());
    let mut moved = false;
    for shared in &active {
        moved |= shared.advance();
    }
    if active.iter().any(|shared| shared.done.get()) {
        ACTIVE.with(|active| {
            active.retain(|shared| !shared.done.get());
            if active.is_empty() {
                pml::off_progress(drive);
            }
        });
    }
    moved
}

/// The request's side of a duplication.
struct Idup(Rc<Shared>);

impl Operation for Idup {
    fn is_done(&self) -> bool {
        self.0.done.get()
    }

    fn finish(&mut self) -> Completion {
        Completion {
            source: -1,
            tag: -2,
            len: 0,
            cancelled: false,
            error: self.0.machine.borrow_mut().error.take(),
        }
    }

    fn start(&mut self) -> Result<()> {
        crate::fail!(REQUEST, "the request of MPI_Comm_idup is not persistent")
    }

    fn cancel(&mut self) -> Result<()> {
        crate::fail!(REQUEST, "MPI_Comm_idup cannot be cancelled")
    }
}

/// `MPI_Comm_idup` and `MPI_Comm_idup_with_info`: the new communicator's handle,
/// not to be used before the request (second) is complete.
///
/// # Errors
/// A copy function failed, or handles ran out.
pub fn idup(comm: &Arc<Comm>, info: &Info) -> Result<(Raw, Raw)> {
    let comm = comm.clone();
    let (new, copied) = twin(&comm, info);
    let new = comm::insert(new)?;
    let tags = comm.begin_collective(Kind::COMM_IDUP);
    let tags = match tags.local {
        None => [0, tags.peers.0],
        Some(local) => [tags.peers.0, local.0],
    };
    let mut machine = Machine {
        comm,
        new,
        stage: Stage::Done,
        tags,
        incoming: Box::new(NONE.to_le_bytes()),
        outgoing: Box::new(NONE.to_le_bytes()),
        pending: Vec::new(),
        error: None,
        watch: Watch::default(),
    };
    machine.each_talk(collective::enter);
    machine.begin();
    let shared = Rc::new(Shared {
        machine: RefCell::new(machine),
        done: Cell::new(false),
    });
    shared.advance();
    if !shared.done.get() {
        ACTIVE.with(|active| active.push(shared.clone()));
        pml::on_progress(drive);
        pml::on_stall(look);
    }
    if let Err(error) = copied {
        // The peers count on this process all the same: the machine runs on.
        return Err(give_up(new, error));
    }
    let on = Some(shared.machine.borrow().comm.handle.get());
    Ok((new, request::insert_on(Box::new(Idup(shared)), false, on)?))
}
