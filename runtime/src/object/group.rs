//! Groups: ordered sets of processes (MPI 5.0, section 7.3).

/// A process of the job, by its rank in `MPI_COMM_WORLD`. Independent of any
/// communicator.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Proc(pub u32);

/// An ordered set of processes. Immutable.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    procs: Members,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Members {
    /// Processes `0..n`, in order: `MPI_COMM_WORLD` and its copies.
    Iota(u32),
    /// Any others, with the inverse: process → rank.
    Listed(Vec<Proc>, std::collections::HashMap<Proc, u32>),
}

impl Group {
    /// The group of processes `0..n`, in order.
    #[must_use]
    pub fn world(n: u32) -> Group {
        Group {
            procs: Members::Iota(n),
        }
    }

    /// The group of `procs`, which must differ from one another.
    #[must_use]
    pub fn of(procs: Vec<Proc>) -> Group {
        let iota = procs.iter().zip(0u32..).all(|(p, rank)| p.0 == rank);
        let n = u32::try_from(procs.len()).expect("a job has fewer than 2³² ranks");
        if iota {
            return Group::world(n);
        }
        let ranks = procs.iter().copied().zip(0..n).collect();
        Group {
            procs: Members::Listed(procs, ranks),
        }
    }

    /// The number of processes.
    #[inline]
    #[must_use]
    pub fn size(&self) -> u32 {
        match &self.procs {
            Members::Iota(n) => *n,
            Members::Listed(procs, _) => u32::try_from(procs.len()).unwrap_or(u32::MAX),
        }
    }

    /// The process with this rank, if the group has one.
    #[inline]
    #[must_use]
    pub fn proc(&self, rank: u32) -> Option<Proc> {
        match &self.procs {
            Members::Iota(n) => (rank < *n).then_some(Proc(rank)),
            Members::Listed(procs, _) => procs.get(rank as usize).copied(),
        }
    }

    /// The rank of a process in this group, if it is a member.
    #[inline]
    #[must_use]
    pub fn rank_of(&self, proc: Proc) -> Option<u32> {
        match &self.procs {
            Members::Iota(n) => (proc.0 < *n).then_some(proc.0),
            Members::Listed(_, ranks) => ranks.get(&proc).copied(),
        }
    }

    /// Every process, by rank.
    pub fn iter(&self) -> impl Iterator<Item = Proc> + '_ {
        (0..self.size()).filter_map(|rank| self.proc(rank))
    }
}
