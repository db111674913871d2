//! Matching: which receive takes which message (MPI 5.0, section 3.5).
//!
//! Pure: knows envelopes and order, not bytes. Two queues per context: receives
//! that were posted and have no message yet, and messages that came before their
//! receive. A queue is a list in order, and a look is a scan, as long as scans end
//! early: messages mostly come in the order of their receives. After the first one that
//! does not, the queue is indexed by what a pattern can be (source and tag given or
//! wild), until it is empty, so that thousands of entries stay cheap.

#![deny(unsafe_code)]

use crate::object::comm::{ContextId, WORLD_CONTEXT};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::RangeInclusive;

/// Entries up to which a scan beats an index.
const SHORT: usize = 16;

/// Where an entry is in a list.
enum Scan {
    At(usize),
    /// Nowhere.
    Absent,
    /// Not among the first ones of a long list.
    Far,
}

/// Scans a list for the first entry for which `is` holds.
#[inline]
fn scan<T>(list: &VecDeque<T>, is: impl FnMut(&T) -> bool) -> Scan {
    match list.iter().take(SHORT).position(is) {
        Some(at) => Scan::At(at),
        None if list.len() > SHORT => Scan::Far,
        None => Scan::Absent,
    }
}

/// Takes an entry out of a list.
#[inline]
fn take_at<T>(list: &mut VecDeque<T>, at: usize) -> Option<T> {
    match at {
        0 => list.pop_front(),
        at => list.remove(at),
    }
}

/// A quick hash for small keys of our own making.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n));
    }

    fn write_i32(&mut self, n: i32) {
        self.write_u64(u64::from(n.cast_unsigned()));
    }

    fn write_u64(&mut self, n: u64) {
        let mixed = (self.0 ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 29;
    }
}

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// What is looked at to match a message (MPI 5.0, section 3.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// The context that it travels in.
    pub context: ContextId,
    /// The sender's rank in the communicator.
    pub source: u32,
    /// The tag.
    pub tag: i32,
}

/// What a receive asks for; `None` is the wildcard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// The sender's rank in the communicator.
    pub source: Option<u32>,
    /// The tag.
    pub tag: Option<i32>,
}

impl Pattern {
    /// Takes every message of its context.
    pub const ANY: Pattern = Pattern {
        source: None,
        tag: None,
    };

    /// Whether a message from `source` with `tag` is asked for.
    #[inline]
    #[must_use]
    pub fn takes(&self, source: u32, tag: i32) -> bool {
        self.source.is_none_or(|s| s == source) && self.tag.is_none_or(|t| t == tag)
    }
}

/// Posted receives of one context, in the order of posting.
#[derive(Debug)]
pub struct Posted<T> {
    short: VecDeque<(Pattern, T)>,
    index: Option<Box<PostedIndex<T>>>,
}

/// Four kinds of pattern; in each the oldest comes first, and the lowest number
/// of all fronts that fit is the oldest receive.
#[derive(Debug)]
struct PostedIndex<T> {
    next: u64,
    len: usize,
    exact: Map<(u32, i32), VecDeque<(u64, T)>>,
    any_tag: Map<u32, VecDeque<(u64, T)>>,
    any_source: Map<i32, VecDeque<(u64, T)>>,
    any: VecDeque<(u64, T)>,
}

impl<T> Default for Posted<T> {
    fn default() -> Self {
        Posted {
            short: VecDeque::new(),
            index: None,
        }
    }
}

impl<T> Posted<T> {
    /// Appends a receive.
    #[inline]
    pub fn push(&mut self, pattern: Pattern, receive: T) {
        match &mut self.index {
            None => self.short.push_back((pattern, receive)),
            Some(index) => index.push(pattern, receive),
        }
    }

    /// Takes out the oldest receive that a message fits.
    #[inline]
    pub fn take(&mut self, source: u32, tag: i32) -> Option<T> {
        self.take_first(source, tag, |_| true)
            .or_else(|| self.take_later(source, tag))
    }

    /// As [`Posted::take`], if it is the oldest of all receives, and `is` holds for it.
    #[inline]
    pub fn take_first(&mut self, source: u32, tag: i32, is: impl FnOnce(&T) -> bool) -> Option<T> {
        // The list is empty while there is an index.
        let (pattern, receive) = self.short.front()?;
        if !(pattern.takes(source, tag) && is(receive)) {
            return None;
        }
        self.short.pop_front().map(|(_, receive)| receive)
    }

