//! Kinds of collective operations, and the tags that their messages carry.
//!
//! All members of a communicator call its collectives in one order, so that each
//! has a number that is the same everywhere. A tag holds that number and the kind
//! of call: ranks that call different collectives never match each other's messages,
//! and a tag shows what its sender was doing.

/// What a collective call is: a blocking one, or its nonblocking or persistent
/// form, which do not match each other (MPI 5.0, sections 6.12 and 6.13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kind(u8);

/// Bits of a collective's number, which wraps around.
const NUMBER_BITS: u32 = 24;

/// The bits of a number that a tag holds.
pub const NUMBER: u32 = (1 << NUMBER_BITS) - 1;

const NONBLOCKING: u8 = 1 << 5;
const PERSISTENT: u8 = 1 << 6;
const FORMS: u8 = NONBLOCKING | PERSISTENT;

/// The operations, by code; each has three forms.
const OPERATIONS: [&str; 22] = [
    "Barrier",
    "Bcast",
    "Gather",
    "Gatherv",
    "Scatter",
    "Scatterv",
    "Allgather",
    "Allgatherv",
    "Alltoall",
    "Alltoallv",
    "Alltoallw",
    "Reduce",
    "Allreduce",
    "Reduce_scatter_block",
    "Reduce_scatter",
    "Scan",
    "Exscan",
    "Neighbor_allgather",
    "Neighbor_allgatherv",
    "Neighbor_alltoall",
    "Neighbor_alltoallv",
    "Neighbor_alltoallw",
];

/// The first code of a neighbourhood operation, and how far its second code is,
/// which stands for the second of two edges between the same neighbours.
const NEIGHBOR: u8 = 17;
const SECOND: u8 = 5;

/// Calls of one form, from the code [`FORMS`] on.
const OTHERS: [&str; 31] = [
    "MPI_Comm_dup",
    "MPI_Comm_idup",
    "MPI_Comm_create",
    "MPI_Comm_split",
    "MPI_Comm_split_type",
    "MPI_Cart_create",
    "MPI_Cart_sub",
    "MPI_Graph_create",
    "MPI_Dist_graph_create",
    "MPI_Dist_graph_create_adjacent",
    "MPI_Intercomm_create",
    "MPI_Intercomm_merge",
    "MPI_Win_create",
    "MPI_Win_allocate",
    "MPI_Win_allocate_shared",
    "MPI_Win_create_dynamic",
    "MPI_File_open",
    "a call that failed",
    "the check of collectives",
    "the making of a board",
    "a collective call on a file",
    "MPI_Comm_accept",
    "MPI_Comm_connect",
    "MPI_Comm_spawn",
    "MPI_Comm_spawn_multiple",
    "MPI_Comm_disconnect",
    "MPI_File_close",
    "MPI_File_set_view",
    "MPI_File_set_size",
    "MPI_File_preallocate",
    "MPI_File_sync",
];

macro_rules! kinds {
    ($base:expr; $($name:ident $code:expr)*) => {$(
        #[allow(missing_docs, reason = "the names are the standard's")]
        pub const $name: Kind = Kind($base + $code);
    )*};
}

impl Kind {
    kinds! { 0;
        BARRIER 0 BCAST 1 GATHER 2 GATHERV 3 SCATTER 4 SCATTERV 5 ALLGATHER 6 ALLGATHERV 7
        ALLTOALL 8 ALLTOALLV 9 ALLTOALLW 10 REDUCE 11 ALLREDUCE 12 REDUCE_SCATTER_BLOCK 13
        REDUCE_SCATTER 14 SCAN 15 EXSCAN 16 NEIGHBOR_ALLGATHER 17 NEIGHBOR_ALLGATHERV 18
        NEIGHBOR_ALLTOALL 19 NEIGHBOR_ALLTOALLV 20 NEIGHBOR_ALLTOALLW 21
    }
    kinds! { FORMS;
        COMM_DUP 0 COMM_IDUP 1 COMM_CREATE 2 COMM_SPLIT 3 COMM_SPLIT_TYPE 4 CART_CREATE 5
        CART_SUB 6 GRAPH_CREATE 7 DIST_GRAPH_CREATE 8 DIST_GRAPH_CREATE_ADJACENT 9
        INTERCOMM_CREATE 10 INTERCOMM_MERGE 11 WIN_CREATE 12 WIN_ALLOCATE 13
        WIN_ALLOCATE_SHARED 14 WIN_CREATE_DYNAMIC 15 FILE_OPEN 16
    }
    kinds! { FORMS;
        COMM_ACCEPT 21 COMM_CONNECT 22 COMM_SPAWN 23 COMM_SPAWN_MULTIPLE 24
        COMM_DISCONNECT 25 FILE_CLOSE 26 FILE_SET_VIEW 27 FILE_SET_SIZE 28
        FILE_PREALLOCATE 29 FILE_SYNC 30
    }
    /// Tag of a note that the sender has failed in the collective with this number.
    pub const FAILED: Kind = Kind(FORMS + 17);
    /// Tag of what ranks compare before a collective (the setting `check`).
    pub const CHECK: Kind = Kind(FORMS + 18);

