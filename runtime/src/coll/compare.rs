//! What ranks find when they compare the collectives that they are in.

use crate::error::{Class, Error, Result};
use crate::object::collective::Tag;
use crate::object::op::Reducer;
use wireup::collective::Kind;
use wireup::report::ranges;

/// The error of a message that is shorter than what is to be received.
#[cold]
pub(super) fn too_short(tag: Tag, peer: u32, came: u64, wanted: usize) -> Error {
    let text =
        format!("{tag}: rank {peer} sent {came} bytes, but this rank is to receive {wanted}");
    Error::mismatch(Class::COUNT, text)
}

/// The data of a message: how many bytes, and a hash of the types (0: not known).
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Content {
    pub(super) len: u64,
    pub(super) types: u32,
}

impl Content {
    /// Together with another message to the same rank: types are not compared then.
    pub(super) fn and(self, other: Content) -> Content {
        match self.len {
            0 => other,
            len => Content {
                len: len + other.len,
                types: 0,
            },
        }
    }
}

impl Content {
    /// Whether its types are known, and are not bytes alone: those match nothing else, but that
    /// is harmless between processes of one machine.
    fn is_typed(self) -> bool {
        self.types != 0 && self.types != crate::pml::signature_of_bytes(self.len)
    }

    /// Whether both are made of basic types, and of others.
    fn has_other_types(self, other: Content) -> bool {
        self.is_typed() && other.is_typed() && self.types != other.types
    }
}

fn types_in_words(content: Content) -> String {
    match content.types {
        0 => format!("{} bytes", content.len),
        types => crate::pml::in_words(content.len, types),
    }
}

/// What a rank states of its call to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Statement {
    pub(super) kind: Kind,
    /// The root's rank, or one of the words below.
    pub(super) root: u64,
    /// [`Reducer::number`].
    pub(super) operation: u8,
    /// What all ranks must have alike.
    pub(super) all: Content,
    /// What this rank sends to that one, and what it wants from it.
    pub(super) out: Content,
    pub(super) into: Content,
}

pub(super) const NO_ROOT: u64 = u64::MAX;
/// Of the root's own group of an intercommunicator: the root, and the others.
pub(super) const HERE: u64 = u64::MAX - 1;
pub(super) const BESIDE: u64 = u64::MAX - 2;

pub(super) const WORDS: usize = 6;
pub(super) const LEN: usize = WORDS * 8;

impl Statement {
    pub(super) fn to_words(self) -> [u64; WORDS] {
        let Statement {
            kind,
            root,
            operation,
            all,
            out,
            into,
        } = self;
        let first = u64::from(kind.code()) | u64::from(operation) << 8 | u64::from(all.types) << 32;
        let types = u64::from(out.types) | u64::from(into.types) << 32;
        [first, root, all.len, out.len, into.len, types]
    }

    fn of_words(words: [u64; WORDS]) -> Statement {
        let [first, root, all, out, into, types] = words;
        let low = |word: u64| u32::try_from(word & 0xffff_ffff).unwrap_or(0);
        let byte = |word: u64| u8::try_from(word & 0xff).unwrap_or(0);
        let content = |len, types| Content { len, types };
        Statement {
            kind: Kind::of_code(byte(first)),
            root,
            operation: byte(first >> 8),
            all: content(all, low(first >> 32)),
            out: content(out, low(types)),
            into: content(into, low(types >> 32)),
        }
    }
}

/// What a plan compares when it begins.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) tag: Tag,
    /// This process's rank, but on an intercommunicator.
    pub(super) me: Option<u32>,
    pub(super) inter: bool,
    /// What this rank states to each peer, and what each states to this rank.
    pub(super) mine: Vec<[u64; WORDS]>,
    pub(super) theirs: Vec<[u64; WORDS]>,
}

impl Check {
    /// Compares what all have stated.
    ///
    /// # Errors
    /// The first difference from what this rank has stated, in the class of what differs.
    pub(super) fn verdict(&self) -> Result<()> {
        if let Some(difference) = self.me.and_then(|me| self.differ_between(me)) {
            return Err(difference);
        }
        for (rank, (mine, theirs)) in (0u32..).zip(self.mine.iter().zip(&self.theirs)) {
            if Some(rank) != self.me {
                let (mine, theirs) = (Statement::of_words(*mine), Statement::of_words(*theirs));
                self.compare(mine, theirs, rank)?;
            }
        }
        Ok(())
    }

