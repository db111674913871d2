//! Intercommunicators between two sides that have no communicator in common: the second
//! half of `MPI_Comm_accept` and its like, and of `MPI_Intercomm_create` (MPI 5.0,
//! sections 7.6 and 11.8 to 11.10).
//!
//! The sides' leaders tell each other by some [`Wire`]:
//!
//! 1. who their members are, and where the members' jobs are to be found;
//! 2. the first side's leader makes a bridge, if the members need a new one, and tells
//!    where it is and which context ids are taken;
//! 3. whether all members of the side could open it.
//!
//! In a job that has a network open, a bridge leads over that ([`super::network`]).
//!
//! Each leader passes on to its side what it has learnt. A failure on either side is one
//! of all members.

use super::context::{self, NONE};
use super::me;
use super::network::{self, Reached};
use super::sides::{PAIRS, build};
use super::talk::{self, Circle};
use crate::error::{Class, Error, Result};
use crate::handle::Raw;
use crate::object::comm::{Bridge, Comm, ContextId};
use crate::object::group::{self, Group, Identity, Proc};
use crate::pml::JobPlace;
use crate::pml::far::{self, NewBridge};
use crate::{fail, job};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wireup::collective::Kind;
use wireup::descriptor::{self, Source};
use wireup::layout::{JobHead, State};
use wireup::segment::Segment;

/// How two leaders talk.
pub trait Wire {
    /// Sends `bytes`, and receives as much as the other leader sends.
    ///
    /// # Errors
    /// The other side has ended, or does not speak this.
    fn exchange(&mut self, bytes: &[u8]) -> Result<Vec<u8>>;

    /// A descriptor that closes when the other leader's process ends; `None`: its end is told
    /// otherwise.
    fn watched(&self) -> Option<OwnedFd> {
        None
    }
}

/// Bytes that are written in order and read in the same order.
#[derive(Default)]
pub(super) struct Words(pub(super) Vec<u8>);

impl Words {
    pub(super) fn put(&mut self, value: u64) {
        self.0.extend(value.to_le_bytes());
    }

    fn put_text(&mut self, text: &str) {
        self.put(text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn put_source(&mut self, source: &Source) {
        self.put(u64::from(source.number.unsigned_abs()));
        self.put(source.launcher.into());
        self.put(source.file.device);
        self.put(source.file.inode);
    }
}

pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    pub(super) fn get(&mut self) -> Result<u64> {
        match self.0.split_first_chunk::<8>() {
            Some((word, rest)) => {
                self.0 = rest;
                Ok(u64::from_le_bytes(*word))
            }
            None => Err(Error::new(
                Class::INTERN,
                "the other side of a connection says too little: is it of another version?",
            )),
        }
    }

    pub(super) fn get_u32(&mut self) -> Result<u32> {
        let value = self.get()?;
        u32::try_from(value).map_err(|_| {
            Error::new(
                Class::INTERN,
                format!("the other side of a connection says {value}, a number out of range"),
            )
        })
    }

    pub(super) fn get_bytes(&mut self) -> Result<Vec<u8>> {
        let len = usize::try_from(self.get()?).unwrap_or(usize::MAX);
        let (bytes, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        Ok(bytes.to_vec())
    }

    fn get_text(&mut self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.get_bytes()?).into_owned())
    }

    fn get_source(&mut self) -> Result<Source> {
        Ok(Source {
            number: self.get_u32()?.cast_signed(),
            launcher: self.get_u32()?,
            file: descriptor::Identity {
                device: self.get()?,
                inode: self.get()?,
            },
        })
    }
}

/// What a leader tells of its side.
#[derive(Clone, Debug)]
struct Side {
    members: Vec<Identity>,
    jobs: Vec<JobPlace>,
    /// The number of the bridge that the local communicator is over; 0: none.
    bridge: u64,
    /// Context ids of the job, offered for the case that no bridge is needed.
    offer: u32,
    /// How its members are reached over the network; `None`: there is none.
    network: Option<Reached>,
    /// Its leader's number.
    leader: u32,
}