    /// Tag of the message that says where a communicator's board is.
    pub const BOARD: Kind = Kind(FORMS + 19);

    /// Tag of what members of an open file say to each other in any other collective call on it.
    pub const FILE: Kind = Kind(FORMS + 20);

    /// The nonblocking form.
    #[must_use]
    pub const fn nonblocking(self) -> Kind {
        Kind(self.0 | NONBLOCKING)
    }

    /// The persistent form.
    #[must_use]
    pub const fn persistent(self) -> Kind {
        Kind(self.0 | PERSISTENT)
    }

    /// Whether the call returns only when this rank's part is done.
    #[must_use]
    pub const fn is_blocking(self) -> bool {
        self.0 & FORMS == 0 || self.0 >= FORMS && self.0 != Kind::COMM_IDUP.0
    }

    /// Whether it is a persistent form, whose number was drawn by its `_init` call.
    #[must_use]
    pub const fn is_persistent(self) -> bool {
        self.0 & FORMS == PERSISTENT
    }

    /// Whether it has a root.
    #[must_use]
    pub const fn is_rooted(self) -> bool {
        let operation = self.0 & !FORMS;
        let rooted = operation >= Kind::BCAST.0 && operation <= Kind::SCATTERV.0;
        let meets = self.0 >= Kind::COMM_ACCEPT.0 && self.0 <= Kind::COMM_SPAWN_MULTIPLE.0;
        meets || self.0 < FORMS && (rooted || operation == Kind::REDUCE.0)
    }

    /// For the second of two edges between the same neighbours.
    #[must_use]
    pub const fn second(self) -> Kind {
        Kind(self.0 + SECOND)
    }

    /// The kind of the first edge, for either of two edges.
    #[must_use]
    const fn first(self) -> Kind {
        let is_second = self.0 < FORMS && self.0 & !FORMS >= NEIGHBOR + SECOND;
        if is_second {
            Kind(self.0 - SECOND)
        } else {
            self
        }
    }

    /// The call: `MPI_Ibarrier`.
    #[must_use]
    pub fn name(self) -> String {
        let code = self.first().0;
        if code >= FORMS {
            let name = OTHERS.get(usize::from(code - FORMS));
            return name.map_or_else(|| "an unknown call".to_owned(), |name| (*name).to_owned());
        }
        let Some(name) = OPERATIONS.get(usize::from(code & !FORMS)) else {
            return "an unknown call".to_owned();
        };
        match code & FORMS {
            NONBLOCKING => format!("MPI_I{}", name.to_lowercase()),
            PERSISTENT => format!("MPI_{name}_init"),
            _ => format!("MPI_{name}"),
        }
    }

    /// The kind with this [`Kind::code`].
    #[must_use]
    pub const fn of_code(code: u8) -> Kind {
        Kind(code & 0x7f)
    }