    /// The first thing that all ranks must have alike and have not, as it is at each of them;
    /// `me` is this rank. Not for intercommunicators, where it depends on the side.
    fn differ_between(&self, me: u32) -> Option<Error> {
        let all = (0u32..).zip(self.mine.iter().zip(&self.theirs));
        let all: Vec<(u32, Statement)> = all
            .map(|(rank, (mine, theirs))| {
                let words = if rank == me { mine } else { theirs };
                (rank, Statement::of_words(*words))
            })
            .collect();
        let named = |name: &dyn Fn(&Statement) -> String| {
            let names = all.iter().map(|(rank, one)| (*rank, name(one)));
            by_name(names).filter(|groups| groups.len() > 1)
        };
        let number = self.tag.number() + 1;
        if let Some(calls) = named(&|one| one.kind.name()) {
            let text = calls
                .iter()
                .map(|(name, ranks)| format!("{}: {name}", ranks_in_words(ranks)));
            let text = format!(
                "collective no. {number}: {}{}",
                text.collect::<Vec<_>>().join("; "),
                alone(&calls)
            );
            return Some(Error::mismatch(Class::OTHER, text));
        }
        let rooted = self.tag.kind().is_rooted();
        let (class, what, groups) =
            if let Some(groups) = named(&|one| root_name(one.root)).filter(|_| rooted) {
                (Class::ROOT, "root is", groups)
            } else if let Some(groups) = named(&|one| Reducer::name_of(one.operation).to_owned()) {
                (Class::OP, "op is", groups)
            } else if let Some(groups) = named(&|one| format!("{} bytes", one.all.len)) {
                (Class::COUNT, "it is of", groups)
            } else if let Some(groups) = named(&|one| types_in_words(one.all)).filter(|_| {
                let first = all.iter().find(|(_, one)| one.all.is_typed());
                all.iter()
                    .any(|(_, one)| first.is_some_and(|first| first.1.all.has_other_types(one.all)))
            }) {
                (Class::TYPE, "it is of", groups)
            } else {
                return None;
            };
        let text = groups
            .iter()
            .map(|(name, ranks)| format!("{name} at {}", ranks_in_words(ranks)));
        let text = format!(
            "{}: {what} {}{}",
            self.tag,
            text.collect::<Vec<_>>().join(", "),
            alone(&groups)
        );
        Some(Error::mismatch(class, text))
    }