impl Side {
    fn write(&self, to: &mut Words) {
        to.put(self.members.len() as u64);
        for member in &self.members {
            to.put(member.job);
            to.put(member.rank.into());
        }
        to.put(self.jobs.len() as u64);
        for job in &self.jobs {
            to.put(job.number);
            to.put_source(&job.segment);
            to.put(job.heap.is_some().into());
            if let Some(heap) = &job.heap {
                to.put_source(heap);
            }
        }
        to.put(self.bridge);
        to.put(self.offer.into());
        to.put(self.leader.into());
        Reached::write(self.network.as_ref(), to);
    }

    fn read(from: &mut Reader<'_>) -> Result<Side> {
        let mut side = Side {
            members: Vec::new(),
            jobs: Vec::new(),
            bridge: 0,
            offer: NONE,
            network: None,
            leader: 0,
        };
        for _ in 0..from.get()? {
            side.members.push(Identity {
                job: from.get()?,
                rank: from.get_u32()?,
            });
        }
        for _ in 0..from.get()? {
            side.jobs.push(JobPlace {
                number: from.get()?,
                segment: from.get_source()?,
                heap: match from.get()? {
                    0 => None,
                    _ => Some(from.get_source()?),
                },
            });
        }
        side.bridge = from.get()?;
        side.offer = from.get_u32()?;
        side.leader = from.get_u32()?;
        side.network = Reached::read(from)?;
        Ok(side)
    }

    /// This process's side: the members of `local`, a communicator over `bridge`, of which this
    /// one is `leader`. `network`: how they are reached over one.
    fn own(
        local: &Group,
        bridge: Option<&Bridge>,
        (leader, network): (u32, Option<Reached>),
    ) -> Result<Side> {
        let mut jobs = Vec::new();
        let mut number = 0;
        if network.is_none() {
            jobs.push(own_place()?);
        }
        if let Some(bridge) = bridge {
            jobs.extend(far::far_jobs(bridge.first));
            let of_segment = || far::with_bridge(bridge.first, |segment| segment.constants().job);
            let of_network = bridge.network.as_ref().map(|network| network.number);
            number = of_network.or_else(of_segment).unwrap_or(0);
        }
        let members: Vec<Identity> = local.iter().map(group::identity).collect();
        jobs.retain(|job| members.iter().any(|member| member.job == job.number));
        Ok(Side {
            members,
            jobs,
            bridge: number,
            offer: context::take(PAIRS)?.0,
            network,
            leader,
        })
    }

    fn is_of_job(&self, number: u64) -> bool {
        self.members.iter().all(|member| member.job == number)
    }
}

/// Where this process's job is.
fn own_place() -> Result<JobPlace> {
    far::own_job().map_err(|why| Error::new(Class::OTHER, why))
}

/// What the members get over which context ids come, and messages go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Route {
    /// They are all of this job.
    Job,
    /// Both local communicators are over one bridge.
    Same,
    /// A new bridge, which a leader has made.
    New(Source, u32),
    /// One over the network: its number, and its space.
    Network(u64, u32),
}