    #[inline(never)]
    fn take_later(&mut self, source: u32, tag: i32) -> Option<T> {
        if self.index.is_none() {
            match scan(&self.short, |(pattern, _)| pattern.takes(source, tag)) {
                Scan::At(at) => return take_at(&mut self.short, at).map(|(_, receive)| receive),
                Scan::Absent => return None,
                Scan::Far => self.make_index(),
            }
        }
        self.take_indexed(source, tag)
    }

    #[cold]
    fn make_index(&mut self) {
        let mut index = Box::new(PostedIndex::new());
        for (pattern, receive) in self.short.drain(..) {
            index.push(pattern, receive);
        }
        self.index = Some(index);
    }

    #[inline(never)]
    fn take_indexed(&mut self, source: u32, tag: i32) -> Option<T> {
        let index = self.index.as_mut()?;
        let found = index.take(source, tag);
        if index.len == 0 {
            self.index = None;
        }
        found
    }

    /// Takes out the receive for which `is` holds, wherever it is.
    pub fn remove(&mut self, pattern: Pattern, is: impl Fn(&T) -> bool) -> Option<T> {
        let Some(index) = &mut self.index else {
            let at = self.short.iter().position(|(_, receive)| is(receive))?;
            return self.short.remove(at).map(|(_, receive)| receive);
        };
        let queue = index.queue(pattern);
        let at = queue.iter().position(|(_, receive)| is(receive))?;
        let found = queue.remove(at).map(|(_, receive)| receive);
        index.len -= 1;
        if index.len == 0 {
            self.index = None;
        }
        found
    }

    /// The number of receives.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index
            .as_ref()
            .map_or(self.short.len(), |index| index.len)
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.short.is_empty() && self.index.is_none()
    }
}

impl<T> PostedIndex<T> {
    fn new() -> PostedIndex<T> {
        PostedIndex {
            next: 0,
            len: 0,
            exact: Map::default(),
            any_tag: Map::default(),
            any_source: Map::default(),
            any: VecDeque::new(),
        }
    }

    fn queue(&mut self, pattern: Pattern) -> &mut VecDeque<(u64, T)> {
        match (pattern.source, pattern.tag) {
            (Some(source), Some(tag)) => self.exact.entry((source, tag)).or_default(),
            (Some(source), None) => self.any_tag.entry(source).or_default(),
            (None, Some(tag)) => self.any_source.entry(tag).or_default(),
            (None, None) => &mut self.any,
        }
    }

    fn push(&mut self, pattern: Pattern, receive: T) {
        let n = self.next;
        self.next += 1;
        self.len += 1;
        self.queue(pattern).push_back((n, receive));
    }

    fn take(&mut self, source: u32, tag: i32) -> Option<T> {
        let age = |queue: Option<&VecDeque<(u64, T)>>| {
            queue
                .and_then(VecDeque::front)
                .map_or(u64::MAX, |front| front.0)
        };
        let ages = [
            age(self.exact.get(&(source, tag))),
            age(self.any_tag.get(&source)),
            age(self.any_source.get(&tag)),
            age(Some(&self.any)),
        ];
        let oldest = *ages.iter().min()?;
        if oldest == u64::MAX {
            return None;
        }
        let pattern = match ages.iter().position(|age| *age == oldest)? {
            0 => Pattern {
                source: Some(source),
                tag: Some(tag),
            },
            1 => Pattern {
                source: Some(source),
                tag: None,
            },
            2 => Pattern {
                source: None,
                tag: Some(tag),
            },
            _ => Pattern {
                source: None,
                tag: None,
            },
        };
        let queue = self.queue(pattern);
        let found = queue.pop_front();
        let emptied = queue.is_empty();
        self.len -= 1;
        if emptied {
            self.forget(pattern);
        }
        found.map(|(_, receive)| receive)
    }

    /// Drops an empty queue, so that tags used once do not pile up.
    fn forget(&mut self, pattern: Pattern) {
        match (pattern.source, pattern.tag) {
            (Some(source), Some(tag)) => drop(self.exact.remove(&(source, tag))),
            (Some(source), None) => drop(self.any_tag.remove(&source)),
            (None, Some(tag)) => drop(self.any_source.remove(&tag)),
            (None, None) => {}
        }
    }
}

/// Messages of one context that have no receive yet, in the order of arrival.
#[derive(Debug)]
pub struct Unexpected<T> {
    short: VecDeque<(u32, i32, T)>,
    index: Option<Box<UnexpectedIndex<T>>>,
}