    fn compare(&self, mine: Statement, theirs: Statement, rank: u32) -> Result<()> {
        let number = self.tag.number() + 1;
        let fail = |class, text: String| Err(Error::mismatch(class, text));
        if mine.kind != theirs.kind {
            let (mine, theirs) = (mine.kind.name(), theirs.kind.name());
            let text =
                format!("collective no. {number}: this rank is in {mine}, rank {rank} in {theirs}");
            return fail(Class::OTHER, text);
        }
        let place = self.tag;
        if self.inter && mine.root < BESIDE && theirs.root < BESIDE {
            let what = format!(
                "root is {} at this rank and {} at rank {rank} of the other group: the group of the root must give MPI_ROOT there and MPI_PROC_NULL at its other ranks",
                root_name(mine.root),
                root_name(theirs.root)
            );
            return fail(Class::ROOT, format!("{place}: {what}"));
        }
        if !self.same_root(mine.root, theirs.root, rank) {
            let what = match mine.kind.is_rooted() {
                true if self.inter && mine.root >= BESIDE && theirs.root >= BESIDE => format!(
                    "root is {} at this rank and {} at rank {rank} of the other group, where all \
                     must give the root's rank",
                    root_name(mine.root),
                    root_name(theirs.root)
                ),
                true => format!(
                    "root is {} at this rank, but {} at rank {rank}",
                    root_name(mine.root),
                    root_name(theirs.root)
                ),
                false => format!("recvcounts is not the same at rank {rank} as here"),
            };
            let class = if mine.kind.is_rooted() {
                Class::ROOT
            } else {
                Class::COUNT
            };
            return fail(class, format!("{place}: {what}"));
        }
        if [mine.root, theirs.root].contains(&BESIDE) {
            return Ok(()); // its other arguments are not significant
        }
        if mine.operation != theirs.operation {
            let [a, b] = [mine, theirs].map(|one| Reducer::name_of(one.operation));
            return fail(
                Class::OP,
                format!("{place}: op is {a} at this rank, but {b} at rank {rank}"),
            );
        }
        if mine.all.len != theirs.all.len {
            let (a, b) = (mine.all.len, theirs.all.len);
            let what = format!("it is of {a} bytes at this rank, but of {b} at rank {rank}");
            return fail(Class::COUNT, format!("{place}: {what}"));
        }
        for (sent, wanted, is_mine) in [
            (mine.out, theirs.into, true),
            (theirs.out, mine.into, false),
        ] {
            if sent.len != wanted.len {
                let (a, b) = (sent.len, wanted.len);
                let what = match is_mine {
                    true => format!("this rank sends {a} bytes to rank {rank}, which wants {b}"),
                    false => format!("rank {rank} sends {a} bytes to this rank, which wants {b}"),
                };
                return fail(Class::COUNT, format!("{place}: {what}"));
            }
        }
        let pairs = [
            (mine.all, theirs.all),
            (mine.out, theirs.into),
            (theirs.out, mine.into),
        ];
        let differing = pairs.iter().position(|pair| pair.0.has_other_types(pair.1));
        let Some(at) = differing else {
            return Ok(());
        };
        let [a, b] = [pairs[at].0, pairs[at].1].map(types_in_words);
        let what = match at {
            0 => format!("it is of {a} at this rank, but of {b} at rank {rank}"),
            1 => format!("this rank sends {a} to rank {rank}, which wants {b}"),
            _ => format!("rank {rank} sends {a} to this rank, which wants {b}"),
        };
        fail(Class::TYPE, format!("{place}: {what}"))
    }

    /// Whether both ranks mean the same root.
    fn same_root(&self, mine: u64, theirs: u64, rank: u32) -> bool {
        if !self.inter || mine == NO_ROOT || mine < BESIDE && theirs < BESIDE {
            return mine == theirs;
        }
        let is = |root: u64, rank: u32, said: u64| {
            said == if root == u64::from(rank) {
                HERE
            } else {
                BESIDE
            }
        };
        match mine < BESIDE {
            true => is(mine, rank, theirs),
            // Their side finds out whether it is this rank that they mean.
            false => theirs < BESIDE,
        }
    }
}

/// What ranks say alike, and which ranks that are.
type Groups = Vec<(String, Vec<u32>)>;

/// Ranks by what they say, the largest group first.
fn by_name(names: impl Iterator<Item = (u32, String)>) -> Option<Groups> {
    let mut groups: Groups = Vec::new();
    for (rank, name) in names {
        match groups.iter_mut().find(|group| group.0 == name) {
            Some(group) => group.1.push(rank),
            None => groups.push((name, vec![rank])),
        }
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.1.len())); // equal ones stay in order
    (!groups.is_empty()).then_some(groups)
}

fn ranks_in_words(numbers: &[u32]) -> String {
    let plural = if numbers.len() == 1 { "" } else { "s" };
    format!("rank{plural} {}", ranges(numbers.iter().copied()))
}

/// Marks one rank that differs from all others.
fn alone(groups: &Groups) -> &'static str {
    match groups.as_slice() {
        [many, one] if many.1.len() > 1 && one.1.len() == 1 => " <- alone",
        _ => "",
    }
}