impl Route {
    fn write(&self, to: &mut Words) {
        match self {
            Route::Job => to.put(0),
            Route::Same => to.put(1),
            Route::New(source, space) => {
                to.put(2);
                to.put_source(source);
                to.put((*space).into());
            }
            Route::Network(number, space) => {
                to.put(3);
                to.put(*number);
                to.put((*space).into());
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Result<Route> {
        Ok(match from.get()? {
            0 => Route::Job,
            1 => Route::Same,
            2 => Route::New(from.get_source()?, from.get_u32()?),
            _ => Route::Network(from.get()?, from.get_u32()?),
        })
    }
}

/// What a leader tells the members of its side.
struct Plan {
    base: ContextId,
    route: Route,
    /// The first side, then the second.
    sides: [Side; 2],
    /// Whether this side is the first.
    first: bool,
}

impl Plan {
    /// The other side's leader, by its record on a new bridge.
    fn far_leader(&self) -> u32 {
        let first = u32::try_from(self.sides[0].members.len()).unwrap_or(0);
        match self.first {
            true => first + self.sides[1].leader,
            false => self.sides[0].leader,
        }
    }

    fn write(&self) -> Vec<u8> {
        let mut words = Words::default();
        words.put(self.base.0.into());
        words.put(self.first.into());
        self.sides.iter().for_each(|side| side.write(&mut words));
        self.route.write(&mut words);
        words.0
    }

    fn read(bytes: &[u8]) -> Result<Plan> {
        let mut from = Reader(bytes);
        Ok(Plan {
            base: ContextId(from.get_u32()?),
            first: from.get()? != 0,
            sides: [Side::read(&mut from)?, Side::read(&mut from)?],
            route: Route::read(&mut from)?,
        })
    }
}

/// A bridge that this process has made for others to open, and that it closes when they
/// have.
#[derive(Default)]
struct Made {
    segment: Option<Segment>,
    claim: Option<Claim>,
}

/// A space of context ids that is claimed in all jobs of a bridge. Given back when this is
/// dropped, unless the bridge was opened.
struct Claim {
    space: u32,
    far: Vec<Segment>,
}

impl Claim {
    /// Leaves the space to those who have opened the bridge.
    fn keep(mut self) {
        drop(std::mem::take(&mut self.far));
        std::mem::forget(self);
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let own = job::current().map(|job| job.segment.head());
        for head in self.far.iter().map(Segment::head).chain(own) {
            wireup::bridge::release(head, self.space);
        }
    }
}

/// Makes an intercommunicator of `local`, the group of `comm`, whose members all come here
/// and talk by `circle`, and of what the leader finds at the other end of its wire.
/// `wire` is asked at the member `leader` alone.
///
/// # Errors
/// The wire's; or the members of the two sides overlap, or cannot be connected.
pub(super) fn sides(
    comm: &Comm,
    circle: &Circle,
    leader: u32,
    local: &Group,
    wire: impl FnOnce() -> Result<Box<dyn Wire>>,
) -> Result<Comm> {
    let bridge = comm.bridge.as_ref();
    let mut wire = Some(wire);
    let mut met = None;
    loop {
        let reached = network::gather(circle)?;
        let mut failed = None;
        let mut told = Vec::new();
        let mut made = Made::default();
        if circle.me() == leader {
            if let Some(wire) = wire.take() {
                met = Some(wire());
            }
            let plan = match &mut met {
                Some(Ok(wire)) => {
                    let side = (leader, reached);
                    meet(&mut **wire, local, bridge.map(Arc::as_ref), side, &mut made)
                }
                Some(Err(_)) => Err(met.take().and_then(Result::err).expect("it was just seen")),
                None => fail!(INTERN, "the leader has no wire"),
            };
            told = match &plan {
                Ok(plan) => plan.write(),
                Err(error) => failure(error),
            };
            failed = plan.err();
        }
        let told = circle.bcast(leader, told)?;
        let plan = match read_failure(&told) {
            Some(error) => return Err(failed.unwrap_or(error)),
            None => Plan::read(&told)?,
        };
        let opened = open(&plan, local, bridge);
        if plan.route == Route::Job {
            return opened; // nothing was opened that others could have failed to
        }
        let mut answers = circle.allgather(&said(&opened))?.into_iter();
        let mut answer = answers
            .find(|answer| !answer.is_empty())
            .unwrap_or_default();
        if let Some(Ok(wire)) = &mut met {
            match wire.exchange(&answer) {
                Ok(theirs) if answer.is_empty() => answer = theirs,
                Ok(_) => {}
                Err(error) => answer = failure(&error),
            }
        }
        let answer = circle.bcast(leader, answer)?;
        drop(made.segment);
        if let Some(error) = read_failure(&answer) {
            if let Ok(Some(bridge)) = opened.as_ref().map(|new| new.bridge.as_ref())
                && matches!(plan.route, Route::New(..) | Route::Network(..))
            {
                super::bridges::abandon(bridge.first);
            }
            if error.text() == network::TAKEN {
                continue; // another connection was made meanwhile: both sides try anew
            }
            return Err(opened.err().unwrap_or(error));
        }
        if let Some(claim) = made.claim {
            claim.keep();
        }
        if let (Some(Ok(wire)), Ok(new), Route::Network(..)) = (&met, &opened, &plan.route)
            && let Some(bridge) = &new.bridge
            && let Some(watched) = wire.watched()
        {
            super::bridges::watch(bridge.first, watched, plan.far_leader());
        }
        return opened;
    }
}

/// Makes an intercommunicator of all members of `comm` and of what its member `root`
/// finds at the other end of its wire.
///
/// # Errors
/// The wire's; or the members of the two sides overlap, or cannot be connected.
pub fn meet_at(
    comm: &Arc<Comm>,
    kind: Kind,
    root: u32,
    wire: impl FnOnce() -> Result<Box<dyn Wire>>,
) -> Result<Raw> {
    super::bridges::sweep();
    let comm = comm.clone();
    let circle = Circle::whole(&comm, kind);
    let new = sides(&comm, &circle, root, &comm.group, wire)?;
    super::finish(new, comm.errhandler.handler())
}

/// The words of the member `root`, at every member of `comm`.
///
/// # Errors
/// A peer was lost.
pub fn tell_all(comm: &Arc<Comm>, kind: Kind, root: u32, words: &[u32]) -> Result<Vec<u32>> {
    let comm = comm.clone();
    let circle = Circle::whole(&comm, kind);
    let told = circle.bcast(root, talk::bytes_of(words))?;
    Ok(talk::words_of(&told))
}

/// An error as bytes, which are never none.
fn failure(error: &Error) -> Vec<u8> {
    let mut words = Words::default();
    words.put(u64::MAX);
    words.put(u64::from(error.class().0.unsigned_abs()));
    words.put_text(error.text());
    words.0
}

fn read_failure(bytes: &[u8]) -> Option<Error> {
    let mut from = Reader(bytes);
    if from.get().ok()? != u64::MAX {
        return None;
    }
    let class = from.get().ok().and_then(|class| i32::try_from(class).ok());
    let text = from.get_text().unwrap_or_default();
    Some(Error::new(class.map_or(Class::OTHER, Class), text))
}

fn said(opened: &Result<Comm>) -> Vec<u8> {
    opened.as_ref().err().map(failure).unwrap_or_default()
}

/// What the leaders of the two sides agree on.
fn meet(
    wire: &mut dyn Wire,
    local: &Group,
    bridge: Option<&Bridge>,
    side: (u32, Option<Reached>),
    made: &mut Made,
) -> Result<Plan> {
    let own = Side::own(local, bridge, side);
    let mut words = Words::default();
    match &own {
        Ok(own) => own.write(&mut words),
        Err(error) => words.0 = failure(error),
    }
    let said = wire.exchange(&words.0)?;
    let own = own?;
    if let Some(error) = read_failure(&said) {
        return Err(error);
    }
    let theirs = Side::read(&mut Reader(&said))?;
    if let Some(both) = own.members.iter().find(|one| theirs.members.contains(one)) {
        return Err(Error::new(
            Class::COMM,
            format!(
                "process {} is in both groups, which must be disjoint",
                both.rank
            ),
        ));
    }
    let first = own.members.first() < theirs.members.first();
    let here = group::job();
    let is_local = own.is_of_job(here) && theirs.is_of_job(here);
    let sides = match first {
        true => [own.clone(), theirs.clone()],
        false => [theirs.clone(), own.clone()],
    };
    if is_local {
        let base = ContextId(sides[0].offer);
        return Ok(Plan {
            base,
            route: Route::Job,
            sides,
            first,
        });
    }
    let is_same = own.bridge != 0 && own.bridge == theirs.bridge;
    let network = match (&sides[0].network, &sides[1].network) {
        (Some(one), Some(other)) => Some([one, other]),
        (None, None) => None,
        _ => return Err(no_network(own.network.is_some())),
    };
    let mut words = Words::default();
    let mut mine = None;
    if first {
        let prepared = match (bridge.filter(|_| is_same), network) {
            (Some(bridge), _) => context::take_of(bridge, PAIRS).map(|base| (base, Route::Same)),
            (None, Some(ways)) => network::choose(ways)
                .map(|(number, space)| (network::first(space), Route::Network(number, space))),
            (None, None) => make(&sides, made),
        };
        match &prepared {
            Ok((base, route)) => {
                words.put(base.0.into());
                route.write(&mut words);
            }
            Err(error) => words.0 = failure(error),
        }
        mine = Some(prepared);
    }
    let said = wire.exchange(&words.0)?;
    let (base, route) = match mine {
        Some(prepared) => prepared?,
        None if read_failure(&said).is_some() => {
            return Err(read_failure(&said).expect("it was just read"));
        }
        None => {
            let mut from = Reader(&said);
            (ContextId(from.get_u32()?), Route::read(&mut from)?)
        }
    };
    Ok(Plan {
        base,
        route,
        sides,
        first,
    })
}

/// Why a job that has no network and one that has do not meet. `here`: this is the one that has.
pub fn no_network(here: bool) -> Error {
    let which = match here {
        true => "the other job was started for one host, and this one for several",
        false => "this job was started for one host, and the other one for several",
    };
    Error::new(
        Class::UNSUPPORTED_OPERATION,
        format!(
            "{which}: only jobs that were both started for other hosts (mpirun -H, --hostfile), or \
             both on this host alone, can connect"
        ),
    )
}

/// Makes a bridge between the sides, and claims a space of context ids for it.
fn make(sides: &[Side; 2], made: &mut Made) -> Result<(ContextId, Route)> {
    let fail = |why: &dyn std::fmt::Display| Error::new(Class::NO_MEM, why.to_string());
    let members = sides.iter().map(|side| side.members.len()).sum::<usize>();
    let records = u32::try_from(members).map_err(|why| fail(&why))?;
    let job = job::current().ok_or_else(|| fail(&"there is no job"))?;
    let segment = Segment::create(records, job.segment.constants().processors);
    let segment = segment.map_err(|why| fail(&why))?;
    segment
        .head()
        .next_context
        .store(2 * PAIRS, Ordering::Relaxed);
    let source = segment.place().map_err(|why| fail(&why))?;
    let claim = claim(sides)?;
    let space = claim.space;
    let base = ContextId(wireup::bridge::first_context(space));
    *made = Made {
        segment: Some(segment),
        claim: Some(claim),
    };
    Ok((base, Route::New(source, space)))
}

/// Claims a space in all jobs of both sides.
fn claim(sides: &[Side; 2]) -> Result<Claim> {
    let own = job::current().map(|job| job.segment);
    let here = own.map_or(0, |segment| segment.constants().job);
    let mut far = Vec::new();
    for place in sides.iter().flat_map(|side| &side.jobs) {
        let is_known = |segment: &Segment| segment.constants().job == place.number;
        if place.number != here && !far.iter().any(is_known) {
            let segment = Segment::open_far(&place.segment)
                .map_err(|why| Error::new(Class::OTHER, why.to_string()))?;
            far.push(segment);
        }
    }
    let mut heads: Vec<&JobHead> = far.iter().map(Segment::head).collect();
    heads.extend(own.map(Segment::head));
    let space = wireup::bridge::claim(&heads).ok_or_else(|| {
        Error::new(
            Class::NO_MEM,
            "too many connections between jobs are open: disconnect some",
        )
    })?;
    Ok(Claim { space, far })
}

/// Opens what the plan says, at a member, and makes the communicator.
fn open(plan: &Plan, local: &Group, bridge: Option<&Arc<Bridge>>) -> Result<Comm> {
    let (own, theirs) = match plan.first {
        true => (&plan.sides[0], &plan.sides[1]),
        false => (&plan.sides[1], &plan.sides[0]),
    };
    let here = group::job();
    let (bridge, records) = match &plan.route {
        Route::Job => (None, Vec::new()),
        Route::Same => (bridge.cloned(), Vec::new()),
        route => {
            let members: Vec<Identity> = plan
                .sides
                .iter()
                .flat_map(|side| side.members.iter().copied())
                .collect();
            let ways = plan.sides.each_ref().map(|side| side.network.as_ref());
            let bridge = match (route, ways) {
                (Route::New(source, space), _) => cross(plan, &members, source, *space)?,
                (Route::Network(number, space), [Some(one), Some(other)]) => {
                    network::cross(&members, [one, other], (*number, *space))?
                }
                _ => fail!(INTERN, "the leaders have not said how members are reached"),
            };
            (Some(Arc::new(bridge)), members)
        }
    };
    let known = match &bridge {
        Some(bridge) if records.is_empty() => (bridge.first.0..bridge.first.0 + bridge.members)
            .map(|number| group::identity(Proc(number)))
            .collect(),
        _ => records,
    };
    let proc = |identity: &Identity| {
        if identity.job == here {
            return Ok(group::proc_in_world(identity.rank));
        }
        let at = known.iter().position(|one| one == identity);
        match (at.and_then(|at| u32::try_from(at).ok()), &bridge) {
            (Some(at), Some(bridge)) => Ok(Proc(bridge.first.0 + at)),
            _ => Err(Error::new(
                Class::INTERN,
                format!("rank {} of another job is not on the bridge", identity.rank),
            )),
        }
    };
    let group_of = |side: &Side| {
        let procs: Result<Vec<Proc>> = side.members.iter().map(proc).collect();
        procs.map(Group::of)
    };
    let own = group_of(own)?.within(local.session());
    build(plan.base, own, group_of(theirs)?, bridge)
}

/// Opens a new bridge at a member.
fn cross(plan: &Plan, members: &[Identity], source: &Source, space: u32) -> Result<Bridge> {
    let fail = |why: String| Error::new(Class::OTHER, why);
    let segment = Segment::open_far(source).map_err(|why| fail(why.to_string()))?;
    let myself = group::identity(me()?);
    let at = members.iter().position(|member| *member == myself);
    let at = at.and_then(|at| u32::try_from(at).ok());
    let at = at.ok_or_else(|| fail("this process is not on the bridge".to_owned()))?;
    let record = segment.record(at);
    record.pid.store(std::process::id(), Ordering::Relaxed);
    // pairs with the Acquire of who looks whether this process still counts
    record.state.store(State::Running as u32, Ordering::Release);
    let jobs = plan.sides.iter().flat_map(|side| side.jobs.iter().copied());
    let bridge = NewBridge {
        segment,
        me: at,
        members: members.to_vec(),
        jobs: jobs.collect(),
    };
    let first = far::open_bridge(bridge).map_err(fail)?;
    let members = u32::try_from(members.len()).unwrap_or(u32::MAX);
    super::bridges::note(first, members, at, space);
    Ok(Bridge {
        first,
        members,
        me: at,
        space,
        network: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_comes_back_unless_the_bridge_was_opened() {
        let jobs = [(); 2].map(|()| Segment::create(1, 1).unwrap());
        let claim = || {
            let heads = jobs.each_ref().map(Segment::head);
            let space = wireup::bridge::claim(&heads).unwrap();
            // The same memory, as it is mapped at the job that makes the bridge.
            let far = jobs.iter().map(|job| {
                use std::os::fd::AsRawFd;
                Segment::open(job.fd().as_raw_fd()).unwrap()
            });
            Claim {
                space,
                far: far.collect(),
            }
        };
        for _ in 0..3 {
            assert_eq!(claim().space, 0, "a failed connection gives it back");
        }
        let opened = claim();
        assert_eq!(opened.space, 0);
        opened.keep();
        assert_eq!(claim().space, 1);
    }
}