/// Messages by number of arrival, and for each kind of pattern the numbers in
/// order. Numbers of messages that are gone stay until they come to the front,
/// or until they outweigh the others.
#[derive(Debug)]
struct UnexpectedIndex<T> {
    next: u64,
    messages: Map<u64, (u32, i32, T)>,
    exact: Map<(u32, i32), VecDeque<u64>>,
    by_source: Map<u32, VecDeque<u64>>,
    by_tag: Map<i32, VecDeque<u64>>,
    all: VecDeque<u64>,
}

impl<T> Default for Unexpected<T> {
    fn default() -> Self {
        Unexpected {
            short: VecDeque::new(),
            index: None,
        }
    }
}

impl<T> Unexpected<T> {
    /// Appends a message.
    pub fn push(&mut self, source: u32, tag: i32, message: T) {
        match &mut self.index {
            None => self.short.push_back((source, tag, message)),
            Some(index) => index.push(source, tag, message),
        }
    }

    /// Takes out the oldest message that a receive asks for.
    #[inline]
    pub fn take(&mut self, pattern: Pattern) -> Option<(u32, i32, T)> {
        if self.is_empty() {
            return None;
        }
        self.take_any(pattern)
    }

    #[inline(never)]
    fn take_any(&mut self, pattern: Pattern) -> Option<(u32, i32, T)> {
        if self.index.is_none() {
            match scan(&self.short, |m| pattern.takes(m.0, m.1)) {
                Scan::At(at) => return take_at(&mut self.short, at),
                Scan::Absent => return None,
                Scan::Far => self.make_index(),
            }
        }
        self.take_indexed(pattern)
    }

    #[cold]
    fn make_index(&mut self) {
        let mut index = Box::new(UnexpectedIndex::new());
        for (source, tag, message) in self.short.drain(..) {
            index.push(source, tag, message);
        }
        self.index = Some(index);
    }

    #[inline(never)]
    fn take_indexed(&mut self, pattern: Pattern) -> Option<(u32, i32, T)> {
        let index = self.index.as_mut()?;
        let n = index.first(pattern)?;
        let found = index.messages.remove(&n);
        index.tidy();
        if index.messages.is_empty() {
            self.index = None;
        }
        found
    }

    /// Shows the oldest message that a receive asks for.
    pub fn peek(&mut self, pattern: Pattern) -> Option<(u32, i32, &T)> {
        if self.index.is_none() {
            match scan(&self.short, |m| pattern.takes(m.0, m.1)) {
                Scan::At(at) => return self.short.get(at).map(|m| (m.0, m.1, &m.2)),
                Scan::Absent => return None,
                Scan::Far => self.make_index(),
            }
        }
        let index = self.index.as_mut()?;
        let n = index.first(pattern)?;
        index.messages.get(&n).map(|m| (m.0, m.1, &m.2))
    }

    /// Takes out the message for which `is` holds, wherever it is.
    pub fn remove(&mut self, is: impl Fn(&T) -> bool) -> Option<T> {
        let Some(index) = &mut self.index else {
            let at = self.short.iter().position(|m| is(&m.2))?;
            return self.short.remove(at).map(|m| m.2);
        };
        let n = *index.messages.iter().find(|(_, m)| is(&m.2))?.0;
        let found = index.messages.remove(&n).map(|m| m.2);
        if index.messages.is_empty() {
            self.index = None;
        }
        found
    }

    /// The source, the tag and the body of each message, in no particular order.
    pub fn messages(&self) -> impl Iterator<Item = (u32, i32, &T)> {
        let indexed = self.index.as_ref().map(|index| index.messages.values());
        let all = self.short.iter().chain(indexed.unwrap_or_default());
        all.map(|message| (message.0, message.1, &message.2))
    }

    /// The number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index
            .as_ref()
            .map_or(self.short.len(), |index| index.messages.len())
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.short.is_empty() && self.index.is_none()
    }
}

impl<T> UnexpectedIndex<T> {
    fn new() -> UnexpectedIndex<T> {
        UnexpectedIndex {
            next: 0,
            messages: Map::default(),
            exact: Map::default(),
            by_source: Map::default(),
            by_tag: Map::default(),
            all: VecDeque::new(),
        }
    }

    fn push(&mut self, source: u32, tag: i32, message: T) {
        let n = self.next;
        self.next += 1;
        self.messages.insert(n, (source, tag, message));
        self.note(n, source, tag);
    }