fn root_name(root: u64) -> String {
    match root {
        HERE => "MPI_ROOT".to_owned(),
        BESIDE => "MPI_PROC_NULL".to_owned(),
        NO_ROOT => "none".to_owned(),
        rank => rank.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wireup::collective::tag;

    fn statement(kind: Kind) -> Statement {
        let content = |len, types| Content { len, types };
        Statement {
            kind,
            root: 5,
            operation: 3,
            all: content(77, 0xdead_beef),
            out: content(8, 1),
            into: content(9, u32::MAX),
        }
    }

    #[test]
    fn words_come_back() {
        let one = statement(Kind::REDUCE.persistent());
        assert_eq!(Statement::of_words(one.to_words()), one);
    }

    #[test]
    fn the_first_difference_is_named() {
        let check = Check {
            tag: Tag(tag(Kind::BCAST, 3)),
            me: Some(0),
            inter: false,
            mine: Vec::new(),
            theirs: Vec::new(),
        };
        let mine = Statement {
            out: Content::default(),
            into: Content::default(),
            ..statement(Kind::BCAST)
        };
        let class = |theirs| {
            check
                .compare(mine, theirs, 3)
                .map_err(|error| error.class())
        };
        assert_eq!(class(mine), Ok(()));
        assert_eq!(
            class(Statement {
                kind: Kind::BARRIER,
                ..mine
            }),
            Err(Class::OTHER)
        );
        assert_eq!(class(Statement { root: 1, ..mine }), Err(Class::ROOT));
        assert_eq!(
            class(Statement {
                operation: 1,
                ..mine
            }),
            Err(Class::OP)
        );
        let all = |len, types| Statement {
            all: Content { len, types },
            ..mine
        };
        assert_eq!(class(all(76, 0xdead_beef)), Err(Class::COUNT));
        assert_eq!(class(all(77, 1)), Err(Class::TYPE));
        assert_eq!(class(all(77, 0)), Ok(()), "types that are not known");
        let sends = Statement {
            out: Content { len: 1, types: 0 },
            ..mine
        };
        let text = check.compare(mine, sends, 3).unwrap_err().text().to_owned();
        assert!(
            text.contains("rank 3 sends 1 bytes to this rank, which wants 0"),
            "{text}"
        );
    }

    #[test]
    fn ranks_are_grouped_by_what_they_say() {
        let said = |of: &dyn Fn(u32) -> Statement, kind| {
            let words: Vec<_> = (0..4).map(|rank| of(rank).to_words()).collect();
            let check = Check {
                tag: Tag(tag(kind, 3)),
                me: Some(2),
                inter: false,
                mine: words.clone(),
                theirs: words,
            };
            let error = check.verdict().unwrap_err();
            (error.class(), error.text().to_owned())
        };
        let same = Statement {
            out: Content::default(),
            into: Content::default(),
            ..statement(Kind::BCAST)
        };
        let root = |rank| Statement {
            root: u64::from(rank > 1),
            ..same
        };
        assert_eq!(
            said(&root, Kind::BCAST),
            (
                Class::ROOT,
                "ranks differ in MPI_Bcast (collective no. 4): root is 0 at ranks 0-1, 1 at ranks 2-3"
                    .to_owned()
            )
        );
        let call = |rank| Statement {
            kind: if rank == 0 {
                Kind::BARRIER
            } else {
                Kind::BCAST
            },
            ..same
        };
        assert_eq!(
            said(&call, Kind::BCAST).1,
            "ranks differ in collective no. 4: ranks 1-3: MPI_Bcast; rank 0: MPI_Barrier <- alone"
        );
        let len = |rank| Statement {
            all: Content {
                len: 8 + u64::from(rank / 3),
                types: 0,
            },
            ..same
        };
        assert!(
            said(&len, Kind::ALLREDUCE)
                .1
                .ends_with("it is of 8 bytes at ranks 0-2, 9 bytes at rank 3 <- alone")
        );
    }

    #[test]
    fn roots_are_compared_between_groups() {
        let check = Check {
            tag: Tag(tag(Kind::BCAST, 3)),
            me: None,
            inter: true,
            mine: Vec::new(),
            theirs: Vec::new(),
        };
        assert!(check.same_root(2, HERE, 2) && check.same_root(2, BESIDE, 1));
        assert!(!check.same_root(2, BESIDE, 2) && !check.same_root(2, HERE, 1));
        assert!(check.same_root(HERE, 1, 0) && !check.same_root(HERE, BESIDE, 0));
    }
}