    /// A number below 128.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

/// The tag of the messages of the collective with this number. Never negative.
#[inline]
#[must_use]
pub const fn tag(kind: Kind, number: u32) -> i32 {
    ((kind.0 as u32) << NUMBER_BITS | number & NUMBER).cast_signed()
}

/// The kind and the number in a tag; `None`: it is of no numbered collective.
#[must_use]
pub fn parse(tag: i32) -> Option<(Kind, u32)> {
    let tag = u32::try_from(tag).ok()?;
    let code = u8::try_from(tag >> NUMBER_BITS).ok()?;
    Some((Kind(code).first(), tag & NUMBER))
}

/// Calls whose messages carry a tag of the program's, from topic 0 on. Their tags are negative,
/// so that they never meet those of collectives.
const TAGGED: [&str; 2] = ["MPI_Comm_create_group", "MPI_Intercomm_create"];

/// The bits of such a tag that hold a number.
const TAGGED_BITS: u32 = 29;

/// A tag of messages by which a part of a communicator agrees on something: what about, below 4,
/// and a number that keeps it apart from others that are under way.
#[must_use]
pub const fn agreement(topic: i32, number: i32) -> i32 {
    let low = (1 << TAGGED_BITS) - 1;
    i32::MIN | topic << TAGGED_BITS | (number ^ number >> TAGGED_BITS) & low
}

/// The call and the program's tag, of a tag that [`agreement`] has made with such a tag.
#[must_use]
pub fn parse_agreement(tag: i32) -> Option<(&'static str, i32)> {
    let bits = tag & i32::MAX;
    let call = TAGGED.get(usize::try_from(bits >> TAGGED_BITS).ok()?)?;
    (tag < -2).then_some((call, bits & ((1 << TAGGED_BITS) - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_come_apart_again() {
        for kind in [
            Kind::BARRIER,
            Kind::EXSCAN.persistent(),
            Kind::NEIGHBOR_ALLTOALLW.nonblocking(),
            Kind::FILE_OPEN,
            Kind::FAILED,
            Kind::CHECK,
        ] {
            for number in [0, 1, NUMBER] {
                assert!(tag(kind, number) >= 0);
                assert_eq!(parse(tag(kind, number)), Some((kind, number)));
            }
        }
        assert_eq!(parse(-1), None);
        assert_eq!(tag(Kind::BCAST, NUMBER + 4), tag(Kind::BCAST, 3));
    }

    #[test]
    fn kinds_have_the_standards_names() {
        assert_eq!(Kind::BARRIER.name(), "MPI_Barrier");
        assert_eq!(Kind::BARRIER.nonblocking().name(), "MPI_Ibarrier");
        let neighbor = Kind::NEIGHBOR_ALLTOALLV.nonblocking();
        assert_eq!(neighbor.name(), "MPI_Ineighbor_alltoallv");
        assert_eq!(neighbor.second().name(), neighbor.name());
        let block = Kind::REDUCE_SCATTER_BLOCK.persistent();
        assert_eq!(block.name(), "MPI_Reduce_scatter_block_init");
        assert_eq!(Kind::WIN_CREATE_DYNAMIC.name(), "MPI_Win_create_dynamic");
    }

    #[test]
    fn codes_are_apart() {
        let second = Kind::NEIGHBOR_ALLTOALLW.persistent().second();
        assert!(second.code() < FORMS && second != Kind::NEIGHBOR_ALLTOALLW.persistent());
        assert!(Kind::NEIGHBOR_ALLTOALLW.second().code() < NONBLOCKING);
        assert!(usize::from(FORMS) + OTHERS.len() <= 128);
        assert!(Kind::REDUCE.is_rooted() && Kind::SCATTERV.nonblocking().is_rooted());
        assert!(!Kind::BARRIER.is_rooted() && !Kind::COMM_DUP.is_rooted());
        assert!(Kind::COMM_DUP.is_blocking() && !Kind::COMM_IDUP.is_blocking());
    }

    #[test]
    fn tags_of_agreements_say_what_they_are_about() {
        assert_eq!(
            parse_agreement(agreement(0, 5)),
            Some(("MPI_Comm_create_group", 5))
        );
        assert_eq!(
            parse_agreement(agreement(1, 0)),
            Some(("MPI_Intercomm_create", 0))
        );
        assert_eq!(parse_agreement(agreement(2, 5)), None);
        assert_eq!([5, -1, -2].map(parse_agreement), [None; 3]);
    }
}