    fn note(&mut self, n: u64, source: u32, tag: i32) {
        self.exact.entry((source, tag)).or_default().push_back(n);
        self.by_source.entry(source).or_default().push_back(n);
        self.by_tag.entry(tag).or_default().push_back(n);
        self.all.push_back(n);
    }

    /// The number of the oldest message that `pattern` takes.
    fn first(&mut self, pattern: Pattern) -> Option<u64> {
        let queue = match (pattern.source, pattern.tag) {
            (Some(source), Some(tag)) => self.exact.get_mut(&(source, tag))?,
            (Some(source), None) => self.by_source.get_mut(&source)?,
            (None, Some(tag)) => self.by_tag.get_mut(&tag)?,
            (None, None) => &mut self.all,
        };
        while let Some(n) = queue.front() {
            if self.messages.contains_key(n) {
                return Some(*n);
            }
            queue.pop_front();
        }
        None
    }

    /// Rebuilds the lists once most of their numbers are of messages that are gone.
    fn tidy(&mut self) {
        if self.all.len() <= 4 * self.messages.len() + 4 * SHORT {
            return;
        }
        let mut live: Vec<_> = self.messages.iter().map(|(n, m)| (*n, m.0, m.1)).collect();
        live.sort_unstable();
        self.exact.clear();
        self.by_source.clear();
        self.by_tag.clear();
        self.all.clear();
        for (n, source, tag) in live {
            self.note(n, source, tag);
        }
    }
}

/// Both queues of one context.
#[derive(Debug)]
pub struct MatchQueues<R, M> {
    /// Receives without a message.
    pub posted: Posted<R>,
    /// Messages without a receive.
    pub unexpected: Unexpected<M>,
}

impl<R, M> Default for MatchQueues<R, M> {
    fn default() -> Self {
        MatchQueues {
            posted: Posted::default(),
            unexpected: Unexpected::default(),
        }
    }
}

/// The queues of every context.
#[derive(Debug)]
pub struct Matching<R, M> {
    by_context: Map<u32, Box<MatchQueues<R, M>>>,
    /// `MPI_COMM_WORLD`'s first context, which most messages are in.
    world: MatchQueues<R, M>,
    /// Contexts with queues at which empty ones are forgotten.
    limit: usize,
}

/// Contexts that may have queues before empty ones are looked for.
const CONTEXTS: usize = 64;

impl<R, M> Default for Matching<R, M> {
    fn default() -> Self {
        Matching {
            by_context: Map::default(),
            world: MatchQueues::default(),
            limit: CONTEXTS,
        }
    }
}

impl<R, M> Matching<R, M> {
    /// The queues of `context`.
    #[inline]
    pub fn of(&mut self, context: ContextId) -> &mut MatchQueues<R, M> {
        match context.0 {
            0 => &mut self.world,
            other => self.of_other(other),
        }
    }

    fn of_other(&mut self, context: u32) -> &mut MatchQueues<R, M> {
        if self.by_context.len() >= self.limit {
            self.sweep();
        }
        self.by_context.entry(context).or_default()
    }

    /// All contexts and their queues.
    pub fn all(&self) -> impl Iterator<Item = (ContextId, &MatchQueues<R, M>)> {
        let others = self.by_context.iter();
        let others = others.map(|(context, queues)| (ContextId(*context), queues.as_ref()));
        std::iter::once((WORLD_CONTEXT, &self.world)).chain(others)
    }

    /// Whether a receive is posted in any of these contexts.
    pub fn any_posted(&self, contexts: &RangeInclusive<u32>) -> bool {
        let mut inside = self
            .by_context
            .iter()
            .filter(|(context, _)| contexts.contains(context));
        inside.any(|(_, queues)| !queues.posted.is_empty())
    }

    /// Receives without a message and messages without a receive, in all contexts.
    #[must_use]
    pub fn lens(&self) -> (usize, usize) {
        let others = self.by_context.values().map(Box::as_ref);
        let all = others.chain([&self.world]);
        all.fold((0, 0), |(posted, unexpected), queues| {
            let more = (queues.posted.len(), queues.unexpected.len());
            (posted + more.0, unexpected + more.1)
        })
    }

    /// Forgets queues that are empty: contexts are never used again, so those of
    /// communicators that were freed would pile up.
    #[cold]
    fn sweep(&mut self) {
        self.by_context
            .retain(|_, queues| !queues.posted.is_empty() || !queues.unexpected.is_empty());
        self.limit = CONTEXTS.max(2 * self.by_context.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, n: u64) -> u64 {
            self.0 = self
                .0
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (self.0 >> 33) % n
        }

        fn pattern(&mut self) -> Pattern {
            let source = (self.below(3) > 0).then(|| u32::try_from(self.below(4)).unwrap());
            let tag = (self.below(3) > 0).then(|| i32::try_from(self.below(5)).unwrap());
            Pattern { source, tag }
        }
    }

