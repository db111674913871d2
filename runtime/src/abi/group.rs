//! Groups (MPI 5.0, section 7.3).

use super::prelude::*;

export! {
    /// Section 7.3.1, group accessors.
    fn MPI_Group_compare(group1: MPI_Group, group2: MPI_Group, result: *mut c_int);

    /// Section 7.3.1, group accessors.
    fn MPI_Group_rank(group: MPI_Group, rank: *mut c_int);

    /// Section 7.3.1, group accessors.
    fn MPI_Group_size(group: MPI_Group, size: *mut c_int);

    /// Section 7.3.1, group accessors.
    fn MPI_Group_translate_ranks(
        group1: MPI_Group, n: c_int, ranks1: *const c_int, group2: MPI_Group,
        ranks2: *mut c_int,
    );

    /// Section 7.3.2, group constructors.
    fn MPI_Comm_group(comm: MPI_Comm, group: *mut MPI_Group) on comm;

    /// Section 7.3.2, group constructors.
    fn MPI_Group_difference(group1: MPI_Group, group2: MPI_Group, newgroup: *mut MPI_Group);

    /// Section 7.3.2, group constructors.
    fn MPI_Group_excl(group: MPI_Group, n: c_int, ranks: *const c_int, newgroup: *mut MPI_Group);

    /// Section 7.3.2, group constructors.
    fn MPI_Group_from_session_pset(
        session: MPI_Session, pset_name: *const c_char, newgroup: *mut MPI_Group,
    ) on session;

    /// Section 7.3.2, group constructors.
    fn MPI_Group_incl(group: MPI_Group, n: c_int, ranks: *const c_int, newgroup: *mut MPI_Group);

    /// Section 7.3.2, group constructors.
    fn MPI_Group_intersection(group1: MPI_Group, group2: MPI_Group, newgroup: *mut MPI_Group);

    /// Section 7.3.2, group constructors.
    fn MPI_Group_range_excl(
        group: MPI_Group, n: c_int, ranges: *mut [c_int; 3], newgroup: *mut MPI_Group,
    );

    /// Section 7.3.2, group constructors.
    fn MPI_Group_range_incl(
        group: MPI_Group, n: c_int, ranges: *mut [c_int; 3], newgroup: *mut MPI_Group,
    );

    /// Section 7.3.2, group constructors.
    fn MPI_Group_union(group1: MPI_Group, group2: MPI_Group, newgroup: *mut MPI_Group);

    /// Section 7.3.3, group destructors.
    fn MPI_Group_free(group: *mut MPI_Group);
}