    /// Two plain lists, scanned.
    #[derive(Default)]
    struct Model {
        posted: Vec<(Pattern, u64)>,
        unexpected: Vec<(u32, i32, u64)>,
    }

    #[test]
    fn both_queues_agree_with_plain_lists() {
        for seed in 0..60 {
            let mut random = Random(seed);
            let mut model = Model::default();
            let mut queues: MatchQueues<u64, u64> = MatchQueues::default();
            let drift = random.below(5);
            for n in 0..3000u64 {
                let receive = random.below(10) < 3 + drift;
                if random.below(40) == 0 && !model.posted.is_empty() {
                    let at = usize::try_from(random.below(model.posted.len() as u64)).unwrap();
                    let (pattern, id) = model.posted.remove(at);
                    assert_eq!(
                        queues.posted.remove(pattern, |r| *r == id),
                        Some(id),
                        "seed {seed}"
                    );
                } else if random.below(60) == 0 && !model.unexpected.is_empty() {
                    let at = usize::try_from(random.below(model.unexpected.len() as u64)).unwrap();
                    let (_, _, id) = model.unexpected.remove(at);
                    assert_eq!(
                        queues.unexpected.remove(|m| *m == id),
                        Some(id),
                        "seed {seed}"
                    );
                } else if receive {
                    let pattern = random.pattern();
                    let at = model
                        .unexpected
                        .iter()
                        .position(|m| pattern.takes(m.0, m.1));
                    let expected = at.map(|at| model.unexpected[at]);
                    let shown = queues.unexpected.peek(pattern).map(|m| (m.0, m.1, *m.2));
                    assert_eq!(shown, expected, "seed {seed} step {n}");
                    assert_eq!(
                        queues.unexpected.take(pattern),
                        expected,
                        "seed {seed} step {n}"
                    );
                    match at {
                        Some(at) => drop(model.unexpected.remove(at)),
                        None => {
                            model.posted.push((pattern, n));
                            queues.posted.push(pattern, n);
                        }
                    }
                } else {
                    let source = u32::try_from(random.below(4)).unwrap();
                    let tag = i32::try_from(random.below(5)).unwrap();
                    let at = model.posted.iter().position(|p| p.0.takes(source, tag));
                    let expected = at.map(|at| model.posted[at].1);
                    assert_eq!(
                        queues.posted.take(source, tag),
                        expected,
                        "seed {seed} step {n}"
                    );
                    match at {
                        Some(at) => drop(model.posted.remove(at)),
                        None => {
                            model.unexpected.push((source, tag, n));
                            queues.unexpected.push(source, tag, n);
                        }
                    }
                }
                assert_eq!(queues.posted.len(), model.posted.len());
                assert_eq!(queues.unexpected.len(), model.unexpected.len());
            }
        }
    }

    #[test]
    fn lists_of_gone_messages_do_not_grow() {
        let mut queue = Unexpected::default();
        for tag in 0..100 {
            queue.push(0, 1000 + tag, 0u64);
        }
        assert!(
            queue
                .peek(Pattern {
                    source: Some(1),
                    tag: None
                })
                .is_none()
        );
        for n in 0..100_000 {
            queue.push(1, 5, n);
            assert_eq!(
                queue
                    .take(Pattern {
                        source: Some(1),
                        tag: Some(5)
                    })
                    .map(|m| m.2),
                Some(n)
            );
        }
        let index = queue.index.as_ref().unwrap();
        assert!(index.all.len() < 1000, "{}", index.all.len());
    }

    #[test]
    fn queues_of_contexts_that_are_gone_do_not_pile_up() {
        let mut matching: Matching<u64, u64> = Matching::default();
        let any = Pattern {
            source: None,
            tag: None,
        };
        matching.of(ContextId(2)).posted.push(any, 7);
        for context in 3..100_000 {
            matching
                .of(ContextId(context))
                .unexpected
                .push(0, 1, u64::from(context));
            assert!(
                matching
                    .of(ContextId(context))
                    .unexpected
                    .take(any)
                    .is_some()
            );
        }
        assert!(matching.by_context.len() <= CONTEXTS);
        assert_eq!(matching.of(ContextId(2)).posted.take(4, 4), Some(7));
    }
}
